"""`stackscope schema`."""

from __future__ import annotations

import argparse

from stackscope.cli import screen

HELP = "the JSON Schema of a capture, or of the graph document"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("capture", "graph"), default="capture", help="default: capture")


def run(options: argparse.Namespace) -> int:
    import msgspec

    from stackscope.views.schema import capture_schema, graph_schema

    schema = capture_schema() if options.what == "capture" else graph_schema()
    screen.show_json(msgspec.json.format(msgspec.json.encode(schema), indent=2))
    return 0
