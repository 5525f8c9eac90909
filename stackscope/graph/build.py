"""A capture's Topology. Links are values found in `graph/links`, and in other packages' `stackscope.links`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from stackscope.facts import Capture
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Node, Relation, Topology
from stackscope.graph.nodes import clients, containers, engines, kernel, stores
from stackscope.graph.rule import LinkRule

_NODES: tuple[Callable[[Index], Iterator[Node]], ...] = (
    engines.daemons,
    engines.sockets,
    engines.namespaces,
    containers.containers,
    containers.tasks,
    containers.sandboxes,
    containers.shims,
    stores.images,
    stores.content,
    stores.snapshots,
    stores.leases,
    stores.docker_storage,
    stores.directories,
    kernel.processes,
    kernel.cgroups,
    kernel.kernel_namespaces,
    clients.clients,
)


@dataclass(frozen=True)
class Built:
    """A topology with the index it was made from."""

    index: Index
    topology: Topology


def build(capture: Capture) -> Built:
    """The nodes now, the links of a relation when they are first asked for."""
    index = Index(capture)

    def source(relation: Relation) -> Callable[[], Iterable[Link]]:
        def find() -> Iterator[Link]:
            for rule in rules():
                if rule.relation is relation:
                    yield from rule.find(index)

        return find

    nodes = (node for make in _NODES for node in make(index))
    return Built(index, Topology(capture, nodes, {relation: source(relation) for relation in Relation}))


@cache
def rules() -> tuple[LinkRule, ...]:
    """Every link rule, sorted by id: those of this package, then those that other packages bring."""
    from stackscope.graph import links

    found: list[LinkRule] = []
    for module in pkgutil.iter_modules(links.__path__):
        found.append(importlib.import_module(f"{links.__name__}.{module.name}").RULE)
    for entry in entry_points(group="stackscope.links"):
        rule = entry.load()
        if not isinstance(rule, LinkRule):
            raise TypeError(f"entry point {entry.name} of stackscope.links is no LinkRule")
        found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.id))
