"""Options in a command line."""

from __future__ import annotations


def option(argv: tuple[str, ...], *names: str) -> str:
    """The last value of an option, written `--name value` or `--name=value`; "" where it is not given."""
    value = ""
    for index, word in enumerate(argv):
        if word in names and index + 1 < len(argv):
            value = argv[index + 1]
            continue
        name, equals, given = word.partition("=")
        if equals and name in names:
            value = given
    return value
