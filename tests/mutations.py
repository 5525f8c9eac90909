"""Bytes that nearly are what they should be: a real sample with some of it changed."""

from hypothesis import strategies as st


@st.composite
def mutated(draw: st.DrawFn, *samples: bytes) -> bytes:
    """One of the samples, in which some pieces are replaced, repeated or cut out."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 12))
        piece = draw(st.one_of(st.binary(max_size=8), st.just(data[start:end] * 2), st.sampled_from(_NASTY)))
        data = data[:start] + piece + data[end:]
    return data


_NASTY = (
    b"", b"\0", b"\n", b"\r", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"-1", b"99999999999999999999999",
    b"1e999", b"null", b"{}", b"[]", b'"', b"[" * 2000, b"(", b")", b":", b"]", b" ", b"\xc2\x85",
)  # fmt: skip
