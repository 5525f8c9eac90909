"""Text from a host is hostile: one function makes it showable, one makes it safe to paste."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

# C0 and DEL, C1, line and paragraph separators, bidirectional controls and isolates, zero-width characters, the
# byte-order mark, interlinear annotation, controls of shorthand and of music, tags, and
# lone surrogates (undecodable bytes); U+FFFE and U+FFFF, which no XML may hold.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f\ud800-\udfff]"
)

# Of the same, those that JSON lets stand as they are.
_ABOVE_ASCII = re.compile(_CONTROLS.pattern.replace("\x00-\x1f\x7f", "\x7f"))

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"}


def visible(text: str) -> str:
    """`text` with controls, bidirectional, zero-width and undecodable characters as visible escapes."""
    return _CONTROLS.sub(_escape, text) if _CONTROLS.search(text) else text


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_safe(data: bytes) -> bytes:
    """A JSON document with the same content in which every control, bidirectional and zero-width character is written
    as an escape: it may be printed to a terminal. Its own line ends stay."""
    text = data.decode("utf-8")
    return _ABOVE_ASCII.sub(_json_escape, text).encode() if _ABOVE_ASCII.search(text) else data


def _json_escape(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def command(*words: str) -> str:
    """A shell command for pasting: every word quoted, and nothing in it that a terminal would act on.

    A word with control characters is written in bash's `$'…'` form, so that the command still names the same thing.
    """
    return " ".join(_quote(word) for word in words)


@lru_cache(maxsize=4096)
def _quote(word: str) -> str:
    if not _CONTROLS.search(word):
        return shlex.quote(word)
    out = []
    for byte in word.encode("utf-8", "backslashreplace"):
        char = chr(byte)
        out.append(char if (char.isalnum() and byte < 0x80) or char in "/._:@=,+-" else f"\\x{byte:02x}")
    return "$'" + "".join(out) + "'"


def decoded(raw: bytes) -> str:
    """Bytes of a host as text. A byte that is not UTF-8 becomes a visible escape of four characters, a backslash, `x`
    and two digits: JSON has no way to hold the byte, and a person can read that."""
    return raw.decode("utf-8", "backslashreplace")
