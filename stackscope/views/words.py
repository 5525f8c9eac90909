"""How things are said on a screen: ids at 12 digits, sizes in binary units, text from the host made harmless."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from stackscope.facts.text import visible

_LONG_ID = re.compile(r"[0-9a-f]{64}")

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def short(text: str) -> str:
    """`text` with every id of 64 hex digits cut to 12, as docker and crictl show them."""
    return _LONG_ID.sub(lambda found: found.group()[:12], text)


def digest(text: str) -> str:
    """A digest at 12 digits, without its algorithm if that is sha256."""
    return short(text).removeprefix("sha256:")


def size(count: int | None) -> str:
    """Bytes in binary units; "" for an unknown size."""
    if count is None:
        return ""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def cut(text: str, length: int) -> str:
    """`text`, cut with an ellipsis where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def many(count: int, one: str, more: str = "") -> str:
    """`1 image`, `2 images`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def together(clients: Sequence[str]) -> str:
    """`nerdctl -n moby` and `ctr -n moby` as `nerdctl, ctr -n moby`: clients with the same options on one line."""
    by_options: dict[str, list[str]] = {}
    for client in clients:
        program, _, options = client.partition(" ")
        by_options.setdefault(options, []).append(program)
    return "; ".join(f"{', '.join(programs)} {options}".strip() for options, programs in by_options.items())


def spans(*parts: str | tuple[str, str]) -> Text:
    """Words with styles, each made harmless for a terminal."""
    text = Text()
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(visible(words), style)
    return text
