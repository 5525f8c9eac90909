"""shim → containerd."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.argv import option
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the address in the shim's argv."""
    for shim in index.shims:
        daemon = index.daemon_by_witness.get(f"containerd:{shim.address}")
        if daemon is not None:
            given = option(shim.process.argv, "-address", "--address")
            ps = ("ps", "-ww", "-o", "args=", "-p", str(shim.process.pid))
            proof = evidence(shim.process.origin, given, *ps)
            yield Link(shim.id, Relation.REPORTS_TO, daemon.id, "its argv names that containerd's address", (proof,))


RULE = LinkRule(id="reports_to", relation=Relation.REPORTS_TO, find=find)
