"""Text that a terminal, or a shell, would act on."""

import json
import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackscope.facts import text

BIDI = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
SHOWN_FORMAT = {
    # Format characters that are seen: Arabic and Kaithi number signs, Syriac, Egyptian joiners.
    *map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440))),
}

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
HOSTILE = st.text(
    st.sampled_from("\x1b\x07\x9b\r\n\t\0\x7f\u202e\u2066\ufeff\u200b\ud800\U000e0041 $`'\"\\!;|&<>(){}[]*?~#aé")
)


@given(st.one_of(ANY_TEXT, HOSTILE))
def test_nothing_that_acts_on_a_terminal_is_left(value: str) -> None:
    shown = text.visible(value)
    for char in shown:
        category = unicodedata.category(char)
        assert category not in ("Cc", "Cs", "Zl", "Zp"), hex(ord(char))
        assert category != "Cf" or char in SHOWN_FORMAT, hex(ord(char))
        assert char not in BIDI
    shown.encode()


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs", "M"])))
def test_what_can_be_seen_stays_as_it_is(value: str) -> None:
    assert text.visible(value) == value


def test_every_character_of_unicode() -> None:
    """Whether it is shown must not depend on its neighbours, so one by one is all there is to try."""
    for code in range(0x110000):
        char = chr(code)
        acts = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in SHOWN_FORMAT
        assert (text.visible(char) != char) >= acts, hex(code)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202efed", "abc\\u202efed"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("naïve 日本 🐳", "naïve 日本 🐳"),
    ],
)
def test_escapes_are_visible(value: str, shown: str) -> None:
    assert text.visible(value) == shown


# What a shell makes of a command.


def parsed_by_bash(*commands: str) -> list[list[str]]:
    """The words that bash passes on, of each command. One bash for all of them."""
    script = "\n".join(f"printf '%s\\0' {command}; printf '\\1\\0'" for command in commands)
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, stdin=subprocess.DEVNULL)
    rows: list[list[str]] = [[]]
    for word in done.stdout.decode().split("\0")[:-1]:
        if word == "\1":
            rows.append([])
        else:
            rows[-1].append(word)
    return rows[:-1]


# The marker of parsed_by_bash, and what no word of a command can hold.
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0\1"), max_size=20)
NASTY_WORD = st.text(
    st.sampled_from("\x1b\x07\x9b\r\n\t\x7f\u202e\u2066\ufeff $`'\"\\!;|&<>(){}[]*?~#=%^-aé0x"), max_size=20
)


@settings(max_examples=20)
@given(st.lists(st.lists(st.one_of(WORD, NASTY_WORD), min_size=1, max_size=4), min_size=1, max_size=50))
def test_a_shell_reads_every_word_as_it_was(commands: list[list[str]]) -> None:
    assert parsed_by_bash(*(text.command(*words) for words in commands)) == commands


@given(st.lists(st.one_of(ANY_TEXT, HOSTILE), min_size=1, max_size=4))
def test_a_command_can_be_shown_as_it_is(words: list[str]) -> None:
    shown = text.command(*words)
    assert text.visible(shown) == shown


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]))))
def test_an_ordinary_command_is_quoted_as_everybody_does(words: list[str]) -> None:
    assert text.command(*words) == shlex.join(words)


def test_a_digit_after_an_escape_is_no_part_of_it() -> None:
    assert parsed_by_bash(text.command("\x1b1", "\n0", "\x07f")) == [["\x1b1", "\n0", "\x07f"]]


@given(st.binary(max_size=100))
def test_bytes_of_a_host_are_always_text_that_json_can_hold(raw: bytes) -> None:
    decoded = text.decoded(raw)
    decoded.encode()
    assert "\x00" not in decoded or b"\0" in raw


@given(st.recursive(st.one_of(ANY_TEXT, HOSTILE), lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_json_is_the_same_and_acts_on_no_terminal(content: object) -> None:
    data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")
    try:
        whole = json.loads(data)
    except json.JSONDecodeError:
        # A lone surrogate has no JSON; no fact holds one.
        return
    safe = text.json_safe(data)
    assert json.loads(safe) == whole
    assert text.visible(safe.decode().replace("\n", " ")) == safe.decode().replace("\n", " ")
