"""Docker's JSON → facts. Opens nothing. Fields: moby api/docs and daemon/info.go."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from stackscope.errors import Malformed
from stackscope.facts import Origin
from stackscope.facts.container import DockerContainer, Mount
from stackscope.facts.daemon import DockerInfo
from stackscope.facts.image import DockerImage
from stackscope.facts.storage import Network, Volume

CONTAINERD_STORE = "io.containerd.snapshotter.v1"
"""`driver-type` in /info's DriverStatus where the containerd image store is on (moby: daemon/containerd/service.go)."""

T = TypeVar("T")


class _Pascal(msgspec.Struct, rename="pascal"):
    pass


class _Commit(msgspec.Struct):
    id: str = msgspec.field(name="ID", default="")


class _ContainerdNamespaces(_Pascal):
    containers: str = ""
    plugins: str = ""


class _Containerd(_Pascal):
    address: str = ""
    namespaces: _ContainerdNamespaces | None = None


class Info(_Pascal):
    """The part of `GET /info` that is used."""

    id: str = msgspec.field(name="ID", default="")
    server_version: str = ""
    name: str = ""
    kernel_version: str = ""
    driver: str = ""
    driver_status: list[list[Any]] | None = None
    docker_root_dir: str = ""
    cgroup_driver: str = ""
    cgroup_version: str = ""
    containerd: _Containerd | None = None
    containerd_commit: _Commit | None = None
    default_runtime: str = ""
    live_restore_enabled: bool = False
    security_options: list[str] | None = None
    warnings: list[str] | None = None


class _Mount(_Pascal):
    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""


class _NetworkSettings(_Pascal):
    networks: dict[str, Any] | None = None


class ListedContainer(_Pascal):
    """An entry of `GET /containers/json`."""

    id: str
    names: list[str] | None = None
    image: str = ""
    image_id: str = msgspec.field(name="ImageID", default="")
    command: str = ""
    created: int = 0
    state: str = ""
    labels: dict[str, str] | None = None
    mounts: list[_Mount] | None = None
    network_settings: _NetworkSettings | None = None


class _Descriptor(msgspec.Struct):
    digest: str = ""


class ListedImage(_Pascal):
    """An entry of `GET /images/json`."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    created: int = 0
    size: int = 0
    labels: dict[str, str] | None = None
    descriptor: _Descriptor | None = None


class _Volume(_Pascal):
    name: str
    driver: str = ""
    mountpoint: str = ""
    labels: dict[str, str] | None = None


class Volumes(_Pascal):
    """`GET /volumes`. `Warnings` tell of volume drivers that did not answer: then the list is not whole."""

    volumes: list[_Volume] | None = None
    warnings: list[str] | None = None


class ListedNetwork(_Pascal):
    """An entry of `GET /networks`."""

    id: str
    name: str = ""
    driver: str = ""
    scope: str = ""


class ErrorReply(msgspec.Struct):
    """The body of an error."""

    message: str = ""


def decode(body: bytes, shape: type[T]) -> T:
    """A reply in its shape; unknown members are let pass. Raises Malformed."""
    try:
        return msgspec.json.decode(body, type=shape, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error


def info(reply: Info, version: str, socket: str, api_version: str, origin: Origin) -> DockerInfo:
    containerd = reply.containerd or _Containerd()
    namespaces = containerd.namespaces or _ContainerdNamespaces()
    status = {str(row[0]): str(row[1]) for row in reply.driver_status or () if len(row) == 2}
    return DockerInfo(
        origin=origin,
        socket=socket,
        engine_id=reply.id,
        version=version or reply.server_version,
        api_version=api_version,
        root=reply.docker_root_dir,
        driver=reply.driver,
        driver_type=status.get("driver-type", ""),
        cgroup_driver=reply.cgroup_driver,
        cgroup_version=reply.cgroup_version,
        containerd_address=containerd.address,
        containerd_namespace=namespaces.containers,
        containerd_plugins_namespace=namespaces.plugins,
        containerd_commit=reply.containerd_commit.id if reply.containerd_commit else "",
        default_runtime=reply.default_runtime,
        live_restore=reply.live_restore_enabled,
        security=tuple(reply.security_options or ()),
        warnings=tuple(reply.warnings or ()),
        name=reply.name,
        kernel=reply.kernel_version,
    )


def container(reply: ListedContainer, origin: Origin) -> DockerContainer:
    networks = reply.network_settings.networks if reply.network_settings else None
    return DockerContainer(
        origin=origin,
        id=reply.id,
        names=tuple(name.removeprefix("/") for name in reply.names or ()),
        image=reply.image,
        image_id=reply.image_id,
        command=reply.command,
        created=reply.created,
        state=reply.state,
        labels=reply.labels or {},
        mounts=tuple(
            Mount(type=m.type, name=m.name, source=m.source, destination=m.destination) for m in reply.mounts or ()
        ),
        networks=tuple(sorted(networks or ())),
    )


def image(reply: ListedImage, origin: Origin) -> DockerImage:
    """`<none>:<none>` and `<none>@<none>`, as 20.10 writes an untagged image, are no names."""
    return DockerImage(
        origin=origin,
        id=reply.id,
        repo_tags=tuple(sorted(tag for tag in reply.repo_tags or () if not tag.startswith("<none>"))),
        repo_digests=tuple(sorted(d for d in reply.repo_digests or () if not d.startswith("<none>"))),
        created=reply.created,
        size=reply.size,
        target_digest=reply.descriptor.digest if reply.descriptor else "",
        labels=reply.labels or {},
    )


def volume(reply: _Volume, origin: Origin) -> Volume:
    return Volume(
        origin=origin, name=reply.name, driver=reply.driver, mountpoint=reply.mountpoint, labels=reply.labels or {}
    )


def network(reply: ListedNetwork, origin: Origin) -> Network:
    return Network(origin=origin, id=reply.id, name=reply.name, driver=reply.driver, scope=reply.scope)
