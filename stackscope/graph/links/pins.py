"""lease → what it keeps from being collected."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.snapshot import Lease, LeaseResource
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By Leases.ListResources (containerd: core/metadata/leases.go)."""
    for lease in index.all(Lease):
        for resource in lease.resources:
            target = _target(lease, resource)
            if target:
                because = f"the lease lists it as {resource.type}"
                yield Link(ids.lease(lease), Relation.PINS, target, because, (evidence(lease.origin, lease.id),))


def _target(lease: Lease, resource: LeaseResource) -> str:
    witness, namespace = lease.origin.witness, lease.namespace
    kind, _, snapshotter = resource.type.partition("/")
    match kind:
        case "snapshots":
            return ids.snapshot(witness, namespace, snapshotter, resource.id)
        case "content":
            return ids.content(witness, namespace, resource.id)
        case "images":
            return ids.image(witness, f"{namespace}/{resource.id}")
        case _:
            # An ingest is a write in progress: it has no node.
            return ""


RULE = LinkRule(id="pins", relation=Relation.PINS, find=find)
