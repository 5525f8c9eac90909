"""A host inside the host: Docker 28.5 with the containerd image store and a containerd of its own, in another root.

Its mount namespace is private, so its sockets can be reached as `/proc/PID/root/run/docker.sock` alone; processes,
network and cgroup hierarchies are the machine's. Leaving it ends and removes what was started in it.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.live.errors import DaemonFailed, LabError
from tests.live.images import FOREVER, is_static, oci_archive, rootfs
from tests.live.leftovers import cgroup_mounts
from tests.live.programs import client_environment, must, program, run
from tests.live.sid_root import NotBuilt, cached, sid_root

DOCKER_SOCKET = "/run/docker.sock"
CONTAINERD_SOCKET = "/run/docker/containerd/containerd.sock"
"""Both as seen inside. dockerd announces them below /var/run, which is an absolute symlink there."""

START_LIMIT = 30.0  # seconds
PATIENCE = 10.0  # seconds
PROGRAMS = {"chroot": "coreutils", "nsenter": "util-linux", "unshare": "util-linux", "mount": "mount"}

_START = """
cd "$BASE"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$BASE/upper,workdir=$BASE/work" root
mount -t proc proc root/proc
mount --rbind /sys root/sys
mount --rbind /dev root/dev
mount -t tmpfs -o mode=755 run root/run
mount --bind docker root/var/lib/docker
exec chroot root dockerd
"""


class SidHost:
    """A context manager: one dockerd with the containerd that it started, and their containers.

    `base` is its directory outside, `name` part of what it makes in shared places: its containers' cgroups lie below
    `/<name>`. `__exit__` raises `LabError` with one line for each thing that it could not remove.
    """

    def __init__(self) -> None:
        self.name = f"sid-{secrets.token_hex(4)}"
        self.base = Path("/tmp", self.name)
        self.log = self.base / "log"
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._mounts: int | None = None

    @staticmethod
    def missing() -> list[str]:
        """What keeps it from running here, one line each, with the package that helps."""
        wanted = {"busybox": "busybox-static", **PROGRAMS}
        if not cached().exists():
            wanted["debootstrap"] = "debootstrap"
        found = [f"{name} is missing (Debian: {package})" for name, package in wanted.items() if program(name) is None]
        busybox = program("busybox")
        if busybox and not is_static(busybox):
            found.append(f"{busybox} is not static (Debian: busybox-static)")
        # Without a bridge of its own dockerd deletes docker0, whoever made it.
        if Path("/sys/class/net/docker0").exists():
            found.append("docker0 exists: a private dockerd would delete it")
        return found

    def __enter__(self) -> Self:
        root = sid_root()
        if isinstance(root, NotBuilt):
            raise LabError(root.reason)
        try:
            self._start(root)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if remaining := self._clear():
            left = LabError("left behind: " + ", ".join(remaining))
            if error is None:
                raise left
            error.add_note(str(left))

    @property
    def pid(self) -> int:
        """The pid of dockerd, as the machine sees it."""
        if self._dockerd is None or self._dockerd.poll() is not None:
            raise LabError("dockerd of sid is not running")
        return self._dockerd.pid

    @property
    def containerd_pid(self) -> int:
        """The pid of the containerd that dockerd started."""
        return int((self.root / "run/docker/containerd/containerd.pid").read_text())

    @property
    def root(self) -> Path:
        """Its root directory, as others reach it. Absolute symlinks in it lead back to the machine's own root."""
        return Path(f"/proc/{self.pid}/root")

    def inside(
        self, *argv: str | Path, check: bool = True, stdin: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the other root in there; `stdin` is a file outside."""
        enter = [must_have("nsenter"), f"--target={self.pid}", "--mount", "--root", "--wd", "--"]
        return run([*enter, *argv], check=check, stdin=stdin)

    def docker(
        self, *args: str | Path, check: bool = True, stdin: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run its own `docker` on it."""
        return self.inside("docker", *args, check=check, stdin=stdin)

    def ctr(
        self, *args: str | Path, namespace: str = "default", check: bool = True, stdin: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run its own `ctr` on its containerd, in a containerd namespace."""
        return self.inside("ctr", "-a", CONTAINERD_SOCKET, "-n", namespace, *args, check=check, stdin=stdin)

    def docker_image(self, name: str, marker: str) -> str:
        """Make an image by `docker import`; gives its id, which with this store is its target digest."""
        archive = self.base / "import.tar"
        archive.write_bytes(rootfs(Path(must("busybox")), marker))
        done = self.docker("import", "--change", f"CMD {json.dumps(FOREVER)}", "-", name, stdin=archive)
        archive.unlink()
        return done.stdout.strip()

    def containerd_image(self, name: str, marker: str, namespace: str = "default") -> None:
        """Make an image by `ctr images import` in a containerd namespace; `name` is the whole name."""
        archive = self.base / "oci.tar"
        archive.write_bytes(oci_archive(Path(must("busybox")), name, marker))
        self.ctr("images", "import", "-", namespace=namespace, stdin=archive)
        archive.unlink()

    def run_container(self, image: str, name: str, *options: str, command: tuple[str, ...] = ()) -> str:
        """A running container by `docker run -d`; gives its id of 64 digits."""
        # Pid 1 of a container does not get SIGTERM unless it asks for it, and the sleeper does not.
        quick = ["-d", "--stop-signal", "SIGKILL"]
        return self.docker("run", *quick, "--name", name, *options, image, *command).stdout.strip()

    def ctr_container(self, image: str, container: str, namespace: str = "default") -> None:
        """A running container by `ctr run -d`."""
        options = ["-d", "--null-io", "--cgroup", f"/{self.name}/{container}"]
        self.ctr("run", *options, image, container, namespace=namespace)

    def processes(self) -> list[int]:
        """The pids of its daemons, shims and containers, and of clients that run in it."""
        found = {pid for directory in self._cgroups() for pid in _members(directory)}
        parents: dict[int, int] = {}
        namespace = None if self._mounts is None else _identity(self._mounts)
        for pid in _pids():
            if namespace is not None and _namespace(pid) == namespace:
                found.add(pid)
            parents[pid] = _parent(pid)
        # What is below a shim has a mount namespace of its own, and maybe another cgroup.
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found - {os.getpid()})

    def remaining(self) -> list[str]:
        """One line for each thing that could not be removed. Its mounts go with the last process that has them."""
        found = [f"process {pid}" for pid in self.processes()]
        found += [f"cgroup {path}" for path in self._cgroups()]
        if self.base.exists():
            found.append(f"directory {self.base}")
        return found

    def _start(self, root: Path) -> None:
        for name in ("root", "upper", "work", "docker"):
            (self.base / name).mkdir(parents=True)
        self.base.chmod(0o700)
        _write(self.base / "upper/etc/docker/daemon.json", json.dumps(self._config()))
        (self.base / "upper/var/lib/docker").mkdir(parents=True)
        unshare = [must_have("unshare"), "--mount", "--propagation", "private", "sh", "-ec", _START]
        with self.log.open("wb") as log:
            self._dockerd = subprocess.Popen(
                unshare,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=client_environment(BASE=str(self.base), LOWER=str(root)),
                # An interrupt from the terminal must reach the tests only: they clear away.
                start_new_session=True,
            )
        self._wait()

    def _config(self) -> Mapping[str, object]:
        return {
            "features": {"containerd-snapshotter": True},
            "cgroup-parent": f"/{self.name}",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
        }

    def _wait(self) -> None:
        assert self._dockerd is not None
        deadline = time.monotonic() + START_LIMIT
        while True:
            if self._dockerd.poll() is not None:
                raise DaemonFailed("dockerd of sid", f"ended with {self._dockerd.returncode}", self.log)
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise DaemonFailed("dockerd of sid", f"did not answer in {START_LIMIT:.0f} s", self.log)
            time.sleep(0.05)

    def _answers(self) -> bool:
        # Not before it is dockerd, in its root: until then a socket found there would be the machine's.
        found = _namespace(self.pid)
        if found in (None, _namespace(os.getpid())):
            return False
        if self._mounts is None:
            # Held open, so that its number is nobody else's as long as we go by it.
            self._mounts = os.open(f"/proc/{self.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        if Path(f"/proc/{self.pid}/comm").read_text() != "dockerd\n":
            return False
        socket = self.root / DOCKER_SOCKET.lstrip("/")
        return socket.is_socket() and self.docker("version", check=False).returncode == 0

    def _cgroups(self) -> list[Path]:
        """Its cgroup directories in all hierarchies, innermost first."""
        tops = (mount / self.name for mount in cgroup_mounts())
        found = [path for top in tops if top.is_dir() for path in (top, *_directories(top))]
        return sorted(found, key=lambda path: (-len(path.parts), path))

    def _clear(self) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while not self._end_all() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._dockerd is not None and self._dockerd.poll() is None:
            self._dockerd.kill()
            self._dockerd.wait(PATIENCE)
        if self._mounts is not None:
            os.close(self._mounts)
            self._mounts = None
        # No mount of it is in this mount namespace, so this cannot delete through one.
        shutil.rmtree(self.base, ignore_errors=True)
        return self.remaining()

    def _end_all(self) -> bool:
        for path in self._cgroups():
            # A process in a frozen v1 cgroup does not die of SIGKILL until it is thawed.
            if (path / "freezer.state").exists():
                (path / "freezer.state").write_text("THAWED")
        handles = {pid: handle for pid in self.processes() if (handle := _handle(pid)) is not None}
        # Asked again with the handles held, so that no pid can have been reused.
        still = set(self.processes())
        for pid, handle in handles.items():
            if pid in still:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
        if self._dockerd is not None:
            self._dockerd.poll()
        for path in self._cgroups():
            # rmdir of a cgroup that is in use fails: then it is tried again.
            with contextlib.suppress(OSError):
                path.rmdir()
        return not self.processes() and not self._cgroups()


def must_have(name: str) -> str:
    """The path of a program; raises `LabError` when it is missing."""
    found = program(name)
    if found is None:
        raise LabError(f"{name} is missing (Debian: {PROGRAMS[name]})")
    return str(found)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _namespace(pid: int) -> tuple[int, int] | None:
    try:
        return _identity(f"/proc/{pid}/ns/mnt")
    except OSError:
        return None


def _identity(file: int | str) -> tuple[int, int]:
    found = os.stat(file)
    return found.st_dev, found.st_ino


def _handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _directories(top: Path) -> Iterator[Path]:
    for folder, names, _ in os.walk(top):
        yield from (Path(folder, name) for name in names)


def _members(directory: Path) -> list[int]:
    try:
        return [int(word) for word in (directory / "cgroup.procs").read_text().split()]
    except OSError:
        return []
