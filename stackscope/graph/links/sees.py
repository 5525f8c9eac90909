"""client → containerd namespace or dockerd: where a client looks."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.client import ClientFile
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence, Link, Relation
from stackscope.graph.rule import LinkRule
from stackscope.graph.viewpoint import CLIENTS, Viewpoint, resolve


def find(index: Index) -> Iterator[Link]:
    """By the client's command line, environment, configuration and defaults, in that order."""
    for program in CLIENTS:
        view = resolve(index, program)
        daemon = index.daemon_by_witness.get(view.witness)
        if daemon is None or view.unsure:
            continue
        target = ids.namespace(view.witness, view.namespace) if view.namespace else daemon.id
        because = f"{view.address_from}: {view.address}"
        if view.namespace:
            because += f'; {view.namespace_from}: namespace "{view.namespace}"'
        yield Link(
            ids.client(program, index.capture.host.uid), Relation.SEES, target, because, tuple(_proof(index, view))
        )


def _proof(index: Index, view: Viewpoint) -> list[Evidence]:
    proof = []
    for source, value in ((view.address_from, view.address), (view.namespace_from, view.namespace)):
        if source.startswith("$"):
            fact = index.variables[source[1:]]
            proof.append(Evidence(f"{fact.origin.witness} {fact.origin.call}", value, fact.origin.command))
        file = _file(index, source)
        if file is not None:
            proof.append(Evidence(f"{file.origin.witness} {file.path}", value, file.origin.command))
    return proof or [Evidence(f"client:{view.client} defaults", view.address)]


def _file(index: Index, source: str) -> ClientFile | None:
    return next((file for files in index.client_files.values() for file in files if file.path == source), None)


RULE = LinkRule(id="sees", relation=Relation.SEES, find=find)
