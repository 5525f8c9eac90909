"""containerd's replies → facts. Opens nothing."""

from __future__ import annotations

import datetime
import re
from typing import Any

import msgspec

from stackscope.errors import Malformed
from stackscope.facts import Origin
from stackscope.facts.container import ContainerdContainer, Mount, Sandbox, SpecNamespace, Task
from stackscope.facts.daemon import ContainerdNamespace, Plugin
from stackscope.facts.image import ContainerdImage, PlatformManifest
from stackscope.facts.snapshot import Lease, LeaseResource, Snapshot
from stackscope.wire.containerd import (
    containers_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    runc_options_pb2,
    snapshots_pb2,
    task_types_pb2,
    types_pb2,
)

NAME = re.compile(r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*")
"""A containerd identifier (containerd: pkg/identifiers). Nothing else may go into a request's metadata."""

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)

_TASK_STATUS = {0: "unknown", 1: "created", 2: "running", 3: "stopped", 4: "paused", 5: "pausing"}
_SNAPSHOT_KIND = {0: "unknown", 1: "view", 2: "active", 3: "committed"}
_SKIPPED = "skip plugin"
_GO_ZERO_TIME = -62135596800
"""0001-01-01T00:00:00Z in seconds since 1970."""


class _SpecProcess(msgspec.Struct):
    args: list[str] = []


class _SpecRoot(msgspec.Struct):
    path: str = ""


class _SpecMount(msgspec.Struct):
    destination: str = ""
    type: str = ""
    source: str = ""


class _SpecLinuxNamespace(msgspec.Struct):
    type: str = ""
    path: str = ""


class _SpecLinux(msgspec.Struct, rename="camel"):
    cgroups_path: str = ""
    namespaces: list[_SpecLinuxNamespace] = []


class _Spec(msgspec.Struct):
    """The useful part of an OCI runtime spec; its environment is not read."""

    process: _SpecProcess | None = None
    root: _SpecRoot | None = None
    mounts: list[_SpecMount] | None = None
    linux: _SpecLinux | None = None
    annotations: dict[str, str] | None = None


class _LightLinux(msgspec.Struct, rename="camel"):
    cgroups_path: str = ""


class _LightSpec(msgspec.Struct):
    """What places a container and its shim, and no more: with a thousand specs the rest takes its time."""

    linux: _LightLinux | None = None
    annotations: dict[str, str] | None = None


_spec = msgspec.json.Decoder(_Spec)
_light_spec = msgspec.json.Decoder(_LightSpec)

