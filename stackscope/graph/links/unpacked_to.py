"""image or container → snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.image import ContainerdImage, UnpackedTo
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.nodes.engines import CONTAINERD_STORE
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """An image by the label of its config blob, which names the chain id of its top layer; a container by its own
    record, or, with docker's containerd image store, by a snapshot whose key is the container's id."""
    for record in index.containerd_containers.values():
        if record.snapshot_key:
            command = ("ctr", "-a", record.origin.witness.partition(":")[2], "-n", record.namespace, "c", "info")
            yield Link(
                ids.container(record),
                Relation.UNPACKED_TO,
                ids.snapshot(record.origin.witness, record.namespace, record.snapshotter, record.snapshot_key),
                "containerd's record names snapshotter and key",
                (evidence(record.origin, record.snapshot_key, *command, record.id),),
            )
    yield from _docker(index)
    yield from _images(index)


def _docker(index: Index) -> Iterator[Link]:
    for daemon in index.daemons:
        info = daemon.docker
        if info is None or info.driver_type != CONTAINERD_STORE:
            continue
        for containers in index.docker_containers.values():
            for container in containers:
                if container.origin.witness != daemon.witness:
                    continue
                witness = f"containerd:{index.canonical(info.containerd_address)}"
                yield Link(
                    ids.container(container),
                    Relation.UNPACKED_TO,
                    ids.snapshot(witness, info.containerd_namespace, info.driver, container.id),
                    "docker's containerd image store keeps a container's layer under the container's id",
                    (evidence(container.origin, container.id),),
                )


def _images(index: Index) -> Iterator[Link]:
    unpacked: dict[tuple[str, str, str], list[UnpackedTo]] = {}
    for fact in index.all(UnpackedTo):
        unpacked.setdefault((fact.origin.witness, fact.namespace, fact.config_digest), []).append(fact)
    for image in index.all(ContainerdImage):
        for digest in index.digests(image):
            for fact in unpacked.get((image.origin.witness, image.namespace, digest), ()):
                yield Link(
                    ids.containerd_image(image),
                    Relation.UNPACKED_TO,
                    ids.snapshot(fact.origin.witness, fact.namespace, fact.snapshotter, fact.chain_id),
                    f"the label of its config {digest} names this chain id",
                    (evidence(fact.origin, fact.chain_id),),
                )


RULE = LinkRule(id="unpacked_to", relation=Relation.UNPACKED_TO, find=find)
