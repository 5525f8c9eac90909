"""container → sandbox: the pod that it is part of."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the record's sandbox id (containerd 1.7 and later)."""
    for record in index.containerd_containers.values():
        if record.sandbox:
            target = ids.sandbox(record.origin.witness, record.namespace, record.sandbox)
            path = record.origin.witness.partition(":")[2]
            proof = evidence(
                record.origin, record.sandbox, "ctr", "-a", path, "-n", record.namespace, "c", "info", record.id
            )
            yield Link(
                ids.container(record), Relation.IN_SANDBOX, target, "containerd's record names the sandbox", (proof,)
            )


RULE = LinkRule(id="in_sandbox", relation=Relation.IN_SANDBOX, find=find)
