"""process → socket: who is connected to an engine."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.socket import Connection
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the kernel's table of connected sockets (unix_diag)."""
    for fact in index.all(Connection):
        source = index.node_of_pid(fact.pid)
        if source is not None:
            yield Link(
                source,
                Relation.CONNECTED_TO,
                ids.socket(index.canonical(fact.path)),
                f"pid {fact.pid} has the client end {fact.socket_inode} of a connection to it open",
                (evidence(fact.origin, str(fact.socket_inode)),),
            )


RULE = LinkRule(id="connected_to", relation=Relation.CONNECTED_TO, find=find)
