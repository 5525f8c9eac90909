"""Node, Relation, Link, and the Topology that holds them. Links of a relation are found when they are first asked
for: no question needs all."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from stackscope.facts import Capture, Gap, Host, Origin
from stackscope.facts.text import command

if TYPE_CHECKING:
    import networkx


class Relation(enum.StrEnum):
    """What a link says. The reference page tables which kinds each relation joins."""

    LISTENS_ON = "listens_on"
    USES = "uses"
    SUPERVISES = "supervises"
    CONNECTED_TO = "connected_to"
    HAS_NAMESPACE = "has_namespace"
    OWNS = "owns"
    HOLDS = "holds"
    SAME_CONTAINER = "same_container"
    SAME_CONTENT = "same_content"
    MADE_FROM = "made_from"
    CONSISTS_OF = "consists_of"
    UNPACKED_TO = "unpacked_to"
    PARENT = "parent"
    PINS = "pins"
    HAS_TASK = "has_task"
    IN_SANDBOX = "in_sandbox"
    MOUNTS = "mounts"
    JOINED = "joined"
    SHIM_OF = "shim_of"
    REPORTS_TO = "reports_to"
    RUNS = "runs"
    CHILD_OF = "child_of"
    IN_CGROUP = "in_cgroup"
    IN_KERNEL_NAMESPACE = "in_kernel_namespace"
    STORED_AT = "stored_at"
    SEES = "sees"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A thing as one witness has it. `attrs` follow the table of the reference; ids in them are whole."""

    id: str
    kind: str
    name: str
    witness: str
    attrs: dict[str, Any]


class Evidence(msgspec.Struct, frozen=True):
    """`origin` says which witness and call; `shows` is text that the output of `command` contains."""

    origin: str
    shows: str
    command: str | None = None


class Link(msgspec.Struct, frozen=True):
    """`source` `relation` `target`, with the reason in words and what proves it."""

    source: str
    relation: Relation
    target: str
    because: str
    evidence: tuple[Evidence, ...]


def evidence(origin: Origin, shows: str, *words: str) -> Evidence:
    """Evidence of a fact's origin; `words` make another command than the origin's own."""
    return Evidence(f"{origin.witness} {origin.call}", shows, command(*words) if words else origin.command)


class Topology:
    """The graph of one capture. Read-only."""

    def __init__(
        self, capture: Capture, nodes: Iterable[Node], links: Mapping[Relation, Callable[[], Iterable[Link]]]
    ) -> None:
        self.capture = capture
        self.nodes: dict[str, Node] = {node.id: node for node in sorted(nodes, key=lambda n: n.id)}
        self._sources = links
        self._links: dict[Relation, tuple[Link, ...]] = {}
        self._out: dict[Relation, dict[str, list[Link]]] = {}
        self._into: dict[Relation, dict[str, list[Link]]] = {}

    @property
    def host(self) -> Host:
        return self.capture.host

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return self.capture.gaps

    def links(self, relation: Relation) -> tuple[Link, ...]:
        """The links of one relation, sorted. Links to a node that nobody told of are left out."""
        if relation not in self._links:
            found = {
                (link.source, link.target): link
                for link in self._sources[relation]()
                if link.source in self.nodes and link.target in self.nodes
            }
            self._links[relation] = tuple(found[key] for key in sorted(found))
        return self._links[relation]

    @cached_property
    def all_links(self) -> tuple[Link, ...]:
        """Every link, sorted by relation, source, target."""
        return tuple(link for relation in sorted(Relation) for link in self.links(relation))

    def out(self, node: str, relation: Relation) -> list[Link]:
        """The links of a relation that start at a node."""
        if relation not in self._out:
            self._out[relation] = {}
            for link in self.links(relation):
                self._out[relation].setdefault(link.source, []).append(link)
        return self._out[relation].get(node, [])

    def into(self, node: str, relation: Relation) -> list[Link]:
        """The links of a relation that end at a node."""
        if relation not in self._into:
            self._into[relation] = {}
            for link in self.links(relation):
                self._into[relation].setdefault(link.target, []).append(link)
        return self._into[relation].get(node, [])

    def of_kind(self, kind: str) -> list[Node]:
        """The nodes of a kind, by id."""
        return [node for node in self.nodes.values() if node.kind == kind]

    def to_networkx(self) -> networkx.MultiDiGraph[str]:
        """The whole graph; node attributes are the Node's, link attributes relation, because and evidence."""
        import networkx as nx

        graph: networkx.MultiDiGraph[str] = nx.MultiDiGraph()
        for node in self.nodes.values():
            graph.add_node(node.id, kind=node.kind, name=node.name, witness=node.witness, attrs=node.attrs)
        for link in self.all_links:
            graph.add_edge(
                link.source, link.target, key=str(link.relation), because=link.because, evidence=link.evidence
            )
        return graph
