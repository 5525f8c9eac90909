"""Private daemons: a containerd and a dockerd that use no default of the machine."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.live.errors import DaemonFailed, LabError
from tests.live.programs import client_environment, must, run

SYSTEM_CONTAINERD = Path("/run/containerd/containerd.sock")
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 107
START_LIMIT = 30.0  # seconds
STOP_LIMIT = 30.0  # seconds


class Daemon:
    """A daemon process with its own directory; the two engines below say how it is started."""

    def __init__(self, base: Path, name: str) -> None:
        self.name = name
        self.directory = base / name
        self.log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid while it runs; raises `LabError` otherwise."""
        if self._process is None or self._process.poll() is not None:
            raise LabError(f"{self.name} is not running")
        return self._process.pid

    def argv(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether its API answers now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and return once its API answers; again after `stop` or `kill`, too.

        Raises `DaemonFailed` when it ends or does not answer.
        """
        if self._process is not None and self._process.poll() is None:
            raise LabError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=client_environment(),
                # An interrupt from the terminal must reach the tests only: they clear away.
                start_new_session=True,
            )
        self._wait(self.answers, START_LIMIT)

    def stop(self) -> None:
        """End it with SIGTERM and wait; nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL and wait: shims and containers stay, as after a crash."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            raise DaemonFailed(self.name, "did not end in time", self.log) from None

    def _wait(self, done: Callable[[], bool], limit: float) -> None:
        assert self._process is not None
        deadline = time.monotonic() + limit
        while not done():
            if self._process.poll() is not None:
                what = f"ended with {self._process.returncode}"
                raise DaemonFailed(self.name, what, self.log)
            if time.monotonic() > deadline:
                raise DaemonFailed(self.name, f"did not answer in {limit:.0f} s", self.log)
            time.sleep(0.02)


class Containerd(Daemon):
    """A containerd whose root, state, socket, plugins and CNI directories are all private.

    `address` is its gRPC socket, `root` and `state` its directories.
    """

    def __init__(self, base: Path, name: str = "containerd") -> None:
        super().__init__(base, name)
        self.root = self.directory / "root"
        self.state = self.directory / "state"
        self.config = self.directory / "config.toml"
        self.runc_root = self.directory / "runc"
        self.address = _short(self.directory / "containerd.sock")
        self.directory.mkdir(parents=True)
        self.config.write_text(
            f"""version = 2
root = "{self.root}"
state = "{self.state}"

[grpc]
  address = "{self.address}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{self.directory}/opt"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{self.directory}/cni/bin"
  conf_dir = "{self.directory}/cni/net.d"
"""
        )

    def argv(self) -> list[str]:
        return [must("containerd"), "--config", str(self.config)]

    def answers(self) -> bool:
        # A look at the socket first: ctr itself waits for one that is not there yet.
        if not self.address.is_socket():
            return False
        return run([must("ctr"), "-a", self.address, "version"], check=False).returncode == 0

    def ctr(
        self,
        *args: str | Path,
        namespace: str = "default",
        check: bool = True,
        stdin: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `ctr` on this containerd in a containerd namespace."""
        argv = [must("ctr"), "-a", self.address, "-n", namespace, *args]
        return run(argv, check=check, stdin=stdin)

    def run_container(self, image: str, container: str, *args: str | Path, namespace: str = "default") -> None:
        """A running container by `ctr run -d`; its cgroup is `/<namespace>/<container>`.

        `args` follow the container's id: the command, where it is not the image's own.
        """
        options = ["-d", "--null-io", "--runc-root", str(self.runc_root)]
        self.ctr("run", *options, image, container, *args, namespace=namespace)


class Dockerd(Daemon):
    """A dockerd on a `Containerd`, or with `None` on one that it starts itself.

    `socket` is its API socket. It has no bridge: containers get network `none` or `host`.
    """

    def __init__(
        self,
        base: Path,
        containerd: Containerd | None,
        name: str = "dockerd",
        extra_args: Sequence[str] = (),
    ) -> None:
        super().__init__(base, name)
        self.containerd = containerd
        self.extra_args = tuple(extra_args)
        self.data_root = self.directory / "data"
        self.exec_root = self.directory / "exec"
        self.config = self.directory / "daemon.json"
        self.socket = _short(self.directory / "docker.sock")
        client = self.directory / "client"
        client.mkdir(parents=True)
        self.environment = client_environment(DOCKER_CONFIG=str(client))
        self.config.write_text(self._config())

    def argv(self) -> list[str]:
        # dockerd adopts the machine's containerd when it finds one, whatever its own flags say.
        if self.containerd is None and SYSTEM_CONTAINERD.exists():
            raise LabError(f"{SYSTEM_CONTAINERD} exists: dockerd would use it, not start its own")
        argv = [must("dockerd"), "--config-file", str(self.config)]
        argv += ["--data-root", str(self.data_root), "--exec-root", str(self.exec_root)]
        argv += ["--pidfile", str(self.directory / "docker.pid"), "-H", f"unix://{self.socket}"]
        argv += ["--bridge=none", "--iptables=false", "--ip-forward=false"]
        if self.containerd is not None:
            argv.append(f"--containerd={self.containerd.address}")
        return [*argv, *self.extra_args]

    def answers(self) -> bool:
        return self.socket.is_socket() and self.docker("version", check=False).returncode == 0

    def docker(
        self, *args: str | Path, check: bool = True, stdin: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the `docker` client on this dockerd, with a configuration of its own."""
        argv = [must("docker"), "-H", f"unix://{self.socket}", *args]
        return run(argv, env=self.environment, check=check, stdin=stdin)

    def run_container(self, image: str, name: str, *options: str, command: Sequence[str] = ()) -> str:
        """A running container by `docker run -d`; gives its id of 64 digits.

        `command` takes the place of the image's own.
        """
        # Pid 1 of a container does not get SIGTERM unless it asks for it, and the sleeper does
        # not: without this every stop of it would wait out its ten seconds.
        quick = ["-d", "--stop-signal", "SIGKILL"]
        return self.docker("run", *quick, "--name", name, *options, image, *command).stdout.strip()

    def _config(self) -> str:
        # 20.10 keeps its key, which makes its ID, in the machine's /etc/docker unless told
        # otherwise; later releases refuse the setting and keep an ID of their own.
        if " 20.10." in run([must("dockerd"), "--version"]).stdout:
            return f'{{"deprecated-key-path": "{self.directory}/key.json"}}\n'
        return "{}\n"


def _short(path: Path) -> Path:
    if len(os.fsencode(path)) >= SOCKET_PATH_LIMIT:
        raise LabError(f"{path} is too long for a socket")
    return path
