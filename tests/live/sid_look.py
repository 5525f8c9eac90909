"""Looks at the sid host as stackscope would, past decoys: `python -m tests.live.sid_look PID DOCKER CONTAINERD`.

Run it in a mount namespace of its own: it mounts an empty file system on /run (and /var/run) and listens there at the
very paths that it then looks at below `/proc/PID/root`. Whoever joins the two as strings, or leaves the root by an
absolute symlink, meets a decoy. Prints a JSON document, see `Seen`.
"""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from stackscope.facts import AnyFact, Gap
from stackscope.facts.needs import EVERYTHING
from stackscope.sources import endpoint
from stackscope.sources.addresses import Api, Candidate
from stackscope.transports.budget import Budget
from stackscope.transports.door import Root

GARBAGE = b"HTTP/1.0 200 decoy\r\n\r\nnot an engine\n"
SECONDS = 10.0


class Seen(msgspec.Struct):
    """Facts and gaps of the look; `visitors` counts the connections to each decoy, and `trapped` is what a plain
    connection to /proc/PID/root joined with the path was answered."""

    facts: list[AnyFact]
    gaps: list[Gap]
    visitors: dict[str, int]
    trapped: str


class Decoy:
    """A listening socket that counts its visitors and answers each with garbage."""

    def __init__(self, path: str) -> None:
        self.visitors = 0
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            visitor, _ = self._socket.accept()
            self.visitors += 1
            with visitor:
                visitor.sendall(GARBAGE)


def private_run() -> None:
    """An empty /run, and /var/run where that is no symlink; refused in a namespace that others live in."""
    if os.readlink("/proc/self/ns/mnt") == os.readlink(f"/proc/{os.getppid()}/ns/mnt"):
        sys.exit("sid_look needs a mount namespace of its own: unshare --mount --propagation private")
    for path in dict.fromkeys((os.path.realpath("/run"), os.path.realpath("/var/run"))):
        subprocess.run(["mount", "-t", "tmpfs", "decoys", path], check=True)


def plant(paths: list[str]) -> dict[str, Decoy]:
    """A decoy at each path that does not lead to the same file as one before it."""
    decoys: dict[str, Decoy] = {}
    for path in paths:
        real = os.path.realpath(path)
        if not os.path.exists(real):
            decoys[real] = Decoy(real)
    return decoys


def look(root: Root, path: str, api: Api) -> list[AnyFact | Gap]:
    candidate = Candidate(path=path, named=path, api=api, named_by=["test"])
    return list(endpoint.look(candidate, root, Budget(SECONDS), EVERYTHING))  # type: ignore[arg-type]


def trapped(pid: int, path: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.connect(f"/proc/{pid}/root{path}")
        return visitor.makefile("rb").read().decode()


def main() -> None:
    pid, docker, containerd = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    private_run()
    below_run = [path.removeprefix("/var") for path in (docker, containerd)]
    decoys = plant([f"{prefix}{path}" for path in below_run for prefix in ("", "/var")])
    root = Root(f"/proc/{pid}/root")
    found = [*look(root, docker, Api.DOCKER), *look(root, containerd, Api.CONTAINERD)]
    visitors = {path: decoy.visitors for path, decoy in decoys.items()}
    seen = Seen(
        facts=[item for item in found if not isinstance(item, Gap)],
        gaps=[item for item in found if isinstance(item, Gap)],
        visitors=visitors,
        trapped=trapped(pid, "/var/run/docker.sock"),
    )
    sys.stdout.buffer.write(msgspec.json.encode(seen))


if __name__ == "__main__":
    main()
