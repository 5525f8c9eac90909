"""Containers, tasks and sandboxes, as each witness has them."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class Mount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mount of a container. `type` is `bind`, `volume`, `tmpfs` …; `name` the volume's; paths are the host's and
    the container's."""

    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""


class DockerContainer(Fact, frozen=True, kw_only=True, tag="docker-container"):
    """One entry of `GET /containers/json?all=1`. `id` has 64 hex digits, `image_id` is `sha256:…`; `created` is in
    seconds since 1970; `networks` are names."""

    id: str
    names: tuple[str, ...]
    image: str
    image_id: str
    command: str = ""
    created: int = 0
    state: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    networks: tuple[str, ...] = ()


class SpecNamespace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`linux.namespaces[]` of an OCI spec: `path` is "" for a new namespace, else the pinned or joined one."""

    type: str
    path: str = ""


class ContainerdContainer(Fact, frozen=True, kw_only=True, tag="containerd-container"):
    """One record of Containers.List. `cgroups_path`, `spec_namespaces`, `root_path`, `args` come from its OCI spec;
    `snapshotter` and `snapshot_key` are "" for dockerd's records. `created` is RFC 3339."""

    namespace: str
    id: str
    image: str = ""
    runtime: str = ""
    runtime_root: str = ""
    systemd_cgroup: bool = False
    snapshotter: str = ""
    snapshot_key: str = ""
    sandbox: str = ""
    created: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    cgroups_path: str = ""
    spec_namespaces: tuple[SpecNamespace, ...] = ()
    root_path: str = ""
    mounts: tuple[Mount, ...] = ()
    args: tuple[str, ...] = ()
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Task(Fact, frozen=True, kw_only=True, tag="containerd-task"):
    """One entry of Tasks.List: `status` in lower case as `ctr` prints it. `pid` is in containerd's pid namespace; it
    is 0 with status `unknown` when the shim did not answer containerd, and then `init_pid` may tell it from the
    bundle's file."""

    namespace: str
    id: str
    pid: int
    status: str
    init_pid: int = 0


class Sandbox(Fact, frozen=True, kw_only=True, tag="containerd-sandbox"):
    """One entry of the sandbox store (containerd 1.7 and later)."""

    namespace: str
    id: str
    runtime: str = ""
    sandboxer: str = ""
    created: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
