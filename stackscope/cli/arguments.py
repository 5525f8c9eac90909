"""The command line: global options go before or after the command's name; no command is `tree`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from stackscope import __version__
from stackscope.cli import capture, demo, graph, images, ps, schema, tree, why


class Usage(Exception):
    """A command line that cannot be read; the text says why, and where help is."""


class Parser(argparse.ArgumentParser):
    """Raises Usage instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{self.prog}: {message}\n  Try: {self.prog} --help")


@dataclass(frozen=True)
class Command:
    """A command: its module's `configure` adds its options, its `run` answers with the exit code."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS = tuple(
    Command(name, module.HELP, module.configure, module.run)
    for name, module in (
        ("tree", tree),
        ("ps", ps),
        ("images", images),
        ("why", why),
        ("graph", graph),
        ("capture", capture),
        ("schema", schema),
        ("demo", demo),
    )
)

_TAKES_VALUE = ("--from", "--timeout")


def parser() -> argparse.ArgumentParser:
    """The whole command line; the reference page is made from it."""
    shared = _shared()
    top = Parser(
        prog="stackscope",
        allow_abbrev=False,
        description="Shows what runs on a container host, which engine owns it, and what each client can see. "
        "It only looks. Without a command: tree.",
        epilog="Exit codes: 0 answered; 1 answered, and something is wrong; 2 wrong usage or unreadable input; "
        "3 cannot tell, because of gaps; 70 stackscope itself failed.",
        parents=[shared],
    )
    top.add_argument("-V", "--version", action="version", version=f"stackscope {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.help, description=command.help, parents=[shared], allow_abbrev=False
        )
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return top


def parse(words: list[str]) -> argparse.Namespace:
    """Raises Usage. `from_`, `json` and `timeout` are always set."""
    options = parser().parse_args(_with_command(words))
    for name, default in (("from_", None), ("json", False), ("timeout", 5.0)):
        if not hasattr(options, name):
            setattr(options, name, default)
    return options


def _with_command(words: list[str]) -> list[str]:
    """The same words with `tree` in front where no command is named: then every word is an option of tree's."""
    waiting = iter(words)
    for word in waiting:
        if word in _TAKES_VALUE:
            next(waiting, None)
        elif word in ("-h", "--help", "-V", "--version") or not word.startswith("-"):
            return words
    return ["tree", *words]


def _shared() -> Parser:
    # SUPPRESS keeps a subcommand's default from overwriting what stands before the command's name.
    shared = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--from", dest="from_", metavar="FILE", help="answer from a capture instead of this host")
    shared.add_argument("--json", action="store_true", help="answer as JSON")
    shared.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="budget of each engine, for all its calls (default 5)"
    )
    return shared


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 600")
    return seconds
