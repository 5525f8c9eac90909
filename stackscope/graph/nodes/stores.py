"""Nodes of images, content, snapshots, leases, volumes, networks and directories."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.daemon import ContainerdInfo, DockerInfo
from stackscope.facts.image import ContainerdImage, DockerImage, ImageManifests
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.storage import Bundle, Network, Volume
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Node
from stackscope.graph.nodes.engines import image_store


def images(index: Index) -> Iterator[Node]:
    for fact in index.all(DockerImage):
        daemon = index.daemon_by_witness.get(fact.origin.witness)
        store = image_store(daemon.docker) if daemon and daemon.docker else ""
        for name in ids.docker_names(fact):
            yield Node(
                id=ids.image(fact.origin.witness, name),
                kind="image",
                name=name,
                witness=fact.origin.witness,
                attrs={
                    "ref": name if name != fact.id else "",
                    # With the containerd store dockerd's id is the target's digest (an index or a manifest).
                    "target_digest": fact.target_digest or (fact.id if store == "containerd" else ""),
                    "config_digest": fact.id if store == "graphdriver" else "",
                    "size": fact.size,
                    "created": fact.created,
                },
            )
    for image in index.all(ContainerdImage):
        read = index.manifests.get((image.origin.witness, image.target_digest))
        manifests = read.manifests if read else ()
        yield Node(
            id=ids.containerd_image(image),
            kind="image",
            name=image.name,
            witness=image.origin.witness,
            attrs={
                "ref": image.name,
                "namespace": image.namespace,
                "target_digest": image.target_digest,
                "config_digest": manifests[0].config_digest if len(manifests) == 1 else "",
                "platforms": [m.platform for m in manifests if m.platform],
                "media_type": image.media_type,
                "size": sum(m.size for m in manifests) if manifests else None,
                "created": image.created,
                "labels": image.labels,
            },
        )


def content(index: Index) -> Iterator[Node]:
    """The blobs that an image's manifests name, as far as they were read."""
    seen: set[str] = set()
    for read in index.all(ImageManifests):
        witness = read.origin.witness
        blobs = {read.target_digest: "target"}
        for manifest in read.manifests:
            blobs.setdefault(manifest.digest, "manifest")
            blobs.setdefault(manifest.config_digest, "config")
            for layer in manifest.layers:
                blobs.setdefault(layer, "layer")
        for digest, part in blobs.items():
            node = ids.content(witness, read.namespace, digest)
            if digest and node not in seen:
                seen.add(node)
                yield Node(
                    id=node,
                    kind="content",
                    name=digest,
                    witness=witness,
                    attrs={"digest": digest, "namespace": read.namespace, "part": part},
                )


def snapshots(index: Index) -> Iterator[Node]:
    for fact in index.all(Snapshot):
        yield Node(
            id=ids.snapshot_of(fact),
            kind="snapshot",
            name=fact.key,
            witness=fact.origin.witness,
            attrs={
                "key": fact.key,
                "namespace": fact.namespace,
                "snapshotter": fact.snapshotter,
                "kind": fact.kind,
                "parent": fact.parent,
                "created": fact.created,
                "labels": fact.labels,
            },
        )


def leases(index: Index) -> Iterator[Node]:
    for fact in index.all(Lease):
        yield Node(
            id=ids.lease(fact),
            kind="lease",
            name=fact.id,
            witness=fact.origin.witness,
            attrs={"key": fact.id, "namespace": fact.namespace, "created": fact.created, "labels": fact.labels},
        )


def docker_storage(index: Index) -> Iterator[Node]:
    for fact in index.all(Volume):
        yield Node(
            id=ids.volume(fact.origin.witness, fact.name),
            kind="volume",
            name=fact.name,
            witness=fact.origin.witness,
            attrs={"key": fact.name, "driver": fact.driver, "mountpoint": fact.mountpoint, "labels": fact.labels},
        )
    for network in index.all(Network):
        yield Node(
            id=ids.network(network.origin.witness, network.id),
            kind="network",
            name=network.name,
            witness=network.origin.witness,
            attrs={"key": network.id, "driver": network.driver, "scope": network.scope},
        )


def directories(index: Index) -> Iterator[Node]:
    """The state directories that the engines name themselves, and the bundles that were looked into."""
    for docker in index.all(DockerInfo):
        if docker.root:
            yield _directory(docker.origin.witness, docker.root, "data root")
    for containerd in index.all(ContainerdInfo):
        if containerd.root:
            yield _directory(containerd.origin.witness, containerd.root, "root")
    for bundle in index.all(Bundle):
        yield _directory(bundle.origin.witness, bundle.path, "bundle")


def _directory(witness: str, path: str, purpose: str) -> Node:
    return Node(
        id=ids.storage(witness, path),
        kind="storage",
        name=path,
        witness=witness,
        attrs={"path": path, "purpose": purpose},
    )
