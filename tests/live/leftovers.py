"""What a private host leaves behind outside its own directory, and its removal.

Everything here is found by the path of the lab's directory, never by a program's name alone, so
that no engine, container, mount or socket of anyone else is touched.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("containerd", "ctr", "docker", "nerdctl", "runc")
# A containerd's state directory: the lab's own, and the one of a containerd that dockerd starts.
STATES = ("*/state", "*/exec/containerd/daemon")
METADATA = (
    "*/root/io.containerd.metadata.v1.bolt/meta.db",
    "*/data/containerd/daemon/io.containerd.metadata.v1.bolt/meta.db",
)
TASKS = "io.containerd.runtime.v2.task"
SHIM_SOCKETS = Path("/run/containerd/s")
RUNC_STATE = Path("/run/containerd/runc")
SHARED_DIRECTORIES = (
    SHIM_SOCKETS,
    Path("/run/containerd/fifo"),
    RUNC_STATE,
    Path("/run/containerd"),
    Path("/run/docker/plugins"),
    Path("/run/docker"),
    # Of a containerd that dockerd starts, which cannot be told another place.
    Path("/opt/containerd/bin"),
    Path("/opt/containerd/lib"),
    Path("/opt/containerd"),
)
PATIENCE = 10.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Before:
    """What existed before the lab, and so is not the lab's to remove."""

    cgroups: frozenset[Path]
    directories: frozenset[Path]

    @classmethod
    def now(cls) -> "Before":
        tops = (top for mount in cgroup_mounts() for top in mount.iterdir() if top.is_dir())
        shared = (path for path in SHARED_DIRECTORIES if path.exists())
        directories = frozenset([*shared, *RUNC_STATE.glob("*")])
        return cls(cgroups=frozenset(tops), directories=directories)


