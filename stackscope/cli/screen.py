"""Printing: rich on a terminal, plain text in a pipe; NO_COLOR and the width are respected."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING

from stackscope.errors import CannotWrite
from stackscope.facts import Gap, Why
from stackscope.facts.text import json_safe, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDE = 10_000
"""Columns of a table that goes to a pipe: nothing may be cut there."""


_PADDING = re.compile(r" +$", re.MULTILINE)


def show(what: RenderableType, *, table: bool = False) -> None:
    """Print for a person. A `table` keeps its natural width where no terminal limits it."""
    text = _Page()
    _console(text, table=table).print(what, soft_wrap=False, crop=False)
    # rich fills every line up with blanks.
    _write(_PADDING.sub("", text.getvalue()))


class _Page(io.StringIO):
    """A page that rich writes on: it draws with ASCII where standard output takes no more."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return sys.stdout.encoding


def _console(file: io.StringIO, *, table: bool) -> Console:
    from rich.console import Console

    width = None
    columns = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and not columns.isdecimal():
        width = WIDE if table else 80
    # No emoji codes, no markup, no highlighting: text from a host stays what it is.
    terminal = sys.stdout.isatty() or None
    return Console(file=file, force_terminal=terminal, width=width, emoji=False, markup=False, highlight=False)


def show_json(data: bytes) -> None:
    """Write a JSON document."""
    _write(json_safe(data).decode("utf-8").rstrip("\n") + "\n")


def show_text(text: str) -> None:
    """Write a text for another program: DOT."""
    _write(text)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough; the exit code still says what the answer is.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        why = (error.strerror or str(error)).lower()
        raise CannotWrite(f"cannot write the answer: {why}", "Choose another place for it") from error


def gap_notes(gaps: tuple[Gap, ...]) -> None:
    """On standard error, below a table: that it may not be whole."""
    for gap in gaps:
        if gap.why is not Why.UNSUPPORTED:
            lifts = f" → {gap.lifts}" if gap.lifts else ""
            print(visible(f"gap: {gap.subject}: {gap.why}: {gap.detail}{lifts}"), file=sys.stderr)
