"""namespace or daemon → what it holds."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts import Fact
from stackscope.facts.container import ContainerdContainer, DockerContainer
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.storage import Network, Volume
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the witness's own listing: containerd's are of a namespace, docker's of the daemon."""
    for record in index.all(ContainerdContainer):
        yield _of_namespace(record, record.namespace, ids.container(record), record.id)
    for name in index.all(ContainerdImage):
        yield _of_namespace(name, name.namespace, ids.containerd_image(name), name.name)
    for snapshot in index.all(Snapshot):
        yield _of_namespace(snapshot, snapshot.namespace, ids.snapshot_of(snapshot), snapshot.key)
    for lease in index.all(Lease):
        yield _of_namespace(lease, lease.namespace, ids.lease(lease), lease.id)
    for container in index.all(DockerContainer):
        yield from _of_daemon(index, container, ids.container(container), container.id)
    for image in index.all(DockerImage):
        for node in ids.docker_images(image):
            yield from _of_daemon(index, image, node, image.id)
    for volume in index.all(Volume):
        yield from _of_daemon(index, volume, ids.volume(volume.origin.witness, volume.name), volume.name)
    for network in index.all(Network):
        yield from _of_daemon(index, network, ids.network(network.origin.witness, network.id), network.id)


def _of_namespace(fact: Fact, name: str, node: str, shows: str) -> Link:
    source = ids.namespace(fact.origin.witness, name)
    return Link(source, Relation.HOLDS, node, "containerd lists it there", (evidence(fact.origin, shows),))


def _of_daemon(index: Index, fact: Fact, node: str, shows: str) -> Iterator[Link]:
    daemon = index.daemon_by_witness.get(fact.origin.witness)
    if daemon is not None:
        yield Link(daemon.id, Relation.HOLDS, node, "dockerd lists it", (evidence(fact.origin, shows),))


RULE = LinkRule(id="holds", relation=Relation.HOLDS, find=find)