# Where a kernel file system is mounted in every container says nothing about this one.
_PLUMBING = frozenset({"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "tmpfs"})


def _time(stamp: Any) -> str:
    """RFC 3339 of a protobuf Timestamp; "" for an unset one (also Go's zero time), or one that no calendar has."""
    if stamp.seconds in (0, _GO_ZERO_TIME):
        return ""
    try:
        moment = datetime.datetime.fromtimestamp(stamp.seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return moment.isoformat().replace("+00:00", "Z")


def namespace(reply: namespaces_pb2.Namespace, origin: Origin) -> ContainerdNamespace:
    return ContainerdNamespace(origin=origin, name=reply.name, labels=dict(reply.labels))


def plugin(reply: introspection_pb2.Plugin, origin: Origin) -> Plugin:
    """A plugin with `init_err` failed; one that its host cannot use says "skip plugin"."""
    error = reply.init_err.message if reply.HasField("init_err") else ""
    status = "ok" if not error else "skipped" if _SKIPPED in error else "error"
    exports = reply.exports
    return Plugin(
        origin=origin,
        type=reply.type,
        id=reply.id,
        status=status,
        error=error,
        root=exports.get("root", "") or exports.get("path", ""),
    )


def container(
    reply: containers_pb2.Container, namespace_name: str, origin: Origin, *, whole: bool = True
) -> ContainerdContainer:
    """A record; `whole` reads when it was made, its runtime's options, and its spec's arguments, root,
    mounts and namespaces too.

    Raises Malformed where the spec is not what the OCI runtime spec says.
    """
    spec = _Spec()
    if reply.spec.value:
        try:
            if whole:
                spec = _spec.decode(reply.spec.value)
            else:
                light = _light_spec.decode(reply.spec.value)
                path = light.linux.cgroups_path if light.linux else ""
                spec = _Spec(linux=_SpecLinux(cgroups_path=path), annotations=light.annotations)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(f"the spec of container {reply.id}: {error}") from error
    linux = spec.linux or _SpecLinux()
    options = _runtime_options(reply.runtime.options) if whole else None
    return ContainerdContainer(
        origin=origin,
        namespace=namespace_name,
        id=reply.id,
        image=reply.image,
        runtime=reply.runtime.name,
        runtime_root=options.root if options is not None else "",
        systemd_cgroup=options.systemd_cgroup if options is not None else False,
        snapshotter=reply.snapshotter,
        snapshot_key=reply.snapshot_key,
        sandbox=reply.sandbox,
        created=_time(reply.created_at) if whole else "",
        labels=dict(reply.labels),
        cgroups_path=linux.cgroups_path,
        spec_namespaces=tuple(SpecNamespace(type=n.type, path=n.path) for n in linux.namespaces),
        root_path=spec.root.path if spec.root else "",
        mounts=tuple(
            Mount(type=m.type, source=m.source, destination=m.destination)
            for m in spec.mounts or ()
            if m.type not in _PLUMBING
        ),
        args=tuple(spec.process.args) if spec.process else (),
        annotations=spec.annotations or {},
    )


def _runtime_options(options: Any) -> runc_options_pb2.Options | None:
    if options.type_url.rpartition("/")[2] != "containerd.runc.v1.Options":
        return None
    try:
        return runc_options_pb2.Options.FromString(options.value)
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise Malformed(f"runtime options: {error}") from error


def task(reply: task_types_pb2.Process, namespace_name: str, origin: Origin) -> Task:
    """Tasks.List puts the container's id into `id` and leaves `container_id` empty."""
    return Task(
        origin=origin,
        namespace=namespace_name,
        id=reply.id or reply.container_id,
        pid=reply.pid,
        status=_TASK_STATUS.get(reply.status, f"status {reply.status}"),
    )


def image(reply: images_pb2.Image, namespace_name: str, origin: Origin) -> ContainerdImage:
    return ContainerdImage(
        origin=origin,
        namespace=namespace_name,
        name=reply.name,
        target_digest=reply.target.digest,
        media_type=reply.target.media_type,
        size=reply.target.size,
        created=_time(reply.created_at),
        labels=dict(reply.labels),
    )


def snapshot(reply: snapshots_pb2.Info, namespace_name: str, snapshotter: str, origin: Origin) -> Snapshot:
    return Snapshot(
        origin=origin,
        namespace=namespace_name,
        snapshotter=snapshotter,
        key=reply.name,
        parent=reply.parent,
        kind=_SNAPSHOT_KIND.get(reply.kind, f"kind {reply.kind}"),
        created=_time(reply.created_at),
        labels=dict(reply.labels),
    )


def lease(reply: leases_pb2.Lease, namespace_name: str, origin: Origin, resources: tuple[LeaseResource, ...]) -> Lease:
    return Lease(
        origin=origin,
        namespace=namespace_name,
        id=reply.id,
        created=_time(reply.created_at),
        labels=dict(reply.labels),
        resources=resources,
    )


def sandbox(reply: types_pb2.Sandbox, namespace_name: str, origin: Origin) -> Sandbox:
    return Sandbox(
        origin=origin,
        namespace=namespace_name,
        id=reply.sandbox_id,
        runtime=reply.runtime.name,
        sandboxer=reply.sandboxer,
        created=_time(reply.created_at),
        labels=dict(reply.labels),
    )


class Platform(msgspec.Struct):
    """`platform` of a descriptor, and the same members of a config."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    @property
    def words(self) -> str:
        """`linux/arm64/v8`; "" where nothing is said."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(msgspec.Struct, rename="camel"):
    """An OCI descriptor."""

    digest: str = ""
    size: int = 0
    media_type: str = ""
    platform: Platform | None = None


class Manifest(msgspec.Struct, rename="camel"):
    """An image manifest or an index: whichever members it has."""

    media_type: str = ""
    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []


def manifest(blob: bytes) -> Manifest:
    """Raises Malformed."""
    try:
        return msgspec.json.decode(blob, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"a manifest: {error}") from error


def config_platform(blob: bytes) -> str:
    """`os/architecture` of an image config. Raises Malformed."""
    try:
        return msgspec.json.decode(blob, type=Platform).words
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"an image config: {error}") from error


def platform_manifest(digest: str, what: Manifest, platform: str) -> PlatformManifest:
    config = what.config or Descriptor()
    return PlatformManifest(
        digest=digest,
        config_digest=config.digest,
        platform=platform,
        size=config.size + sum(layer.size for layer in what.layers),
        layers=tuple(layer.digest for layer in what.layers),
    )
