"""Nodes of the clients' viewpoints: where docker, nerdctl and ctr look as they are configured for this user."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Node
from stackscope.graph.viewpoint import CLIENTS, resolve


def clients(index: Index) -> Iterator[Node]:
    for program in CLIENTS:
        view = resolve(index, program)
        uid = index.capture.host.uid
        yield Node(
            id=ids.client(program, uid),
            kind="client",
            name=program,
            witness=f"client:{program}",
            attrs={
                "command": program,
                "uid": uid,
                "address": view.address,
                "path": view.path,
                "namespace": view.namespace,
                "resolved_from": {"address": view.address_from, "namespace": view.namespace_from},
                "unsure": view.unsure,
            },
        )
