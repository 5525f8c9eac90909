"""container → network."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.container import DockerContainer
from stackscope.facts.storage import Network
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By docker's list of the container's networks."""
    named = {(fact.origin.witness, fact.name): fact.id for fact in index.all(Network)}
    for container in index.all(DockerContainer):
        path = container.origin.witness.partition(":")[2]
        inspect = (
            "docker",
            "-H",
            f"unix://{path}",
            "inspect",
            "-f",
            "{{json .NetworkSettings.Networks}}",
            container.id,
        )
        for name in container.networks:
            if network := named.get((container.origin.witness, name)):
                yield Link(
                    ids.container(container),
                    Relation.JOINED,
                    ids.network(container.origin.witness, network),
                    "docker lists the container's networks",
                    (evidence(container.origin, name, *inspect),),
                )


RULE = LinkRule(id="joined", relation=Relation.JOINED, find=find)
