"""Captures that somebody else wrote, and text that nobody foresaw."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from stackscope.capture import files
from stackscope.capture.redact import redacted, words
from stackscope.errors import UnreadableCapture
from stackscope.facts.container import DockerContainer
from stackscope.facts.process import Process
from tests.capture.captures import ORIGIN, capture
from tests.capture.test_files import JSON, zst
from tests.mutations import mutated

TEXT = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ("password", "token", "authorization", "cookie", "mysql", "-p", "http", "://", "@", "?", "&", "=", ":", " ",
             "\n", '"', "'", "\\", "{", "}", "[", "]", ",", ";", "-", "--", ".", "a", "7", "eyJ", "$1$", "[redacted]"),
        ),
        max_size=25,
    ).map("".join),
)  # fmt: skip


@given(st.one_of(mutated(JSON, zst(JSON)), st.binary(max_size=200)))
def test_a_capture_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(UnreadableCapture):
        found = files.decode(files._decompressed(data, "x"), "x")
        assert files.decode(files.encode(found), "x") == found


@given(TEXT, st.lists(TEXT, max_size=6))
def test_redaction_ends_and_keeps_the_shape(text: str, argv: list[str]) -> None:
    before = capture(
        DockerContainer(origin=ORIGIN, id="a", names=(), image="", image_id="", command=text, labels={"note": text}),
        Process(origin=ORIGIN, pid=1, starttime=1, ppid=0, comm="a", role="container", argv=tuple(argv)),
    )
    after = redacted(before)
    (process,) = [fact for fact in after.facts if isinstance(fact, Process)]
    assert len(process.argv) == len(argv)
    assert files.decode(files.encode(after), "x") == after


@given(st.lists(TEXT, max_size=5), st.text("abcXYZ0189-_", min_size=8), st.lists(TEXT, max_size=5))
def test_a_password_option_is_hidden_whatever_stands_around_it(
    before: list[str], secret: str, after: list[str]
) -> None:
    secret = f"s{secret}s"
    argv = ("app", *before, f"--password={secret}", *after)
    assert words(argv)[len(before) + 1] == "--password=[redacted]"
