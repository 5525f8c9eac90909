"""Asks one containerd everything that a question needs. Every listing that came to its end leaves a `Listing`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterator
from functools import partial

from stackscope.errors import LimitHit, Malformed
from stackscope.facts import Fact, Gap, Listing, Origin, Why
from stackscope.facts.daemon import ContainerdInfo
from stackscope.facts.image import ContentTotal, ImageManifests, UnpackedTo
from stackscope.facts.needs import Needs
from stackscope.facts.snapshot import LeaseResource
from stackscope.facts.text import command
from stackscope.sources.containerd import read
from stackscope.sources.containerd.tasks import Tasks
from stackscope.transports.budget import Budget
from stackscope.transports.door import Root
from stackscope.transports.grpc_channel import CallFailed, GrpcChannel
from stackscope.wire._contracts import message
from stackscope.wire.containerd import (
    containers_pb2,
    content_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    sandbox_pb2,
    snapshots_pb2,
    version_pb2,
)

_SERVICES = "/containerd.services."
_MAX_MANIFEST = 4 << 20
"""Bytes of a manifest, an index or a config: the limit that registries keep."""

_MAX_MANIFESTS = 64
"""Manifests of one index that are read."""

_BROUGHT_BY = {"sandbox.v1.Store": "containerd 1.7"}
"""The release that brought a service which older ones answer UNIMPLEMENTED."""

_GC_SNAPSHOT = "containerd.io/gc.ref.snapshot."

_EMPTY = message("google.protobuf.Empty")


class Containerd:
    """One containerd at one reached socket; `path` is its socket's resolved path and names the witness."""

    def __init__(self, path: str, channel: GrpcChannel, budget: Budget, needs: Needs, root: Root) -> None:
        self.witness = f"containerd:{path}"
        self._path = path
        self._channel = channel
        self._budget = budget
        self._needs = needs
        self._root = root
        self._snapshotters: list[str] = []
        self._unsupported: set[str] = set()

    def ask(self) -> Iterator[Fact | Gap]:
        """Everything, in the order in which it is most useful should the time run out."""
        version = self._channel.call(f"{_SERVICES}version.v1.Version/Version", _EMPTY(), version_pb2.VersionResponse)
        yield from self._introspect(version)
        names: list[str] = []
        yield from self._guard("Namespaces.List", partial(self._namespaces, names))
        for name in [name for name in names if not read.NAME.fullmatch(name)]:
            names.remove(name)
            yield Gap(
                subject=self.witness,
                why=Why.MALFORMED,
                detail=f"a namespace name that containerd's own rules forbid: {name[:80]!r}",
                origin=self._origin("Namespaces.List"),
            )
        if Needs.CONTAINERS in self._needs:
            ids: dict[str, list[str]] = {name: [] for name in names}
            listed: set[str] = set()
            # Begun first and collected last: a shim that hangs keeps this one waiting, and no other.
            tasks = Tasks(self.witness, self._channel, self._budget, names)
            for name in names:
                for item in self._guard(
                    f"Containers.List namespace={name}", partial(self._containers, name, ids[name])
                ):
                    if isinstance(item, Listing):
                        listed.add(name)
                    yield item
            for name in names:
                yield from self._namespace(name)
            yield from self._guard("Tasks.List", partial(tasks.collect, ids, listed))
        else:
            for name in names:
                yield from self._namespace(name)

    def _namespace(self, name: str) -> Iterator[Fact | Gap]:
        if Needs.CONTAINERS in self._needs:
            yield from self._guard(f"Store.List namespace={name}", partial(self._sandboxes, name), "sandbox.v1.Store")
        if Needs.IMAGES in self._needs:
            digests: list[str] = []
            yield from self._guard(f"Images.List namespace={name}", partial(self._images, name, digests))
            if Needs.MANIFESTS in self._needs:
                for digest in digests:
                    yield from self._guard(
                        f"Content.Read namespace={name} digest={digest}", partial(self._manifests, name, digest)
                    )
        if Needs.SNAPSHOTS in self._needs:
            for snapshotter in self._snapshotters:
                yield from self._guard(
                    f"Snapshots.List namespace={name} snapshotter={snapshotter}",
                    partial(self._snapshots, name, snapshotter),
                )
        if Needs.LEASES in self._needs:
            yield from self._guard(f"Leases.List namespace={name}", partial(self._leases, name))
        if Needs.CONTENT in self._needs:
            yield from self._guard(f"Content.List namespace={name}", partial(self._content, name))

    def _guard(self, call: str, look: Callable[[], Iterator[Fact | Gap]], service: str = "") -> Iterator[Fact | Gap]:
        """The facts of one look, and a gap where it failed. OutOfTime passes: it ends the endpoint."""
        if service in self._unsupported:
            return
        try:
            yield from look()
        except CallFailed as error:
            detail = error.detail
            if error.why is Why.UNSUPPORTED and service:
                self._unsupported.add(service)
                detail = f"{service} came with {_BROUGHT_BY[service]}; this release has none"
            yield Gap(
                subject=self.witness,
                why=error.why,
                detail=f"{call}: {detail}",
                origin=self._origin(call),
                lifts="raise --timeout, or ask again" if error.why in (Why.TIMEOUT, Why.VANISHED) else "",
            )
        except LimitHit as error:
            yield Gap(subject=self.witness, why=Why.LIMIT, detail=f"{call}: {error}", origin=self._origin(call))
        except Malformed as error:
            yield Gap(subject=self.witness, why=Why.MALFORMED, detail=f"{call}: {error}", origin=self._origin(call))

    def _origin(self, call: str, *words: str, namespace: str = "") -> Origin:
        if not words:
            return Origin(witness=self.witness, call=call)
        scope = ("-n", namespace) if namespace else ()
        return Origin(witness=self.witness, call=call, command=command("ctr", "-a", self._path, *scope, *words))

    def _introspect(self, version: version_pb2.VersionResponse) -> Iterator[Fact | Gap]:
        root = policy = ""
        plugins = []
        origin = self._origin("Introspection.Plugins", "plugins", "ls", "-d")
        try:
            reply = self._channel.call(
                f"{_SERVICES}introspection.v1.Introspection/Plugins",
                introspection_pb2.PluginsRequest(),
                introspection_pb2.PluginsResponse,
            )
        except CallFailed as error:
            yield Gap(subject=self.witness, why=error.why, detail=error.detail, origin=origin)
        else:
            for entry in reply.plugins:
                fact = read.plugin(entry, origin)
                plugins.append(fact)
                if fact.type == "io.containerd.metadata.v1":
                    # ROOT/io.containerd.metadata.v1.bolt/meta.db
                    root = os.path.dirname(os.path.dirname(fact.root))
                    policy = entry.exports.get("policy", "")
                if fact.type == "io.containerd.snapshotter.v1" and fact.status == "ok":
                    self._snapshotters.append(fact.id)
            self._snapshotters.sort()
        uuid = yield from self._uuid(root)
        yield ContainerdInfo(
            origin=self._origin("Version.Version", "version"),
            socket=self._path,
            version=version.version,
            revision=version.revision,
            uuid=uuid,
            root=root,
            content_policy=policy,
        )
        if plugins:
            yield from plugins
            yield Listing(origin=origin, what="plugins", count=len(plugins))

    def _uuid(self, root: str) -> Generator[Gap, None, str]:
        """The server's uuid, asked for only where its file exists: on a fresh containerd the call would write it."""
        call = "Introspection.Server"
        file = f"{root}/io.containerd.grpc.v1.introspection/uuid"
        try:
            if not root:
                raise OSError(0, "containerd's root directory is not known")
            os.close(self._root.open(file, os.O_PATH))
            reply = self._channel.call(
                f"{_SERVICES}introspection.v1.Introspection/Server", _EMPTY(), introspection_pb2.ServerResponse
            )
        except FileNotFoundError:
            # It never had one: nothing is hidden.
            return ""
        except OSError as error:
            detail = f"{call} would write {file} where that is missing, and it cannot be seen: {error.strerror}"
            yield Gap(subject=self.witness, why=Why.NOT_ASKED, detail=detail, origin=self._origin(call))
            return ""
        except CallFailed as error:
            yield Gap(subject=self.witness, why=error.why, detail=f"{call}: {error.detail}", origin=self._origin(call))
            return ""
        return reply.uuid

    def _namespaces(self, names: list[str]) -> Iterator[Fact]:
        origin = self._origin("Namespaces.List", "namespaces", "ls")
        reply = self._channel.call(
            f"{_SERVICES}namespaces.v1.Namespaces/List",
            namespaces_pb2.ListNamespacesRequest(),
            namespaces_pb2.ListNamespacesResponse,
        )
        for entry in sorted(reply.namespaces, key=lambda n: n.name):
            names.append(entry.name)
            yield read.namespace(entry, origin)
        yield Listing(origin=origin, what="namespaces", count=len(names))

    def _containers(self, name: str, ids: list[str]) -> Iterator[Fact | Gap]:
        call = "Containers.List"
        origin = self._origin(f"{call} namespace={name}", "containers", "ls", namespace=name)
        malformed = 0
        count = 0
        for entry in self._container_replies(name):
            count += 1
            ids.append(entry.id)
            try:
                yield read.container(entry, name, origin, whole=Needs.KERNEL in self._needs)
            except Malformed as error:
                malformed += 1
                yield Gap(subject=self.witness, why=Why.MALFORMED, detail=str(error), origin=origin)
        if not malformed:
            yield Listing(origin=origin, what="containers", namespace=name, count=count)

    def _container_replies(self, name: str) -> Iterator[containers_pb2.Container]:
        service = f"{_SERVICES}containers.v1.Containers"
        try:
            reply = self._channel.call(
                f"{service}/List",
                containers_pb2.ListContainersRequest(),
                containers_pb2.ListContainersResponse,
                namespace=name,
            )
        except CallFailed as error:
            if error.why is not Why.LIMIT:
                raise
        else:
            yield from reply.containers
            return
        # The whole list is over the server's message size (16 MiB, some 1,700 docker containers): one at a time.
        for part in self._channel.stream(
            f"{service}/ListStream",
            containers_pb2.ListContainersRequest(),
            containers_pb2.ListContainerMessage,
            namespace=name,
        ):
            yield part.container

    def _sandboxes(self, name: str) -> Iterator[Fact]:
        origin = self._origin(f"Store.List namespace={name}", "sandboxes", "ls", namespace=name)
        reply = self._channel.call(
            f"{_SERVICES}sandbox.v1.Store/List",
            sandbox_pb2.StoreListRequest(),
            sandbox_pb2.StoreListResponse,
            namespace=name,
        )
        for entry in reply.list:
            yield read.sandbox(entry, name, origin)
        yield Listing(origin=origin, what="sandboxes", namespace=name, count=len(reply.list))

    def _images(self, name: str, digests: list[str]) -> Iterator[Fact]:
        origin = self._origin(f"Images.List namespace={name}", "images", "ls", namespace=name)
        reply = self._channel.call(
            f"{_SERVICES}images.v1.Images/List",
            images_pb2.ListImagesRequest(),
            images_pb2.ListImagesResponse,
            namespace=name,
        )
        digests.extend(sorted({entry.target.digest for entry in reply.images}))
        for entry in reply.images:
            yield read.image(entry, name, origin)
        yield Listing(origin=origin, what="images", namespace=name, count=len(reply.images))

    def _snapshots(self, name: str, snapshotter: str) -> Iterator[Fact]:
        origin = self._origin(
            f"Snapshots.List namespace={name} snapshotter={snapshotter}",
            "snapshots",
            "--snapshotter",
            snapshotter,
            "ls",
            namespace=name,
        )
        count = 0
        for part in self._channel.stream(
            f"{_SERVICES}snapshots.v1.Snapshots/List",
            snapshots_pb2.ListSnapshotsRequest(snapshotter=snapshotter),
            snapshots_pb2.ListSnapshotsResponse,
            namespace=name,
        ):
            for entry in part.info:
                count += 1
                yield read.snapshot(entry, name, snapshotter, origin)
        yield Listing(origin=origin, what="snapshots", namespace=name, part=snapshotter, count=count)

    def _leases(self, name: str) -> Iterator[Fact]:
        origin = self._origin(f"Leases.List namespace={name}", "leases", "ls", namespace=name)
        reply = self._channel.call(
            f"{_SERVICES}leases.v1.Leases/List",
            leases_pb2.ListRequest(),
            leases_pb2.ListResponse,
            namespace=name,
        )
        for entry in reply.leases:
            resources = self._channel.call(
                f"{_SERVICES}leases.v1.Leases/ListResources",
                leases_pb2.ListResourcesRequest(id=entry.id),
                leases_pb2.ListResourcesResponse,
                namespace=name,
            ).resources
            found = tuple(sorted((r.type, r.id) for r in resources))
            yield read.lease(entry, name, origin, tuple(LeaseResource(type=t, id=i) for t, i in found))
        yield Listing(origin=origin, what="leases", namespace=name, count=len(reply.leases))

    def _content(self, name: str) -> Iterator[Fact]:
        origin = self._origin(f"Content.List namespace={name}", "content", "ls", namespace=name)
        blobs = size = 0
        for part in self._channel.stream(
            f"{_SERVICES}content.v1.Content/List",
            content_pb2.ListContentRequest(),
            content_pb2.ListContentResponse,
            namespace=name,
        ):
            blobs += len(part.info)
            size += sum(entry.size for entry in part.info)
        yield ContentTotal(origin=origin, namespace=name, blobs=blobs, bytes=size)

    def _manifests(self, name: str, digest: str) -> Iterator[Fact | Gap]:
        """What the target digest leads to: its manifests, their configs, and the snapshots those were unpacked to."""
        top = read.manifest(self._blob(name, digest))
        found = []
        if top.config is not None:
            platform = read.config_platform(self._blob(name, top.config.digest))
            found.append(read.platform_manifest(digest, top, platform))
        if len(top.manifests) > _MAX_MANIFESTS:
            raise LimitHit(f"{digest} names more than {_MAX_MANIFESTS} manifests")
        for entry in top.manifests:
            try:
                child = read.manifest(self._blob(name, entry.digest))
            except CallFailed as error:
                # An index may name platforms whose content was never pulled: that is not a failed look.
                if error.not_found:
                    continue
                raise
            platform = entry.platform.words if entry.platform else ""
            found.append(read.platform_manifest(entry.digest, child, platform))
        yield ImageManifests(
            origin=self._origin(
                f"Content.Read namespace={name} digest={digest}", "content", "get", digest, namespace=name
            ),
            namespace=name,
            target_digest=digest,
            manifests=tuple(found),
        )
        for config in {m.config_digest for m in found if m.config_digest}:
            yield from self._unpacked(name, config)

    def _unpacked(self, name: str, config: str) -> Iterator[Fact]:
        reply = self._channel.call(
            f"{_SERVICES}content.v1.Content/Info",
            content_pb2.InfoRequest(digest=config),
            content_pb2.InfoResponse,
            namespace=name,
        )
        for label, chain_id in sorted(reply.info.labels.items()):
            if label.startswith(_GC_SNAPSHOT):
                yield UnpackedTo(
                    origin=self._origin(
                        f"Content.Info namespace={name} digest={config}", "content", "ls", namespace=name
                    ),
                    namespace=name,
                    config_digest=config,
                    snapshotter=label.removeprefix(_GC_SNAPSHOT),
                    chain_id=chain_id,
                )

    def _blob(self, name: str, digest: str) -> bytes:
        """A small blob, its digest checked. Raises CallFailed, LimitHit or Malformed."""
        parts: list[bytes] = []
        size = 0
        for part in self._channel.stream(
            f"{_SERVICES}content.v1.Content/Read",
            content_pb2.ReadContentRequest(digest=digest),
            content_pb2.ReadContentResponse,
            namespace=name,
        ):
            size += len(part.data)
            if size > _MAX_MANIFEST:
                raise LimitHit(f"{digest} is longer than {_MAX_MANIFEST} bytes")
            parts.append(part.data)
        blob = b"".join(parts)
        algorithm, _, hexadecimal = digest.partition(":")
        if algorithm in ("sha256", "sha512") and hashlib.new(algorithm, blob).hexdigest() != hexadecimal:
            raise Malformed(f"the content of {digest} has another digest")
        return blob


def ask(path: str, channel: GrpcChannel, budget: Budget, needs: Needs, root: Root) -> Iterator[Fact | Gap]:
    """The facts and gaps of one containerd. Raises CallFailed where not even its version was answered."""
    return Containerd(path, channel, budget, needs, root).ask()
