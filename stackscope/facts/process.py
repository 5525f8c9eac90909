"""Processes, with the parts of /proc/PID that place them."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class Process(Fact, frozen=True, kw_only=True, tag="process"):
    """One process that plays a part here (proc(5)).

    `starttime` is field 22 of `/proc/PID/stat`, in clock ticks since boot; a pid without it names nothing.
    `uid` is the real user id (-1 if unreadable). `cgroups` maps the controller list of each line of
    `/proc/PID/cgroup` ("" for the v2 line) to its path; `namespaces` maps `mnt`, `pid`, `net` … to the inode in
    `/proc/PID/ns`. `cwd` is read for shims alone: it is their bundle directory. `role` is why the process is here:
    `engine`, `shim`, `monitor`, `container` (the first below a shim or a monitor), `process` (further below) or
    `holder` (of a listening socket).
    """

    pid: int
    starttime: int
    ppid: int
    comm: str
    role: str
    argv: tuple[str, ...] = ()
    uid: int = -1
    exe: str = ""
    root: str = ""
    cwd: str = ""
    state: str = ""
    cgroups: dict[str, str] = msgspec.field(default_factory=dict)
    namespaces: dict[str, int] = msgspec.field(default_factory=dict)
