"""daemon → socket: whose a listening socket is."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the open file of the process; where those cannot be seen, by SO_PEERCRED, by the command line, or by the
    answer that came from there."""
    for daemon in index.daemons:
        for socket in daemon.sockets:
            if socket.endpoint.state in ("absent", "dead"):
                continue
            yield Link(
                daemon.id,
                Relation.LISTENS_ON,
                ids.socket(socket.endpoint.path),
                socket.because,
                tuple(evidence(origin, shows) for origin, shows in socket.proof),
            )


RULE = LinkRule(id="listens_on", relation=Relation.LISTENS_ON, find=find)
