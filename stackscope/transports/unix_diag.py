"""The kernel's table of connected unix sockets, by NETLINK_SOCK_DIAG: the only place that knows who is connected to
whom (sock_diag(7), linux: net/unix/diag.c)."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stackscope.errors import Malformed

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 0x1
_NLM_F_DUMP = 0x300
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_SHOW_NAME = 0x01
_SHOW_PEER = 0x04
_ESTABLISHED = 1
_NAME = 0
_PEER = 2

_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_MESSAGE = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")


class Connected(NamedTuple):
    """An accepted socket: its listener's path, and the inode of the client's end."""

    path: str
    client_inode: int


def connected(paths: Iterable[str]) -> list[Connected]:
    """The accepted sockets of this network namespace at one of these paths. Raises OSError or Malformed."""
    wanted = {os.fsencode(path): path for path in paths}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(2)
        body = _REQUEST.pack(
            socket.AF_UNIX, 0, 0, 1 << _ESTABLISHED, 0, _SHOW_NAME | _SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF
        )
        head = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0)
        netlink.send(head + body)
        found: list[Connected] = []
        while _take(netlink.recv(1 << 18), found, wanted):
            pass
    return found


def _take(data: bytes, found: list[Connected], wanted: Mapping[bytes, str]) -> bool:
    """Add what a datagram holds of the wanted paths; False at the end of the dump."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise Malformed("a netlink message longer than its datagram")
        if kind == _NLMSG_DONE:
            return False
        if kind == _NLMSG_ERROR:
            if length < _HEADER.size + 4:
                raise Malformed("a netlink error without its number")
            (code,) = struct.unpack_from("=i", data, at + _HEADER.size)
            raise OSError(-code or errno.EIO, os.strerror(-code or errno.EIO))
        row = _row(data[at + _HEADER.size : at + length], wanted)
        if row is not None:
            found.append(row)
        at += (length + 3) & ~3
    return True


def _row(body: bytes, wanted: Mapping[bytes, str]) -> Connected | None:
    path, peer = b"", 0
    at = _MESSAGE.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size or at + length > len(body):
            raise Malformed("a netlink attribute longer than its message")
        value = body[at + _ATTRIBUTE.size : at + length]
        if kind == _NAME:
            # A path comes with a trailing NUL, an abstract name starts with one.
            path = value.rstrip(b"\0")
            if path not in wanted:
                return None
        elif kind == _PEER and len(value) == 4:
            (peer,) = struct.unpack("=I", value)
        at += (length + 3) & ~3
    return Connected(wanted[path], peer) if path and peer else None
