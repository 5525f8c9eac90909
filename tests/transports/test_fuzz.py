"""Datagrams of another kernel."""

import contextlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from stackscope.errors import Malformed
from stackscope.transports import unix_diag
from stackscope.transports.unix_diag import Connected
from tests.mutations import mutated
from tests.transports.test_unix_diag import NAME, PEER, WANTED, attribute, row

ROWS = row(attribute(NAME, b"/run/a.sock\0"), attribute(PEER, struct.pack("=I", 12))) * 2


@given(st.one_of(mutated(ROWS), st.binary(max_size=200)))
def test_a_datagram(data: bytes) -> None:
    found: list[Connected] = []
    # An error in a datagram is the kernel's own, and an OSError.
    with contextlib.suppress(Malformed, OSError):
        unix_diag._take(data, found, WANTED)
    assert all(path.startswith("/") and inode > 0 for path, inode in found)
