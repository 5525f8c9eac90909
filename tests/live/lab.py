"""A private container host for the live tests.

Everything lies below one temporary directory: no default directory, socket or configuration of
the machine is used, and leaving the lab ends and removes what was started in it.
"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.live.engines import Containerd, Daemon, Dockerd
from tests.live.errors import LabError
from tests.live.images import FOREVER, is_static, oci_archive, rootfs
from tests.live.leftovers import Before, Leftovers
from tests.live.programs import PACKAGES, must, program

__all__ = ["Containerd", "Dockerd", "Lab", "LabError"]


class Lab:
    """A context manager: owns a temporary directory, its daemons, and their removal.

    `__exit__` raises `LabError` with one line for each thing that it could not remove.
    """

    def __init__(self) -> None:
        # The name becomes part of containerd's ids, which mkdtemp's underscores may not end.
        self.base = Path("/tmp", f"sl-{secrets.token_hex(4)}")
        self.base.mkdir(mode=0o700)
        self.leftovers = Leftovers(self.base, Before.now())
        self.daemons: list[Daemon] = []

    def __enter__(self) -> Self:
        if missing := self.missing():
            self.base.rmdir()
            raise LabError("; ".join(missing))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leftovers.note()
        for daemon in reversed(self.daemons):
            daemon.kill()
        if remaining := self.leftovers.clear():
            left = LabError("left behind: " + ", ".join(remaining))
            if error is None:
                raise left
            error.add_note(str(left))

    @staticmethod
    def missing() -> list[str]:
        """What keeps a lab from running here, one line each, with the package that helps."""
        found = [
            f"{name} is missing (Debian: {package})" for name, package in PACKAGES.items() if program(name) is None
        ]
        busybox = program("busybox")
        if busybox and not is_static(busybox):
            found.append(f"{busybox} is not static (Debian: busybox-static)")
        # Without a bridge of its own dockerd deletes docker0, whoever made it.
        if Path("/sys/class/net/docker0").exists():
            found.append("docker0 exists: a private dockerd would delete it")
        return found

    def containerd(self, name: str = "containerd") -> Containerd:
        """Start a private containerd."""
        containerd = Containerd(self.base, name)
        self._start(containerd)
        return containerd

    def dockerd(
        self,
        containerd: Containerd | None,
        name: str = "dockerd",
        extra_args: Sequence[str] = (),
    ) -> Dockerd:
        """Start a private dockerd."""
        dockerd = Dockerd(self.base, containerd, name, extra_args)
        self._start(dockerd)
        return dockerd

    def shims(self) -> dict[tuple[str, str], int]:
        """The shims that run: containerd namespace and container id, to pid.

        Ask here before killing one: that is how its socket is known when the lab is cleared.
        """
        return self.leftovers.shims()

    def docker_image(self, dockerd: Dockerd, name: str | None, marker: str) -> str:
        """Make an image by `docker import`; gives its id as `sha256:` and 64 digits.

        Another `marker` makes other content; without a `name` the image is dangling.
        """
        archive = self.base / "import.tar"
        archive.write_bytes(rootfs(self._busybox(), marker))
        names = [name] if name else []
        command = f"CMD {json.dumps(FOREVER)}"
        done = dockerd.docker("import", "--change", command, archive, *names)
        archive.unlink()
        return done.stdout.strip()

    def containerd_image(self, containerd: Containerd, name: str, marker: str, namespace: str = "default") -> None:
        """Make an image in a containerd namespace without a dockerd; `name` is the whole name."""
        archive = self.base / "oci.tar"
        archive.write_bytes(oci_archive(self._busybox(), name, marker))
        containerd.ctr("images", "import", archive, namespace=namespace)
        archive.unlink()

    def copy_image(self, dockerd: Dockerd, name: str, containerd: Containerd, *namespaces: str) -> None:
        """`docker save` → `ctr images import` into each namespace.

        There `acme/pause:1` is `docker.io/acme/pause:1`, with the same digest in each.
        """
        archive = self.base / "save.tar"
        dockerd.docker("save", "-o", archive, name)
        for namespace in namespaces:
            containerd.ctr("images", "import", archive, namespace=namespace)
        archive.unlink()

    def _start(self, daemon: Daemon) -> None:
        # Listed before it starts: one that fails half-way is ended like the others.
        self.daemons.append(daemon)
        daemon.start()

    def _busybox(self) -> Path:
        return Path(must("busybox"))
