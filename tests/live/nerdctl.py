"""nerdctl and crictl, which Debian does not have, built from their Go modules and kept.

The first build downloads the modules and takes minutes; later calls find the program in
`$XDG_CACHE_HOME/stackscope-tests/<tool>-<version>/`.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.live.engines import Containerd
from tests.live.programs import SEARCH_PATH, client_environment, run

BUILD_LIMIT = 900.0  # seconds


@dataclass(frozen=True, kw_only=True)
class GoTool:
    """A program in a Go module, at a version that works against containerd 1.6."""

    name: str
    module: str
    version: str
    package: str
    stamp: str
    """The variable that holds the version the program reports."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """The program is at `path`."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class NotBuilt:
    """The program cannot be had here, and why: for a skip."""

    reason: str


NERDCTL = GoTool(
    name="nerdctl",
    module="github.com/containerd/nerdctl",
    version="v1.7.7",
    package="cmd/nerdctl",
    stamp="pkg/version.Version",
)
CRICTL = GoTool(
    name="crictl",
    module="sigs.k8s.io/cri-tools",
    version="v1.30.1",
    package="cmd/crictl",
    stamp="pkg/version.Version",
)


def nerdctl() -> Built | NotBuilt:
    """The nerdctl program, built on the first call."""
    return build(NERDCTL)


def crictl() -> Built | NotBuilt:
    """The crictl program, built on the first call."""
    return build(CRICTL)


def run_nerdctl(
    program: Built,
    containerd: Containerd,
    *args: str | Path,
    namespace: str = "default",
    check: bool = True,
    stdin: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run nerdctl on a private containerd, with directories below the containerd's own.

    No cgroup manager is named: nerdctl takes cgroupfs where systemd is not pid 1.
    """
    own = containerd.directory / "nerdctl"
    options: list[str | Path] = ["--address", containerd.address, "--namespace", namespace]
    options += ["--data-root", own / "data", "--hosts-dir", own / "hosts"]
    options += ["--cni-path", own / "cni-bin", "--cni-netconfpath", own / "cni-conf"]
    env = client_environment(NERDCTL_TOML=str(own / "nerdctl.toml"), DOCKER_CONFIG=str(own))
    return run([program.path, *options, *args], env=env, check=check, stdin=stdin)


def build(tool: GoTool) -> Built | NotBuilt:
    """The cached program, or a fresh build of it, or why there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = cache / "stackscope-tests" / f"{tool.name}-{tool.version}" / tool.name
    if target.exists():
        return Built(path=target)
    go = shutil.which("go", path=os.pathsep.join([SEARCH_PATH, "/usr/local/go/bin"]))
    if go is None:
        return NotBuilt(reason=f"{tool.name} is built with go, which is missing (Debian: golang)")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock, tempfile.TemporaryDirectory() as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return Built(path=target)
        return _build(go, tool, Path(scratch), target)


def _build(go: str, tool: GoTool, scratch: Path, target: Path) -> Built | NotBuilt:
    """Build in a module made for it: `go install` refuses a module that has replace lines."""

    def command(*args: str) -> str:
        env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        return subprocess.run(
            [go, *args],
            cwd=scratch,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT,
            check=True,
        ).stdout

    try:
        command("mod", "init", "scratch")
        command("mod", "edit", f"-require={tool.module}@{tool.version}")
        found = json.loads(command("mod", "download", "-json", f"{tool.module}@{tool.version}"))
        itself = json.loads(command("mod", "edit", "-json", found["GoMod"]))
        if replacements := _replacements(itself.get("Replace") or []):
            command("mod", "edit", *replacements)
        flags = f"-s -w -X {tool.module}/{tool.stamp}={tool.version}"
        output = scratch / tool.name
        package = f"{tool.module}/{tool.package}"
        command("build", "-trimpath", "-ldflags", flags, "-o", str(output), package)
    except subprocess.TimeoutExpired:
        return NotBuilt(reason=f"building {tool.name} took more than {BUILD_LIMIT:.0f} s")
    except subprocess.CalledProcessError as error:
        said = " ".join((error.stderr or error.stdout).split())
        return NotBuilt(reason=f"{tool.name} {tool.version} could not be built: {said[-400:]}")
    # In two steps, so that nobody finds half a program: the cache may be another file system.
    shutil.copy2(output, target.with_suffix(".new"))
    target.with_suffix(".new").replace(target)
    return Built(path=target)


def _replacements(lines: Sequence[dict[str, dict[str, str]]]) -> list[str]:
    # A replacement by a path points into the module's own tree, which is not here.
    return [
        f"-replace={_at(line['Old'])}={_at(line['New'])}" for line in lines if not line["New"]["Path"].startswith(".")
    ]


def _at(module: dict[str, str]) -> str:
    return "@".join(filter(None, [module["Path"], module.get("Version")]))
