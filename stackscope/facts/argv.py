"""Options in a command line."""

from __future__ import annotations


def option(argv: tuple[str, ...], *names: str) -> str:
    """The last value of an option, written `--name value` or `--name=value`; "" where it is not given."""
    values = options(argv, *names)
    return values[-1] if values else ""


def options(argv: tuple[str, ...], *names: str) -> list[str]:
    """Every value of an option that may be given more than once."""
    values = []
    for index, word in enumerate(argv):
        if word in names and index + 1 < len(argv):
            values.append(argv[index + 1])
            continue
        name, equals, given = word.partition("=")
        if equals and name in names:
            values.append(given)
    return values
