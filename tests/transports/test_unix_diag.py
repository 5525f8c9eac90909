"""The kernel's table of connected sockets: crafted datagrams, and the real one."""

import os
import socket
import struct
from pathlib import Path

import pytest

from stackscope.errors import Malformed
from stackscope.transports import unix_diag
from stackscope.transports.unix_diag import Connected

WANTED = {
    b"/run/a.sock": "/run/a.sock",
    b"/run/b": "/run/b",
    b"/run/\xff": "/run/\\xff",
    b"/run/listener": "/run/listener",
}

ROW, ERROR, DONE = 20, 2, 3
NAME, PEER, ICONS = 0, 2, 3


def attribute(kind: int, value: bytes, length: int | None = None) -> bytes:
    data = struct.pack("=HH", 4 + len(value) if length is None else length, kind) + value
    return data + b"\0" * (-len(data) % 4)


def message(kind: int, body: bytes, length: int | None = None) -> bytes:
    data = struct.pack("=IHHII", 16 + len(body) if length is None else length, kind, 2, 1, 0) + body
    return data + b"\0" * (-len(data) % 4)


def row(*attributes: bytes) -> bytes:
    return message(ROW, struct.pack("=BBBBIII", 1, 1, 1, 0, 4711, 0, 0) + b"".join(attributes))


def taken(data: bytes) -> tuple[bool, list[Connected]]:
    found: list[Connected] = []
    return unix_diag._take(data, found, WANTED), found


def test_rows_of_a_datagram() -> None:
    data = (
        row(attribute(NAME, b"/run/a.sock\0"), attribute(PEER, struct.pack("=I", 12)))
        + row(attribute(PEER, struct.pack("=I", 13)), attribute(ICONS, b"12345"), attribute(NAME, b"/run/b"))
        + row(attribute(NAME, b"\0abstract"), attribute(PEER, struct.pack("=I", 14)))
        + row(attribute(NAME, b"/run/listener\0"))
        + row(attribute(PEER, struct.pack("=I", 15)))
        + row(attribute(NAME, b"/run/\xff\0"), attribute(PEER, struct.pack("=I", 16)))
    )
    more, found = taken(data)
    assert more
    assert found == [Connected("/run/a.sock", 12), Connected("/run/b", 13), Connected("/run/\\xff", 16)]


def test_the_end_of_the_dump() -> None:
    end = message(DONE, struct.pack("=i", 0))
    assert taken(row(attribute(NAME, b"/a\0"), attribute(PEER, struct.pack("=I", 1))) + end)[0] is False


def test_an_error_is_the_kernels_own() -> None:
    with pytest.raises(PermissionError):
        taken(message(ERROR, struct.pack("=i", -1)))
    with pytest.raises(OSError, match="rror"):
        taken(message(ERROR, struct.pack("=i", 0)))


@pytest.mark.parametrize(
    "data",
    [
        message(ROW, b"", length=15),
        message(ROW, b"", length=17),
        message(ROW, b"x" * 16, length=0),
        message(ROW, b"x" * 16, length=0xFFFFFFFF),
        message(ERROR, b""),
        message(ERROR, b"abc"),
        row(attribute(NAME, b"/a", length=3)),
        row(attribute(NAME, b"/a", length=0)),
        row(attribute(NAME, b"/a", length=0xFFFF)),
    ],
)
def test_lengths_that_do_not_fit_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        taken(data)


@pytest.mark.parametrize("data", [b"", b"\0" * 15, message(ROW, b""), message(ROW, b"short")])
def test_what_holds_nothing_adds_nothing(data: bytes) -> None:
    assert taken(data) == (True, [])


def test_a_connection_of_this_very_process(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        assert path not in {found.path for found in unix_diag.connected([str(path)])}
        client.connect(path)
        accepted, _ = server.accept()
        with accepted:
            mine = [found for found in unix_diag.connected([str(path)]) if found.path == path]
        assert mine == [Connected(path, os.fstat(client.fileno()).st_ino)]
