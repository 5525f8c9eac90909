"""A Debian sid root file system with Docker 28.5 or later, made once by debootstrap and kept.

It lies in `$XDG_CACHE_HOME/stackscope-tests/sid-root`. Delete it to have it made again, with what sid has by then.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.live.programs import client_environment, program

BUILD_LIMIT = 600.0  # seconds; half a minute where the mirror is near
PACKAGES = ("docker.io", "docker-cli", "containerd", "runc", "iptables", "ca-certificates")


@dataclass(frozen=True, kw_only=True)
class NotBuilt:
    """There is no such root here, and why: for a skip."""

    reason: str


def cached() -> Path:
    """Where the root is, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "stackscope-tests" / "sid-root"


def sid_root() -> Path | NotBuilt:
    """The cached root, or a new one, or why there is none."""
    target = cached()
    if target.exists():
        return target
    debootstrap = program("debootstrap")
    if debootstrap is None:
        return NotBuilt(reason="debootstrap is missing (Debian: debootstrap)")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return target if target.exists() else _build(debootstrap, target)


def _build(debootstrap: Path, target: Path) -> Path | NotBuilt:
    new = target.with_suffix(f".{secrets.token_hex(4)}")
    # In a mount namespace of its own: what debootstrap mounts in the new root goes with it, however it ends.
    argv = [
        "unshare",
        "--mount",
        str(debootstrap),
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "sid",
        str(new),
    ]
    try:
        subprocess.run(
            argv,
            env=client_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT,
            check=True,
        )
        for waste in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(new / waste)
        new.rename(target)
    except subprocess.TimeoutExpired:
        return NotBuilt(reason=f"debootstrap took more than {BUILD_LIMIT:.0f} s")
    except subprocess.CalledProcessError as error:
        # It reports failures of its own on either of the two, dpkg's in a log.
        said = " ".join((error.stderr or error.stdout).split())
        return NotBuilt(reason=f"debootstrap failed: {said[-400:]}")
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return target
