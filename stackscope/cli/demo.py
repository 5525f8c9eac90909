"""`stackscope demo`: any command on a recorded host that comes with stackscope."""

from __future__ import annotations

import argparse
import sys

HELP = "any command on a recorded host that comes with stackscope: demo tree, demo why IMAGE …"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND …", help="default: tree")


def run(options: argparse.Namespace) -> int:
    """The command after `demo`, on the recorded host."""
    from stackscope.cli.arguments import parse

    words = options.words or ["tree"]
    if options.json and "--json" not in words:
        words = [*words, "--json"]
    inner = parse(words)
    return show(inner)


def show(options: argparse.Namespace) -> int:
    """Run a parsed command on the recorded host, and say that it is one."""
    print("DEMO: a recorded host, not this machine.", file=sys.stderr if options.json else sys.stdout, flush=True)
    from importlib.resources import as_file, files

    with as_file(files("stackscope.demo") / "host.json.zst") as path:
        options.from_ = str(path)
        options.or_demo = False
        options.demo = True
        code: int = options.run(options)
    return code
