"""Records the hosts of this folder: real engines at their usual paths, in namespaces of their own.

Run as root: `python -m tests.hosts.record`. Needs what the live tests need.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.live.images import rootfs
from tests.live.look import environment
from tests.live.test_screen import AS_NOBODY

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "stackscope" / "demo" / "host.json.zst"
PRIVATE = ("/run", "/var/lib/docker", "/var/lib/containerd", "/etc/docker", "/etc/containerd", "/opt")
HOSTNAME = "harbour"


def main() -> None:
    if os.environ.get("STACKSCOPE_RECORDING") != "inside":
        again = [
            "unshare",
            "--mount",
            "--uts",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            sys.executable,
            "-m",
            "tests.hosts.record",
        ]
        os.environ["STACKSCOPE_RECORDING"] = "inside"
        os.execvp(again[0], again)  # noqa: S606  a list of words needs no shell
    # This process is pid 1 of its namespace: it reaps, as an init does, and its child records.
    child = os.fork()
    while child:
        if os.wait()[0] == child:
            return
    Path("/proc/sys/kernel/hostname").write_text(HOSTNAME)
    for folder in PRIVATE:
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    containerd = start("containerd", ready=Path("/run/containerd/containerd.sock"))
    dockerd = start(
        "dockerd",
        "--containerd=/run/containerd/containerd.sock",
        "-H",
        "unix:///run/docker.sock",
        "--iptables=false",
        "--bridge=none",
        ready=Path("/run/docker.sock"),
    )
    stage()
    record("docker-and-containerd.json")
    stackscope("--from", str(HERE / "docker-and-containerd.json"), "capture", "-o", str(DEMO))
    record_as_nobody("ordinary-user.json")
    while_stopped(shim_of("web"), lambda: record("hung-shim.json"))
    while_stopped(dockerd.pid, lambda: record("dockerd-hangs.json"))
    containers = run("docker", "ps", "-aq", "--no-trunc").stdout.split()
    containerd.kill()
    containerd.wait()
    record("containerd-gone.json")
    thaw(containers)


def thaw(containers: list[str]) -> None:
    """A frozen process cannot be killed: the end of its pid namespace would wait for it for ever."""
    for container in containers:
        for name in ("freezer/docker", "unified/docker"):
            for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                path = Path("/sys/fs/cgroup", name, container, file)
                if path.exists():
                    path.write_text(word)


def start(program: str, *args: str, ready: Path) -> subprocess.Popen[bytes]:
    log = os.open(f"/run/{program}.log", os.O_CREAT | os.O_WRONLY)
    process = subprocess.Popen(
        [f"/usr/bin/{program}" if program == "containerd" else f"/usr/sbin/{program}", *args],
        stdout=log,
        stderr=log,
        env=environment(),
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        client = "ctr" if program == "containerd" else "docker"
        if ready.exists() and run(client, "version", check=False).returncode == 0:
            return process
        time.sleep(0.1)
    raise SystemExit(f"{program} did not come up: {Path(f'/run/{program}.log').read_text()[-800:]}")


def stage() -> None:
    """A small host that a person could meet: a web application by docker, tools by ctr, an image for a pod."""
    for name, marker in (("acme/web:1.4", "web"), ("acme/postgres:16", "postgres"), ("acme/batch:2", "batch")):
        archive = Path("/run/image.tar")
        archive.write_bytes(rootfs(Path("/usr/bin/busybox"), marker))
        run("docker", "import", "--change", 'CMD ["/bin/sleep", "1000000"]', str(archive), name)
    run("docker", "tag", "acme/web:1.4", "acme/web:latest")
    for words in (
        ("--name", "web", "--label", "com.docker.compose.project=shop", "acme/web:1.4"),
        ("--name", "web-2", "--label", "com.docker.compose.project=shop", "acme/web:1.4"),
        ("--name", "db", "-v", "dbdata:/var/lib/postgresql", "--memory", "64m", "acme/postgres:16"),
        ("--name", "nightly", "acme/batch:2", "/bin/sh", "-c", "exit 3"),
        ("--name", "importer", "acme/batch:2"),
    ):
        run("docker", "run", "-d", "--network", "none", *words)
    run("docker", "create", "--name", "canary", "--network", "none", "acme/web:latest")
    run("docker", "pause", "importer")
    run("docker", "wait", "nightly")
    shell("docker save acme/batch:2 | ctr -n default images import -")
    shell("docker save acme/web:1.4 | ctr -n k8s.io images import -")
    time.sleep(2)  # the CRI plugin names it again
    run("ctr", "run", "-d", "--null-io", "docker.io/acme/batch:2", "backup")
    run("ctr", "containers", "create", "docker.io/acme/batch:2", "draft")


def record(name: str) -> None:
    stackscope("capture", "-o", str(HERE / name), "--timeout", "3")


def record_as_nobody(name: str) -> None:
    words = [sys.executable, "-c", AS_NOBODY, "capture", "-o", "-"]
    done = subprocess.run(words, env=environment(HOME="/nonexistent"), check=False, capture_output=True)
    (HERE / name).write_bytes(done.stdout)


def stackscope(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "stackscope", *words], env=environment(HOME="/root"), check=False)


def while_stopped(pid: int, look: Callable[[], None]) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        look()
    finally:
        os.kill(pid, signal.SIGCONT)


def shim_of(name: str) -> int:
    container = run("docker", "inspect", "-f", "{{.Id}}", name).stdout.strip()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            argv = (folder / "cmdline").read_bytes().split(b"\0")
            if b"-id" in argv and container.encode() in argv:
                return int(folder.name)
    raise SystemExit(f"no shim of {name}")


def run(program: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"/usr/bin/{program}", *args], env=environment(), check=check, capture_output=True, text=True
    )


def shell(line: str) -> None:
    subprocess.run(["bash", "-c", line], env=environment(), check=True, capture_output=True)


if __name__ == "__main__":
    main()
