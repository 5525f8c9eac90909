"""process → process."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the parent's pid in /proc/PID/stat. Daemons and shims are nodes of their own kinds."""
    for process in index.processes.values():
        source, target = index.node_of_pid(process.pid), index.node_of_pid(process.ppid)
        if source is not None and target is not None:
            ps = ("ps", "-o", "ppid=", "-p", str(process.pid))
            proof = evidence(process.origin, str(process.ppid), *ps)
            yield Link(source, Relation.CHILD_OF, target, f"its parent is pid {process.ppid}", (proof,))


RULE = LinkRule(id="child_of", relation=Relation.CHILD_OF, find=find)
