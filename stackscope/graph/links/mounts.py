"""container → volume."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.container import DockerContainer
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By docker's list of the container's mounts."""
    for container in index.all(DockerContainer):
        path = container.origin.witness.partition(":")[2]
        inspect = ("docker", "-H", f"unix://{path}", "inspect", "-f", "{{json .Mounts}}", container.id)
        for mount in container.mounts:
            if mount.type == "volume":
                yield Link(
                    ids.container(container),
                    Relation.MOUNTS,
                    ids.volume(container.origin.witness, mount.name),
                    f"mounted at {mount.destination}",
                    (evidence(container.origin, mount.name, *inspect),),
                )


RULE = LinkRule(id="mounts", relation=Relation.MOUNTS, find=find)
