"""`stackscope graph`."""

from __future__ import annotations

import argparse
import sys

from stackscope.cli import host, screen
from stackscope.facts.needs import EVERYTHING
from stackscope.facts.text import json_safe

HELP = "the whole graph for other programs (json) and for Graphviz (dot)"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--format", choices=("json", "dot"), default="json", help="default: json")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--all", action="store_true", help="dot: fold nothing")


def run(options: argparse.Namespace) -> int:
    found = host.built(options, EVERYTHING)
    if options.format == "json" or options.json:
        from stackscope.views.json_doc import document

        data = json_safe(document(found.topology))
    else:
        from stackscope.views.dot import FOLD, dot

        data = dot(found.topology, fold=None if options.all else FOLD).encode()
    if options.output is None:
        screen.show_text(data.decode())
    else:
        from stackscope.capture.files import write_whole

        write_whole(data, options.output)
        print(f"wrote {options.output}", file=sys.stderr)
    return host.exit_code(found)
