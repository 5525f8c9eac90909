"""container ↔ container: docker's and containerd's record of one container."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule

_WHOLE_ID = 64
"""Digits of an id that docker drew by chance: equal ones are one container."""


def find(index: Index) -> Iterator[Link]:
    """By equal ids of 64 digits, from dockerd's to containerd's. A stopped docker container has no record in
    containerd: dockerd deletes it when the container ends."""
    for record in index.containerd_containers.values():
        if len(record.id) != _WHOLE_ID:
            continue
        for docker in index.docker_containers.get(record.id, ()):
            yield Link(
                ids.container(docker),
                Relation.SAME_CONTAINER,
                ids.container(record),
                "equal 64-digit ids",
                (evidence(docker.origin, docker.id), evidence(record.origin, record.id)),
            )


RULE = LinkRule(id="same_container", relation=Relation.SAME_CONTAINER, find=find)
