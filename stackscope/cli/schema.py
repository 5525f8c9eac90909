"""`stackscope schema`."""

from __future__ import annotations

import argparse

from stackscope.cli import screen

HELP = "the JSON Schema of a capture, or of the graph document"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("capture", "graph"), default="capture", help="default: capture")


def run(options: argparse.Namespace) -> int:
    from stackscope.views.schema import schema_text

    screen.show_json(schema_text(options.what).encode())
    return 0
