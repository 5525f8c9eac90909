"""The programs a lab runs: where they are, which package brings them, and how they are run."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.live.errors import CommandFailed, LabError

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
PACKAGES = {
    "busybox": "busybox-static",
    "containerd": "containerd",
    "ctr": "containerd",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "runc": "runc",
    "umount": "mount",
}
DECIDES_FOR_CLIENTS = ("DOCKER_", "CONTAINERD_", "NERDCTL_", "CONTAINER_RUNTIME_ENDPOINT")


def program(name: str) -> Path | None:
    """Where a program is; for `docker` Debian's own, which another build may shadow in PATH."""
    if name == "docker" and os.access("/usr/bin/docker", os.X_OK):
        return Path("/usr/bin/docker")
    found = shutil.which(name, path=SEARCH_PATH)
    return Path(found) if found else None


def client_environment(**more: str) -> dict[str, str]:
    """The environment without the variables that decide which daemon a client asks."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(DECIDES_FOR_CLIENTS)}
    return {**kept, "PATH": SEARCH_PATH, **more}


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    check: bool = True,
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run a client in text mode, its standard input from a file or empty.

    Raises `CommandFailed` for a non-zero exit status unless `check` is false.
    """
    words = [str(word) for word in argv]
    with (stdin or Path(os.devnull)).open("rb") as source:
        done = subprocess.run(
            words,
            env=dict(env or client_environment()),
            stdin=source,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    if check and done.returncode:
        raise CommandFailed(words, done.returncode, done.stderr)
    return done


def must(name: str) -> str:
    """The path of a program; raises `LabError` when it is missing."""
    found = program(name)
    if found is None:
        raise LabError(f"{name} is missing (Debian: {PACKAGES[name]})")
    return str(found)
