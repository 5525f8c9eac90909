"""One pass over /proc: who runs, who listens, who holds which listening socket."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from stackscope.errors import Malformed
from stackscope.facts import Fact, Gap, Listing, Origin, Why
from stackscope.facts.needs import NOTHING, Needs
from stackscope.facts.process import Process
from stackscope.facts.socket import Connection, Listener, SocketHolder
from stackscope.sources.proc import read
from stackscope.sources.proc.read import Stat
from stackscope.transports import unix_diag

_ENDED = frozenset({"Z", "X"})
"""States of a process that has ended (proc_pid_stat(5))."""

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")

_MAX_FILE = 1 << 20
"""Bytes of one /proc/PID file. cmdline may be as long as the stack; more than this is cut."""

_SHIM_SOCKET = re.compile(r"/[0-9a-f]{64}$")

_MAX_TABLE = 64 << 20
"""Bytes of /proc/net/unix: some 600,000 sockets."""


class ProcPass:
    """A pass over /proc in two stages: `first` has what discovery needs, `second` the rest.

    Between them nothing is read twice but the start time, which must be the same: a pid alone names nothing.
    """

    def __init__(self, root: str = "/proc", needs: Needs = NOTHING) -> None:
        self._root = root
        self._needs = needs
        self._stats: dict[int, Stat] = {}
        self._roles: dict[int, str] = {}
        self._denied = 0

    def first(self) -> Iterator[Fact | Gap]:
        """The engines, the listening sockets, and the processes that hold them."""
        try:
            pids = [int(name) for name in os.listdir(self._root) if name.isdigit()]
        except OSError as error:
            yield self._gap("kernel", error, self._root, "the list of processes")
            return
        for pid in pids:
            stat = self._stat(pid)
            if stat is not None:
                self._stats[pid] = stat
        if 1 not in self._stats:
            yield Gap(
                subject="kernel",
                why=Why.DENIED,
                detail=f"{self._root} shows only this user's processes (hidepid)",
                origin=Origin(witness="kernel", call=self._root),
                lifts="run as root",
            )
        self._roles = _roles(self._stats)
        for pid, role in sorted(self._roles.items()):
            if role == "engine":
                yield from self.process(pid, role)
        yield from self._sockets()

    def second(self) -> Iterator[Fact | Gap]:
        """The other processes that play a part."""
        for pid, role in sorted(self._roles.items()):
            if role != "engine":
                yield from self.process(pid, role)
        if self._denied and os.geteuid() != 0:
            yield Gap(
                subject="kernel",
                why=Why.DENIED,
                detail=f"the open files, namespaces or root of {self._denied} processes of other users",
                origin=Origin(witness="kernel", call=f"{self._root}/PID/fd"),
                lifts="run as root",
            )

    def process(self, pid: int, role: str, *, whole: bool = False) -> Iterator[Process | Gap]:
        """One process; nothing where it ended since, or where its pid was given to another.

        `whole` reads its owner and a shim's working directory although the question does not need them: with
        thousands of processes each further file counts.
        """
        whole = whole or Needs.KERNEL in self._needs
        stat = self._stats.get(pid) or self._stat(pid)
        if stat is None:
            return
        base = f"{self._root}/{pid}"
        origin = Origin(witness="kernel", call=f"/proc/{pid}", command=f"cat /proc/{pid}/stat")
        argv: tuple[str, ...] = ()
        cgroups: dict[str, str] = {}
        try:
            argv = read.parse_cmdline(_slurp(f"{base}/cmdline", _MAX_FILE))
            if role != "shim":
                cgroups = read.parse_cgroup(_slurp(f"{base}/cgroup", _MAX_FILE))
        except (FileNotFoundError, ProcessLookupError):
            return
        except OSError as error:
            yield self._gap(f"process|kernel|{pid}@{stat.starttime}", error, base, "argv and cgroup")
        except Malformed as error:
            yield Gap(subject="kernel", why=Why.MALFORMED, detail=str(error), origin=origin)
        again = self._stat(pid)
        if again is None or again.starttime != stat.starttime:
            return
        yield Process(
            origin=origin,
            pid=pid,
            starttime=stat.starttime,
            ppid=stat.ppid,
            comm=stat.comm,
            role=role,
            argv=argv,
            uid=self._uid(base) if whole or role == "engine" else -1,
            exe=self._link(f"{base}/exe") if role == "engine" else "",
            root=self._link(f"{base}/root") if role == "engine" else "",
            cwd=self._link(f"{base}/cwd") if whole and role == "shim" else "",
            state=stat.state,
            cgroups=cgroups,
            namespaces=self._namespaces(base) if role != "process" and Needs.KERNEL in self._needs else {},
        )

    def _stat(self, pid: int) -> Stat | None:
        try:
            return read.parse_stat(_slurp(f"{self._root}/{pid}/stat", 4096))
        except (OSError, Malformed):
            # It ended between the listing and the look (or was never readable): then it is no process of this host.
            return None

    def _sockets(self) -> Iterator[Fact | Gap]:
        table = f"{self._root}/net/unix"
        try:
            rows = read.parse_net_unix(_slurp(table, _MAX_TABLE))
        except OSError as error:
            yield self._gap("kernel", error, table, "the listening unix sockets")
            return
        except Malformed as error:
            yield Gap(
                subject="kernel", why=Why.MALFORMED, detail=str(error), origin=Origin(witness="kernel", call=table)
            )
            return
        origin = Origin(witness="kernel", call="/proc/net/unix", command="cat /proc/net/unix")
        wanted: dict[int, str] = {}
        for row in rows:
            # Shims listen too, one each, on a name of 64 hex digits; which is whose follows from their argv.
            if not _SHIM_SOCKET.search(row.path):
                wanted[row.inode] = row.path
                yield Listener(origin=origin, path=row.path, socket_inode=row.inode)
        owners: dict[int, int] = {}
        yield from self._holders(wanted, owners)
        yield from self._connections(set(wanted.values()), owners)
        yield Listing(origin=origin, what="listeners", count=len(wanted))

    def _connections(self, paths: set[str], owners: dict[int, int]) -> Iterator[Fact | Gap]:
        origin = Origin(witness="kernel", call="NETLINK_SOCK_DIAG", command="ss -xpH state connected")
        try:
            rows = unix_diag.connected(paths)
        except (OSError, Malformed) as error:
            detail = f"who is connected to whom: {getattr(error, 'strerror', None) or error}"
            yield Gap(subject="kernel", why=Why.UNSUPPORTED, detail=detail, origin=origin)
            return
        for path, inode in sorted(set(rows)):
            pid = owners.get(inode)
            if pid is not None:
                yield Connection(
                    origin=origin, path=path, socket_inode=inode, pid=pid, starttime=self._stats[pid].starttime
                )

    def _holders(self, wanted: dict[int, str], owners: dict[int, int]) -> Iterator[Fact | Gap]:
        """The holders of the wanted sockets; `owners` gets the pid of every socket that was seen."""
        for pid, stat in self._stats.items():
            role = self._roles.get(pid)
            # Kernel threads hold nothing. Shims and the processes in containers are many; engines inside
            # containers carry an engine's name.
            if stat.kernel or (role in ("shim", "container", "process") and stat.comm not in read.ENGINES):
                continue
            folder = f"{self._root}/{pid}/fd"
            try:
                names = os.listdir(folder)
            except PermissionError:
                self._denied += 1
                continue
            except OSError:
                continue
            held = set()
            for name in names:
                try:
                    inode = read.socket_inode(os.readlink(f"{folder}/{name}"))
                except OSError:
                    continue
                if inode is None:
                    continue
                owners[inode] = pid
                if inode in wanted:
                    held.add(inode)
            for inode in sorted(held):
                if pid not in self._roles:
                    self._roles[pid] = "holder"
                yield SocketHolder(
                    origin=Origin(witness="kernel", call=f"/proc/{pid}/fd", command=f"ls -l /proc/{pid}/fd"),
                    socket_inode=inode,
                    pid=pid,
                    starttime=stat.starttime,
                    comm=stat.comm,
                )

    def _uid(self, base: str) -> int:
        try:
            return os.stat(base).st_uid
        except OSError:
            return -1

    def _link(self, path: str) -> str:
        try:
            return os.fsencode(os.readlink(path)).decode("utf-8", "backslashreplace")
        except PermissionError:
            self._denied += 1
        except OSError:
            pass
        return ""

    def _namespaces(self, base: str) -> dict[str, int]:
        found = {}
        for kind in NAMESPACES:
            try:
                found[kind] = read.parse_ns_link(os.readlink(f"{base}/ns/{kind}"))
            except PermissionError:
                self._denied += 1
                break
            except (OSError, Malformed):
                # Old kernels have no `time`; a process that ended has none at all.
                continue
        return found

    def _gap(self, subject: str, error: OSError, path: str, what: str) -> Gap:
        why = Why.DENIED if isinstance(error, PermissionError) else Why.FAILED
        if isinstance(error, FileNotFoundError):
            why = Why.UNSUPPORTED
        return Gap(
            subject=subject,
            why=why,
            detail=f"{what}: {error.strerror}",
            origin=Origin(witness="kernel", call=path),
            lifts="run as root" if why is Why.DENIED else "",
        )


def _roles(stats: dict[int, Stat]) -> dict[int, str]:
    """Why a process plays a part: `engine`, `shim`, `monitor`, `container` (the first process below a shim or a
    monitor), `process` (one further below)."""
    roles: dict[int, str] = {}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.ppid, []).append(pid)
        if stat.kernel or stat.state in _ENDED:
            # A kernel thread is not "a child of pid 2": in a pid namespace that is anyone. An engine or a shim that
            # has ended, and waits to be reaped, is none any more.
            continue
        if stat.comm in read.ENGINES:
            roles[pid] = "engine"
        elif stat.comm.startswith(read.SHIM_COMM):
            roles[pid] = "shim"
        elif stat.comm in read.MONITORS:
            roles[pid] = "monitor"
    tops = [pid for pid, role in roles.items() if role in ("shim", "monitor")]
    for top in tops:
        _mark(children.get(top, ()), "container", children, roles)
    return roles


def _mark(pids: Iterable[int], role: str, children: dict[int, list[int]], roles: dict[int, str]) -> None:
    waiting = [(pid, role) for pid in pids]
    while waiting:
        pid, role = waiting.pop()
        # An engine inside a container keeps its own role, and so do its shims; what is below them is theirs.
        if pid not in roles:
            roles[pid] = role
        waiting.extend((child, "process") for child in children.get(pid, ()))


def _slurp(path: str, limit: int) -> bytes:
    """A /proc file whole, cut at `limit`. Raises OSError.

    The kernel hands some of them out in pieces of less than a page, so only an empty read is the end.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts: list[bytes] = []
        size = 0
        while size < limit and (part := os.read(fd, 65536)):
            parts.append(part)
            size += len(part)
        return b"".join(parts)
    finally:
        os.close(fd)
