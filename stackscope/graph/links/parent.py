"""snapshot → snapshot, cgroup → cgroup."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.process import Process
from stackscope.facts.snapshot import Snapshot
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """A snapshot's by its own record; a cgroup's by its path, to the nearest one above that is told of."""
    for fact in index.all(Snapshot):
        if fact.parent:
            target = ids.snapshot(fact.origin.witness, fact.namespace, fact.snapshotter, fact.parent)
            proof = (evidence(fact.origin, fact.parent),)
            yield Link(ids.snapshot_of(fact), Relation.PARENT, target, "the snapshotter records its parent", proof)
    yield from _cgroups(index)


def _cgroups(index: Index) -> Iterator[Link]:
    told: dict[str, Process] = {}
    for process in index.all(Process):
        for path in process.cgroups.values():
            told.setdefault(path, process)
    for path, process in told.items():
        above = path
        while above not in ("", "/"):
            above = above.rpartition("/")[0] or "/"
            if above in told:
                proof = evidence(process.origin, path, "cat", f"/proc/{process.pid}/cgroup")
                yield Link(ids.cgroup(path), Relation.PARENT, ids.cgroup(above), "its path lies below", (proof,))
                break


RULE = LinkRule(id="parent", relation=Relation.PARENT, find=find)
