"""What runs on the sid host of the live tests: every container state, images, a volume, a lease, and a crowd."""

import http.client
import json
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.live.errors import LabError
from tests.live.sid import DOCKER_SOCKET, SidHost

PAUSE = "acme/pause:1"
PAUSE_AGAIN = "acme/pause:2"
ONLY_CTR = "docker.io/acme/only-ctr:1"
LEASE = "held-by-hand"
VOLUME = "webdata"
STOPPED_EXIT_STATUS = 3
SIDE_BY_SIDE = 8


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What was staged, by name. Docker ids are 64 digits, digests `sha256:` and 64 digits."""

    host: SidHost
    docker_containers: Mapping[str, str]
    """Name to id: web runs with the volume webdata, job exited, asleep is paused, later was only created."""
    crowd: tuple[str, ...]
    """The ids of the pause containers that were asked for."""
    image: str
    """The target digest of acme/pause:1, which is acme/pause:2 too."""
    ctr_container: str
    """A running container of ctr in namespace default, from ONLY_CTR."""
    lease: str
    """A lease in default that pins nothing."""


def stage(host: SidHost, *, pauses: int = 0) -> Staged:
    """Bring everything up; `pauses` is how many pause containers run besides."""
    image = host.docker_image(PAUSE, "pause")
    host.docker("tag", PAUSE, PAUSE_AGAIN)
    host.containerd_image(ONLY_CTR, "only-ctr")
    tool = f"tool-{host.name}"
    host.ctr_container(ONLY_CTR, tool)
    host.ctr("leases", "create", "--id", LEASE, "--expires", "24h", "why=test")
    return Staged(
        host=host,
        docker_containers=_docker_containers(host),
        crowd=start_crowd(host.root / DOCKER_SOCKET.lstrip("/"), PAUSE, pauses),
        image=image,
        ctr_container=tool,
        lease=LEASE,
    )


def start_crowd(docker_socket: Path, image: str, count: int, first: int = 0) -> tuple[str, ...]:
    """Running containers `pause-N`, counted from `first`, without a network; gives their ids.

    They are started through the API, side by side: a client program for each would take as long as dockerd.
    """

    def start(number: int) -> str:
        wanted = {"Image": image, "StopSignal": "SIGKILL", "HostConfig": {"NetworkMode": "none"}}
        made = _post(docker_socket, f"/containers/create?name=pause-{number}", wanted)
        _post(docker_socket, f"/containers/{made['Id']}/start", {})
        return str(made["Id"])

    with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
        return tuple(workers.map(start, range(first, first + count)))


def _docker_containers(host: SidHost) -> dict[str, str]:
    ids = {
        "web": host.run_container(PAUSE, "web", "--label", "app=web", "-v", f"{VOLUME}:/data"),
        "job": host.run_container(PAUSE, "job", command=("/bin/sh", "-c", f"exit {STOPPED_EXIT_STATUS}")),
        "asleep": host.run_container(PAUSE_AGAIN, "asleep", "--network=host"),
        "later": host.docker("create", "--name", "later", PAUSE).stdout.strip(),
    }
    host.docker("pause", "asleep")
    host.docker("wait", "job")
    return ids


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


def _post(docker_socket: Path, target: str, body: object) -> dict[str, object]:
    connection = _Connection(docker_socket)
    try:
        connection.request("POST", target, json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        answer = reply.read()
    finally:
        connection.close()
    if reply.status >= 300:
        raise LabError(f"POST {target}: {reply.status} {answer.decode(errors='replace').strip()}")
    found: dict[str, object] = json.loads(answer) if answer else {}
    return found