@dataclass
class Leftovers:
    """Finds and removes what belongs to the private host below `base`."""

    base: Path
    before: Before
    namespaces: set[str] = field(default_factory=set)
    sockets: set[Path] = field(default_factory=set)
    cgroups: set[str] = field(default_factory=set)

    def shims(self) -> dict[tuple[str, str], int]:
        """The shims that run: containerd namespace and first container's id, to pid.

        Their sockets are remembered, so that a test may kill them.
        """
        self.note()
        found = {}
        for pid in self.processes():
            argv = [os.fsdecode(word) for word in _read(f"/proc/{pid}/cmdline").split(b"\0")]
            if Path(argv[0]).name.startswith("containerd-shim"):
                options = dict(zip(argv[1::2], argv[2::2], strict=False))
                found[options["-namespace"], options["-id"]] = pid
        return found

    def note(self) -> None:
        """Remember what can be seen only while it runs: shim sockets, cgroups, namespaces."""
        for state in STATES:
            self.namespaces |= {path.name for path in self.base.glob(f"{state}/{TASKS}/*")}
            for address in self.base.glob(f"{state}/{TASKS}/*/*/address"):
                self.sockets.add(Path(address.read_text().removeprefix("unix://")))
        bound = _bound_sockets()
        own = _cgroups_of(os.getpid())
        for pid in self.processes():
            self.sockets |= {bound[inode] for inode in _socket_inodes(pid) if inode in bound}
            if self._in_our_root(pid):
                self.cgroups |= _cgroups_of(pid) - own
        self.cgroups |= self._cgroups_on_record()

    def processes(self) -> list[int]:
        """The pids of the daemons, shims, clients and container processes of this host."""
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in sorted(pids) if pid != os.getpid() and self._is_ours(pid)]

    def mounts(self) -> list[str]:
        """The mount points below `base`, innermost first."""
        points = (_unescape(line.split()[4]) for line in _lines("/proc/self/mountinfo"))
        return [point for point in reversed(list(points)) if point.startswith(f"{self.base}/")]

    def remaining(self) -> list[str]:
        """One line for each thing that could not be removed."""
        found = [f"process {pid}" for pid in self.processes()]
        found += [f"mount {point}" for point in self.mounts()]
        found += [f"cgroup {path}" for path in self._cgroup_directories()]
        found += [f"socket {path}" for path in sorted(self.sockets) if path.exists()]
        if self.base.exists():
            found.append(f"directory {self.base}")
        return found

    def clear(self) -> list[str]:
        """End and remove everything; gives `remaining()`."""
        self.note()
        self._thaw()
        _until(self._end_processes)
        _until(self._unmount)
        _until(self._remove_cgroups)
        for path in self.sockets:
            # A daemon's own sockets lie below `base` and go with it.
            if path.parent == SHIM_SOCKETS:
                path.unlink(missing_ok=True)
        self._remove_runc_state()
        # A local volume may be a bind mount of a directory elsewhere: never delete through one.
        if not self.mounts():
            shutil.rmtree(self.base, ignore_errors=True)
        for path in SHARED_DIRECTORIES:
            if path not in self.before.directories:
                _remove_empty(path)
        return self.remaining()

    def _is_ours(self, pid: int) -> bool:
        argv = _read(f"/proc/{pid}/cmdline").split(b"\0")
        program = Path(os.fsdecode(argv[0])).name
        # `=` and `:` precede the path in arguments such as --address=PATH and unix://PATH.
        mentions = rb"(^|[=:]|//)" + re.escape(os.fsencode(f"{self.base}/"))
        if program.startswith(PROGRAMS) and any(re.search(mentions, word) for word in argv[1:]):
            return True
        return self._in_our_root(pid)

    def _in_our_root(self, pid: int) -> bool:
        root = (line for line in _lines(f"/proc/{pid}/mountinfo") if line.split()[4] == "/")
        return any(f"{self.base}/" in line for line in root)

    def _cgroups_on_record(self) -> set[str]:
        # After a shim's death its container's cgroup stays, with no process to lead there. That
        # it is ours shows in containerd's database, where the container's id is a plain key.
        records = [_read(str(path)) for state in METADATA for path in self.base.glob(state)]
        tops = (mount / name for mount in cgroup_mounts() for name in (*self.namespaces, "docker"))
        inner = (path for top in tops if top.is_dir() for path in top.iterdir() if path.is_dir())
        return {
            f"/{path.parent.name}/{path.name}"
            for path in inner
            if any(path.name.encode() in record for record in records)
        }

    def _end_processes(self) -> bool:
        for pid in self.processes():
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                # Asked again with the handle held, so that the pid cannot have been reused.
                if self._is_ours(pid):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            except ProcessLookupError:
                pass
            finally:
                os.close(handle)
        return not self.processes()

    def _thaw(self) -> None:
        # A process in a frozen v1 cgroup does not die of SIGKILL until it is thawed.
        for path in self._cgroup_directories():
            state = path / "freezer.state"
            if state.exists():
                state.write_text("THAWED")

    def _unmount(self) -> bool:
        if points := self.mounts():
            subprocess.run(["umount", "--lazy", *points], check=False, capture_output=True)
        return not self.mounts()

    def _remove_runc_state(self) -> None:
        # ctr is told another place, but nerdctl and the CRI plugin use runc's default.
        for state in RUNC_STATE.glob("*/*/state.json"):
            if f"{self.base}/".encode() in _read(str(state)):
                shutil.rmtree(state.parent, ignore_errors=True)
        for name in self.namespaces:
            if RUNC_STATE / name not in self.before.directories:
                _remove_empty(RUNC_STATE / name)

    def _cgroup_directories(self) -> list[Path]:
        inner = [mount / path.lstrip("/") for mount in cgroup_mounts() for path in self.cgroups]
        return [path for path in sorted(inner) if path.exists()]

    def _remove_cgroups(self) -> bool:
        for path in self._cgroup_directories():
            _remove_empty(path)
        for mount in cgroup_mounts():
            # Another engine may have come to use these since, and then they are not empty.
            for top in (mount / name for name in (*self.namespaces, "docker")):
                if top not in self.before.cgroups:
                    _remove_empty(top)
        return not self._cgroup_directories()


def cgroup_mounts() -> list[Path]:
    """The mount points of all cgroup hierarchies, v1 and v2."""
    found = []
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        if after.split()[0] in ("cgroup", "cgroup2"):
            found.append(Path(_unescape(before.split()[4])))
    return found


def _cgroups_of(pid: int) -> set[str]:
    paths = {line.split(":", 2)[2] for line in _lines(f"/proc/{pid}/cgroup")}
    return {path for path in paths if path != "/"}


def _bound_sockets() -> dict[str, Path]:
    rows = (line.split() for line in _lines("/proc/net/unix")[1:])
    return {row[6]: Path(row[7]) for row in rows if len(row) == 8 and row[7].startswith("/")}


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _remove_empty(path: Path) -> None:
    # rmdir of a cgroup or directory that is in use fails, which is what keeps others' safe.
    with contextlib.suppress(OSError):
        path.rmdir()


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


def _read(path: str) -> bytes:
    # A process that ended meanwhile is not ours any more.
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _lines(path: str) -> list[str]:
    return os.fsdecode(_read(path)).splitlines()


def _unescape(field_text: str) -> str:
    """Undo the octal escapes of proc_pid_mountinfo(5)."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field_text)
