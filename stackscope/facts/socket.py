"""Unix sockets: the file, the kernel's listener, who holds it, and who named the address."""

from __future__ import annotations

from typing import Literal

from stackscope.facts.core import Fact

State = Literal["listening", "asleep", "dead", "absent", "not-a-socket", "unknown"]


class Endpoint(Fact, frozen=True, kw_only=True, tag="endpoint"):
    """An address that was looked at.

    `path` is resolved (symlinks followed), `named` the address as first given, `names` every other one; `named_by` who
    gave it (`DOCKER_HOST`, `usual path`, `kernel` …). `state`: `asleep` is held by an init only, `dead` a socket file
    that nobody serves. `expected` is the API that is looked for there. `device` and `inode` are those of the socket
    file (0 where it could not be read), `mode` its permission bits, `group` the name of its group. `peer_pid` is
    SO_PEERCRED's: the process that called listen(2).
    """

    path: str
    named: str
    named_by: tuple[str, ...]
    state: State
    expected: Literal["docker", "containerd"]
    device: int = 0
    inode: int = 0
    names: tuple[str, ...] = ()
    mode: int = 0
    uid: int = -1
    gid: int = -1
    group: str = ""
    peer_pid: int = 0


class Listener(Fact, frozen=True, kw_only=True, tag="listener"):
    """A listening unix socket in the kernel's table (`/proc/net/unix`): the path as its binder gave it, and the
    socket's inode (the N of `socket:[N]`)."""

    path: str
    socket_inode: int


class SocketHolder(Fact, frozen=True, kw_only=True, tag="socket-holder"):
    """A process that has a listening socket open (`/proc/PID/fd`). `starttime` is in clock ticks since boot."""

    socket_inode: int
    pid: int
    starttime: int
    comm: str = ""


class Connection(Fact, frozen=True, kw_only=True, tag="connection"):
    """A process connected to an engine's listening socket, from the kernel (unix_diag's PEER): `path` is the
    listener's, `socket_inode` the client's end."""

    path: str
    socket_inode: int
    pid: int
    starttime: int
