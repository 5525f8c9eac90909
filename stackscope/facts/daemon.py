"""What the engines say of themselves."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class DockerInfo(Fact, frozen=True, kw_only=True, tag="docker-info"):
    """`GET /info` of one dockerd (moby: daemon/info.go).

    `driver_type` is `io.containerd.snapshotter.v1` only where the containerd image store is on; `containerd_address`
    and the namespaces are said since API 1.46, and are "" before. `security` holds strings such as `name=rootless`.
    """

    socket: str
    engine_id: str
    version: str
    api_version: str
    root: str
    driver: str
    driver_type: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    containerd_address: str = ""
    containerd_namespace: str = ""
    containerd_plugins_namespace: str = ""
    containerd_commit: str = ""
    default_runtime: str = ""
    live_restore: bool = False
    security: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    name: str = ""
    kernel: str = ""


class DockerVersion(Fact, frozen=True, kw_only=True, tag="docker-version"):
    """What the headers of `GET /_ping` say of one dockerd, and the API version that was spoken. That answers also
    where /info and /version wait for a containerd that hangs."""

    socket: str
    version: str
    api_version: str


class DockerConfig(Fact, frozen=True, kw_only=True, tag="docker-config"):
    """The daemon.json of the dockerd with this pid. `state` is `read`, `absent` or `unreadable`: only the first two
    let a default be believed."""

    pid: int
    path: str
    state: str
    containerd_namespace: str = ""
    exec_root: str = ""
    containerd: str = ""


class ContainerdInfo(Fact, frozen=True, kw_only=True, tag="containerd-info"):
    """Version and identity of one containerd. `root` is derived from the exported path of the metadata database
    (`ROOT/io.containerd.metadata.v1.bolt/meta.db`); `uuid` is "" where it was not asked, because asking a fresh
    containerd would write a file."""

    socket: str
    version: str
    revision: str = ""
    uuid: str = ""
    root: str = ""
    content_policy: str = ""


class Plugin(Fact, frozen=True, kw_only=True, tag="containerd-plugin"):
    """One containerd plugin (Introspection.Plugins). `status` is `ok`, `skipped` or `error`; `root` is the exported
    directory, if any."""

    type: str
    id: str
    status: str
    error: str = ""
    root: str = ""


class ContainerdNamespace(Fact, frozen=True, kw_only=True, tag="containerd-namespace"):
    """A containerd namespace (never the kernel's) with its labels."""

    name: str
    labels: dict[str, str] = msgspec.field(default_factory=dict)
