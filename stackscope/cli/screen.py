"""Printing: rich on a terminal, plain text in a pipe; NO_COLOR and the width are respected."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from stackscope.facts import Gap, Why
from stackscope.facts.text import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDE = 10_000
"""Columns of a table that goes to a pipe: nothing may be cut there."""


_PADDING = re.compile(r" +$", re.MULTILINE)


def show(what: RenderableType, *, table: bool = False) -> None:
    """Print for a person. A `table` keeps its natural width where no terminal limits it."""
    console = _console(table=table)
    with console.capture() as lines:
        console.print(what, soft_wrap=False, crop=False)
    # rich fills every line up with blanks.
    sys.stdout.write(_PADDING.sub("", lines.get()))


def _console(*, table: bool) -> Console:
    from rich.console import Console

    width = None
    columns = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and not columns.isdecimal():
        width = WIDE if table else 80
    # No emoji codes, no markup, no highlighting: text from a host stays what it is.
    return Console(width=width, emoji=False, markup=False, highlight=False)


def show_json(data: bytes) -> None:
    """Write a JSON document."""
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")


def gap_notes(gaps: tuple[Gap, ...]) -> None:
    """On standard error, below a table: that it may not be whole."""
    for gap in gaps:
        if gap.why is not Why.UNSUPPORTED:
            lifts = f" → {gap.lifts}" if gap.lifts else ""
            print(visible(f"gap: {gap.subject}: {gap.why}: {gap.detail}{lifts}"), file=sys.stderr)
