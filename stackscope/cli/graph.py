"""`stackscope graph`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stackscope.cli import host, screen
from stackscope.errors import CannotWrite
from stackscope.facts.needs import EVERYTHING

HELP = "the whole graph for other programs (json) and for Graphviz (dot)"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--format", choices=("json", "dot"), default="json", help="default: json")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--all", action="store_true", help="dot: fold nothing")


def run(options: argparse.Namespace) -> int:
    found = host.built(options, EVERYTHING)
    if options.format == "json" or options.json:
        from stackscope.views.json_doc import document

        data = document(found.topology)
    else:
        from stackscope.views.dot import FOLD, dot

        data = dot(found.topology, fold=None if options.all else FOLD).encode()
    if options.output is None:
        screen.show_json(data)
    else:
        try:
            Path(options.output).write_bytes(data)
        except OSError as error:
            raise CannotWrite(f"{options.output}: {error.strerror}", "Choose another place") from error
        print(f"wrote {options.output}", file=sys.stderr)
    return host.exit_code(found)
