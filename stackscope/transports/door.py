"""The one door to files and sockets of this host, of a container, or of a mounted disk.

A path is resolved below a root with openat2(2), RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, so that an absolute
symlink (`/var/run`) or `..` cannot lead out of it; the result is used through `/proc/self/fd/N`, which also lifts the
107-byte limit of a socket address. Joining `/proc/PID/root` and a path as strings reaches the wrong daemon.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
from types import TracebackType

from stackscope.errors import CannotReach, LimitHit

_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10

_TRIES = 64
"""How often an open is tried that a rename disturbs (EAGAIN); a file with a lease on it gives that error for long."""


class _OpenHow(ctypes.Structure):
    # struct open_how of openat2(2)
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


class Root:
    """A directory that paths are resolved in: `/` of this process, or `/proc/PID/root`."""

    def __init__(self, directory: str = "/") -> None:
        self.directory = directory
        self._fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def open(self, path: str, flags: int) -> int:
        """What `path` names below this root, as a file descriptor. Raises OSError as the call itself does."""
        how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        name = os.fsencode(path)
        if b"\0" in name:
            raise OSError(errno.EINVAL, "path with a NUL byte", path)
        error = 0
        for _ in range(_TRIES):
            fd: int = _libc.syscall(_OPENAT2, self._fd, name, ctypes.byref(how), ctypes.sizeof(how))
            if fd >= 0:
                return fd
            error = ctypes.get_errno()
            if error in (errno.EINTR, errno.EAGAIN):
                continue
            if error == errno.ENOSYS and self.directory == "/":
                # Kernels before 5.6: for our own root the ordinary call resolves the same way.
                return os.open(path, flags | os.O_CLOEXEC)
            break
        raise OSError(error, os.strerror(error), path)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file. Raises OSError, or LimitHit where it is longer than `limit`.

        Anything but a regular file is refused with EINVAL before it is read: a FIFO would make us wait.
        """
        fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        with open(fd, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise LimitHit(f"{path} is longer than {limit} bytes")
        return data

    def resolve(self, path: str) -> str:
        """`path` with its symlinks followed, as seen below this root; of what does not exist, as far as it does."""
        try:
            fd = self.open(path, os.O_PATH)
        except FileNotFoundError:
            folder, name = os.path.split(path)
            return os.path.join(self.resolve(folder), name) if name and folder not in ("", path) else path
        except OSError:
            return os.path.normpath(path)
        try:
            # An O_PATH descriptor knows its path from this process's root, so cut the root's own path off.
            real = os.readlink(f"/proc/self/fd/{fd}")
            base = os.readlink(f"/proc/self/fd/{self._fd}").rstrip("/")
        finally:
            os.close(fd)
        if real.endswith(" (deleted)") or not real.startswith(base):
            return os.path.normpath(path)
        return real[len(base) :] or "/"

    def close(self) -> None:
        os.close(self._fd)


class Reach:
    """A socket file, held open by its inode: what `address` leads to cannot change under us."""

    def __init__(self, root: Root, path: str) -> None:
        """Raises CannotReach where there is no such socket file."""
        self.path = path
        try:
            self._fd = root.open(path, os.O_PATH)
        except OSError as error:
            raise CannotReach(path, _reason(error), _text(error)) from error
        self.stat = os.fstat(self._fd)
        if not stat.S_ISSOCK(self.stat.st_mode):
            os.close(self._fd)
            raise CannotReach(path, "not-a-socket", "exists, but is not a socket")

    @property
    def address(self) -> str:
        """A path that connect(2) takes, whatever the length of the real one."""
        return f"/proc/self/fd/{self._fd}"

    def connect(self, timeout: float) -> socket.socket:
        """A connected stream socket. Raises CannotReach with the kernel's own reason."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(self.address)
        except OSError as error:
            sock.close()
            raise CannotReach(self.path, _reason(error), _text(error)) from error
        return sock

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Reach:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError) or error.errno == errno.EAGAIN:
        # connect(2) on a non-blocking unix socket gives EAGAIN when the listener's queue is full.
        return "timeout"
    match error.errno:
        # Not ELOOP: a path through a magic link (/proc/PID/root) leads somewhere, and is refused here.
        case errno.ENOENT | errno.ENOTDIR | errno.ENAMETOOLONG:
            return "absent"
        case errno.ECONNREFUSED:
            return "refused"
        case errno.EACCES | errno.EPERM:
            return "denied"
        case _:
            return "failed"


def _text(error: OSError) -> str:
    return (error.strerror or str(error) or "timed out").lower()
