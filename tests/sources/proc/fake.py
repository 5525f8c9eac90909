"""A /proc in a directory, for what cannot be had of a real one at will."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

SOCKET_INODE = 1 << 40
"""Socket inodes of the fake start here: the kernel's own table, which a pass asks too, has none so high."""

NO_SOCKETS = b"Num       RefCount Protocol Flags    Type St Inode Path\n"


class FakeProc:
    """A directory with entries as proc(5) has them. Process 1 is there from the start."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.listen()
        self.process(1, "init", ppid=0)

    def process(
        self,
        pid: int,
        comm: str,
        *,
        ppid: int = 1,
        starttime: int | None = None,
        argv: Sequence[str] = (),
        cgroup: bytes = b"0::/\n",
        fds: Sequence[int] = (),
        namespaces: Mapping[str, int] | None = None,
    ) -> Path:
        """Write the directory of a process; `fds` are socket inodes above SOCKET_INODE."""
        base = self.root / str(pid)
        (base / "fd").mkdir(parents=True)
        (base / "ns").mkdir()
        self.stat(pid, comm, ppid=ppid, starttime=starttime if starttime is not None else 100 + pid)
        (base / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv or (comm,)))
        (base / "cgroup").write_bytes(cgroup)
        for name, target in (("exe", f"/usr/bin/{comm}"), ("root", "/"), ("cwd", f"/srv/{pid}")):
            os.symlink(target, base / name)
        for number, inode in enumerate(fds):
            os.symlink(f"socket:[{SOCKET_INODE + inode}]", base / "fd" / str(number))
        for kind, inode in (namespaces or {}).items():
            os.symlink(f"{kind}:[{inode}]", base / "ns" / kind)
        return base

    def stat(self, pid: int, comm: str, *, ppid: int = 1, starttime: int, flags: int = 0x400100) -> None:
        fields = f"{pid} ({comm}) S {ppid} 0 0 0 0 {flags} " + "0 " * 12 + f"{starttime} 0 0\n"
        (self.root / str(pid) / "stat").write_text(fields)

    def listen(self, **paths: int) -> None:
        """Write net/unix; each keyword is `name=inode`, for /run/NAME.sock."""
        rows = NO_SOCKETS
        for name, inode in paths.items():
            rows += f"0: 00000002 00000000 00010000 0001 01 {SOCKET_INODE + inode} /run/{name}.sock\n".encode()
        (self.root / "net").mkdir(exist_ok=True)
        (self.root / "net" / "unix").write_bytes(rows)
