"""Bytes of /proc files → values. Opens nothing."""

from __future__ import annotations

from typing import NamedTuple

from stackscope.errors import Malformed
from stackscope.facts.text import decoded

LISTENING = 0x10000
"""Bit 16 of the Flags column of /proc/net/unix, __SO_ACCEPTCON."""

ENGINES = frozenset({"dockerd", "containerd", "podman", "crio", "buildkitd", "cri-dockerd", "kubelet", "rootlesskit"})
"""`comm` of the engine programs; the kernel cuts comm at 15 bytes."""

MONITORS = frozenset({"conmon"})


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are used: `starttime` is field 22, in clock ticks since boot."""

    pid: int
    comm: str
    state: str
    ppid: int
    starttime: int


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

    A path may hold ":" and newlines are not possible in it. Raises Malformed. Source: proc_pid_cgroup(5).
    """
    paths: dict[str, str] = {}
    for line in raw.splitlines():
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
    counts. Rows that do not parse raise Malformed."""
    rows = []
    for line in raw.split(b"\n")[1:]:
        # A cheap look first: on a busy host nearly all rows are connections.
        if b" 00010000 " not in line:
            continue
        parts = line.split(None, 7)
        if len(parts) < 8:
            continue
        try:
            flags, kind, inode = int(parts[3], 16), int(parts[4], 16), int(parts[6])
        except ValueError as error:
            raise Malformed(f"/proc/net/unix: {error}") from error
        if flags & LISTENING and kind == 1 and parts[7].startswith(b"/"):
            rows.append(UnixRow(decoded(parts[7]), inode))
    return rows


def parse_ns_link(link: str) -> int:
    """The inode in a link such as `mnt:[4026531841]`. Raises Malformed."""
    opening, closing = link.find("["), link.rfind("]")
    try:
        return int(link[opening + 1 : closing])
    except ValueError as error:
        raise Malformed(f"namespace link {link!r}") from error


def socket_inode(link: str) -> int | None:
    """The N of a descriptor link `socket:[N]`; None for any other descriptor."""
    return int(link[8:-1]) if link.startswith("socket:[") and link[8:-1].isdigit() else None


def flag_value(argv: tuple[str, ...], *names: str) -> str:
    """The last value of an option, written `--name value` or `--name=value` ("" where it is not given)."""
    value = ""
    for index, word in enumerate(argv):
        if word in names and index + 1 < len(argv):
            value = argv[index + 1]
        else:
            for name in names:
                if word.startswith(f"{name}="):
                    value = word[len(name) + 1 :]
    return value
