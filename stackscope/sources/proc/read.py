"""Bytes of /proc files → values. Opens nothing."""

from __future__ import annotations

import re
from typing import NamedTuple

from stackscope.errors import Malformed
from stackscope.facts.text import decoded

_UNIX_COLUMNS = [b"Num", b"RefCount", b"Protocol", b"Flags", b"Type", b"St", b"Inode", b"Path"]

LISTENING = 0x10000
"""Bit 16 of the Flags column of /proc/net/unix, __SO_ACCEPTCON."""

ENGINES = frozenset({"dockerd", "containerd", "podman", "crio", "buildkitd", "cri-dockerd", "kubelet", "rootlesskit"})
"""`comm` of the engine programs; the kernel cuts comm at 15 bytes."""

_NS_LINK = re.compile(r"[a-z_]+:\[([0-9]{1,20})\]")
_SOCKET_LINK = re.compile(r"socket:\[([0-9]{1,20})\]")

_PF_KTHREAD = 0x00200000

SHIM_COMM = "containerd-shim"
"""What `comm` of every containerd shim begins with: containerd-shim-runc-v2, cut at 15 bytes."""

MONITORS = frozenset({"conmon"})


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are used: `starttime` is field 22, in clock ticks since boot; `kernel` is the
    flag PF_KTHREAD (linux: include/linux/sched.h) of field 9."""

    pid: int
    comm: str
    state: str
    ppid: int
    starttime: int
    kernel: bool = False


def parse_stat(raw: bytes) -> Stat:
    """Raises Malformed. Source: proc_pid_stat(5)."""
    # comm may hold spaces and ")", so cut at the last one.
    opening, closing = raw.find(b"("), raw.rfind(b")")
    if opening < 1 or closing < opening:
        raise Malformed("stat without a command name")
    rest = raw[closing + 2 :].split()
    try:
        return Stat(
            pid=int(raw[:opening]),
            comm=decoded(raw[opening + 1 : closing]),
            state=rest[0].decode("ascii"),
            ppid=int(rest[1]),
            starttime=int(rest[19]),
            kernel=bool(int(rest[6]) & _PF_KTHREAD),
        )
    except (IndexError, ValueError) as error:
        raise Malformed(f"stat: {error}") from error


def parse_cmdline(raw: bytes) -> tuple[str, ...]:
    """The words of /proc/PID/cmdline; () for a kernel thread or a zombie."""
    if not raw:
        return ()
    words = raw.split(b"\0")
    if words[-1] == b"":
        words.pop()
    return tuple(decoded(word) for word in words)


def parse_cgroup(raw: bytes) -> dict[str, str]:
    """/proc/PID/cgroup: controller list ("" for the v2 line, `name=systemd` for named v1 ones) → path.

    A path may hold ":" and carriage returns; newlines are not possible in it. Raises Malformed. Source:
    proc_pid_cgroup(5).
    """
    paths: dict[str, str] = {}
    for line in raw.removesuffix(b"\n").split(b"\n") if raw else ():
        parts = line.split(b":", 2)
        if len(parts) != 3:
            raise Malformed("a cgroup line without three parts")
        paths[decoded(parts[1])] = decoded(parts[2])
    return paths


class UnixRow(NamedTuple):
    """A row of /proc/net/unix that listens."""

    path: str
    inode: int


def parse_net_unix(raw: bytes) -> list[UnixRow]:
    """The listening stream sockets with a path. Accepted sockets repeat their listener's path, so only the flag
    counts. Raises Malformed where the columns are not those of proc_pid_net(5).

    The kernel writes a path as it is: one with a newline goes on in a line that is no row, and is skipped. It must not
    hide the others.
    """
    head, *lines = raw.split(b"\n")
    if head.split() != _UNIX_COLUMNS:
        raise Malformed("/proc/net/unix has other columns than are known")
    rows = []
    for line in lines:
        # A cheap look first: on a busy host nearly all rows are connections.
        if b" 00010000 " not in line:
            continue
        parts = line.split(None, 7)
        if len(parts) < 8:
            continue
        try:
            flags, kind, inode = int(parts[3], 16), int(parts[4], 16), int(parts[6])
        except ValueError:
            continue
        if flags & LISTENING and kind == 1 and parts[7].startswith(b"/"):
            rows.append(UnixRow(decoded(parts[7]), inode))
    return rows


def parse_ns_link(link: str) -> int:
    """The inode in a link such as `mnt:[4026531841]`. Raises Malformed."""
    found = _NS_LINK.fullmatch(link)
    if found is None:
        raise Malformed(f"namespace link {link!r}")
    return int(found[1])


def socket_inode(link: str) -> int | None:
    """The N of a descriptor link `socket:[N]`; None for any other descriptor."""
    found = _SOCKET_LINK.fullmatch(link)
    return int(found[1]) if found is not None else None
