"""containerd → containerd namespace."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By containerd's own list."""
    for witness, facts in index.namespaces.items():
        daemon = index.daemon_by_witness.get(witness)
        if daemon is None:
            continue
        for fact in facts:
            yield Link(
                daemon.id,
                Relation.HAS_NAMESPACE,
                ids.namespace(witness, fact.name),
                "containerd lists it",
                (evidence(fact.origin, fact.name),),
            )


RULE = LinkRule(id="has_namespace", relation=Relation.HAS_NAMESPACE, find=find)
