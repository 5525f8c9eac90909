"""The two crowded hosts: one on docker's graphdriver store, one on the containerd image store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.live.engines import Containerd, Dockerd
from tests.live.lab import Lab
from tests.live.programs import must
from tests.live.sid import CONTAINERD_SOCKET, DOCKER_SOCKET, SidHost, must_have
from tests.live.sid_staged import start_crowd

PAUSE = "acme/pause:1"
WHOLE_NAME = f"docker.io/{PAUSE}"
ONE_OF = 16
"""One of so many containers is ctr's, the others are docker's."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """How the measured commands get at a host."""

    prefix: tuple[str, ...]
    """What each is run with."""
    docker: str
    """The docker client with its options."""
    ctr: str
    docker_socket: str
    containerd_socket: str


class Host(Protocol):
    """A private host that can be grown."""

    access: Access

    def start(self, number: int) -> None:
        """Start ctr's container `number`."""

    def crowd_socket(self) -> Path:
        """Docker's socket as seen from here."""


class Graphdriver:
    """Docker with its own image store, on a containerd beside it."""

    def __init__(self, lab: Lab) -> None:
        self._containerd: Containerd = lab.containerd()
        self._dockerd: Dockerd = lab.dockerd(self._containerd)
        self._base = lab.base.name
        lab.docker_image(self._dockerd, PAUSE, "pause")
        lab.containerd_image(self._containerd, WHOLE_NAME, "pause")
        docker, containerd = self._dockerd.socket, self._containerd.address
        self.access = Access(
            prefix=(),
            docker=f"{must('docker')} -H unix://{docker}",
            ctr=f"{must('ctr')} -a {containerd}",
            docker_socket=str(docker),
            containerd_socket=str(containerd),
        )

    def start(self, number: int) -> None:
        self._containerd.run_container(WHOLE_NAME, f"pause-{number}-{self._base}")

    def crowd_socket(self) -> Path:
        return self._dockerd.socket


class ContainerdStore:
    """Docker 28.5 with its images in containerd, in another root.

    The commands run in its mount namespace, with its /run in place of the machine's: they find its sockets where a
    host has them, and its own clients by chroot.
    """

    def __init__(self, sid: SidHost) -> None:
        self._sid = sid
        sid.docker_image(PAUSE, "pause")
        sid.containerd_image(WHOLE_NAME, "pause")
        root = sid.base / "root"
        enter = (must_have("nsenter"), f"--target={sid.pid}", "--mount", must_have("unshare"), "--mount")
        self.access = Access(
            prefix=(*enter, "sh", "-c", f'mount --bind {root}/run /run && exec "$@"', "in-sid"),
            docker=f"{must_have('chroot')} {root} docker",
            ctr=f"{must_have('chroot')} {root} ctr -a {CONTAINERD_SOCKET}",
            docker_socket=DOCKER_SOCKET,
            containerd_socket=CONTAINERD_SOCKET,
        )

    def start(self, number: int) -> None:
        self._sid.ctr_container(WHOLE_NAME, f"pause-{number}-{self._sid.name}")

    def crowd_socket(self) -> Path:
        return self._sid.root / DOCKER_SOCKET.lstrip("/")


@contextmanager
def host(store: str) -> Iterator[Host]:
    """A host with an image and no container, by the name of its store."""
    if store == "graphdriver":
        with Lab() as lab:
            yield Graphdriver(lab)
    else:
        with SidHost() as sid:
            yield ContainerdStore(sid)


def missing(store: str) -> list[str]:
    """What keeps such a host from running here."""
    return Lab.missing() if store == "graphdriver" else SidHost.missing()


def grow(one: Host, present: int, wanted: int) -> None:
    """Start running containers until there are `wanted`."""
    new = range(present, wanted)
    by_ctr = [number for number in new if number % ONE_OF == ONE_OF - 1]
    with ThreadPoolExecutor(2) as workers:
        started = workers.map(one.start, by_ctr)
        start_crowd(one.crowd_socket(), PAUSE, len(new) - len(by_ctr), first=present)
        list(started)
