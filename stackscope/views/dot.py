"""A picture of a host for its documentation, as Graphviz source.

Frames say `has_namespace` and `holds`: a daemon's frame holds what it lists, a containerd namespace's frame what is
in it and the shims that work for it. The other relations are lines. What repeats is folded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from stackscope.facts.text import visible
from stackscope.graph import Link, Node, Relation, Topology
from stackscope.views import dot_look, dot_text
from stackscope.views.summary import container_lines
from stackscope.views.words import cut, digest, many, short

DEFAULT_KINDS = frozenset(
    {"client", "container", "daemon", "image", "namespace", "network", "sandbox", "shim", "socket", "volume"}
)
"""What a person asks after. The other kinds can be drawn too: a picture of few containers bears them."""

FOLD = 8
"""Things of one kind in one frame that are drawn before the rest become one."""

_NEVER_FOLDED = frozenset({"client", "daemon", "namespace"})

_GAPS_SHOWN = 5

_SAID_EACH = 2
"""So many lines of one relation between two frames each have their label."""


def dot(topology: Topology, *, fold: int | None = FOLD, kinds: Collection[str] = DEFAULT_KINDS) -> str:
    """Graphviz source of a host's picture.

    `fold` is how many things of one kind in one frame are drawn before the rest become one (None: all of them);
    `kinds` are the kinds of nodes to draw.
    """
    return "\n".join(_Picture(topology, fold, kinds).statements()) + "\n"


@dataclass(frozen=True)
class _Frame:
    """Where a node stands: in a witness's frame, and there in a containerd namespace's; "" for neither."""

    witness: str = ""
    namespace: str = ""


class _Picture:
    def __init__(self, topology: Topology, fold: int | None, kinds: Collection[str]) -> None:
        self._topology = topology
        self._daemons = {node.witness: node for node in topology.of_kind("daemon")}
        self._lines = {
            node.id: line for line in container_lines(topology) for node in (line.docker, line.record) if node
        }
        drawn = [node for node in topology.nodes.values() if node.kind in kinds and not _is_nothing(node)]
        self._frame = {node.id: self._frame_of(node) for node in drawn}
        self._stands_for: dict[str, str] = {}
        self._statements: dict[_Frame, list[str]] = {}
        groups: dict[tuple[_Frame, str], list[Node]] = {}
        for node in drawn:
            groups.setdefault((self._frame[node.id], node.kind), []).append(node)
        for (frame, kind), nodes in groups.items():
            self._place(frame, kind, nodes, fold)

    def statements(self) -> Iterator[str]:
        yield "digraph stackscope {"
        yield from self._defaults()
        witnesses = sorted({frame.witness for frame in self._statements if frame.witness}, key=_dockerd_first)
        for witness in witnesses:
            yield from self._witness(witness)
        yield from self._statements.get(_Frame(), ())
        yield from self._edges()
        yield from self._gaps()
        yield "}"

    # what stands where

    def _frame_of(self, node: Node) -> _Frame:
        match node.kind:
            case "shim":
                return self._frame_of_shim(node)
            case "socket":
                holders = self._topology.into(node.id, Relation.LISTENS_ON)
                return _Frame(self._topology.nodes[holders[0].source].witness) if holders else _Frame()
            case "namespace":
                return _Frame(node.witness, node.name)
            case "storage" | "client":
                return _Frame()
            case _:
                if node.witness in ("kernel", "disk"):
                    return _Frame()
                return _Frame(node.witness, str(node.attrs.get("namespace", "")))

    def _frame_of_shim(self, node: Node) -> _Frame:
        witness = f"containerd:{node.attrs['address']}"
        return _Frame(witness, node.attrs["namespace"]) if witness in self._daemons else _Frame()

    def _place(self, frame: _Frame, kind: str, nodes: list[Node], fold: int | None) -> None:
        ordered = sorted(nodes, key=self._order)
        # A box that says "1 more" would be no smaller than the thing itself.
        if fold is None or kind in _NEVER_FOLDED or len(ordered) <= fold + 1:
            fold = len(ordered)
        found = self._statements.setdefault(frame, [])
        for node in ordered[:fold]:
            name = self._stands_for[node.id] = dot_text.name(kind, node.id)
            found.append(
                f"{name} {dot_text.attributes(dot_look.of_node(self._topology, node, self._lines.get(node.id)))}"
            )
        rest = ordered[fold:]
        if rest:
            name = dot_text.name("more", f"{frame} {kind}")
            self._stands_for |= dict.fromkeys((node.id for node in rest), name)
            words = f"… {many(len(rest), f'more {kind}', _plural(f'more {kind}'))}"
            found.append(f"{name} {dot_text.attributes(dot_look.of_rest(kind, words))}")

    def _order(self, node: Node) -> tuple[object, ...]:
        """What is drawn first, the same for all that belongs to one container."""
        container = node.id
        if node.kind == "shim":
            served = self._topology.out(node.id, Relation.SHIM_OF)
            container = served[0].target if served else ""
        line = self._lines.get(container)
        known = (*line.order,) if line is not None else ()
        # Names that people gave come before digests.
        return (not known, *known, digest(node.name) != node.name, node.name, node.id)

    # how it looks

    def _defaults(self) -> Iterator[str]:
        host = self._topology.host
        title = dot_text.lines(
            f"{host.hostname} · Linux {host.kernel} · {host.machine} · cgroup {host.cgroup_mode}",
            f"as stackscope saw it at {self._topology.capture.taken_at}",
            left=True,
        )
        graph = {**dot_look.GRAPH, "label": title}
        for kind, values in (("graph", graph), ("node", dot_look.NODE), ("edge", dot_look.EDGE)):
            yield f"{kind} {dot_text.attributes(values)}"

    def _witness(self, witness: str) -> Iterator[str]:
        yield f"subgraph {dot_text.name('cluster', witness)} {{"
        yield "graph " + dot_text.attributes({**dot_look.FRAME, "fillcolor": "#F7F9FB", "margin": "14"})
        yield from self._statements.get(_Frame(witness), ())
        beside = [
            self._stands_for[node.id]
            for node in self._topology.nodes.values()
            if node.kind in ("daemon", "socket") and self._frame.get(node.id) == _Frame(witness)
        ]
        yield from _beside(beside)
        for frame in sorted(self._statements, key=lambda f: f.namespace):
            if frame.witness == witness and frame.namespace:
                yield f"subgraph {dot_text.name('cluster', f'{frame}')} {{"
                yield "graph " + dot_text.attributes({**dot_look.FRAME, "fillcolor": "#EDF3F8", "margin": "10"})
                yield from self._statements[frame]
                yield "}"
        yield "}"

    # lines

    def _edges(self) -> Iterator[str]:
        drawn: dict[tuple[Relation, str, str], list[Link]] = {}
        for link in self._topology.all_links:
            source, target = self._stands_for.get(link.source), self._stands_for.get(link.target)
            if source and target and source != target and not self._said_otherwise(link):
                drawn.setdefault((link.relation, source, target), []).append(link)
        bundles: dict[tuple[Relation, _Frame, _Frame], list[_Drawn]] = {}
        after = set()
        for found, links in drawn.items():
            first = links[0]
            bundle = (first.relation, self._frame[first.source], self._frame[first.target])
            bundles.setdefault(bundle, []).append(_Drawn(*found, links))
        for bundle, edges in sorted(bundles.items(), key=repr):
            line = dot_look.of_relation(bundle[0])
            for number, edge in enumerate(edges):
                # Of many that run side by side one says what all of them say.
                named = len(edges) <= _SAID_EACH or number == len(edges) // 2 or len(edge.links) > 1
                if bundle[1] == bundle[2] and not line.both:
                    after.add(edge.source if line.backwards else edge.target)
                yield edge.statement(named=named, free=bundle[1].witness == bundle[2].witness and line.both)
        yield from self._columns(after)
        clients = [name for node, name in self._stands_for.items() if self._topology.nodes[node].kind == "client"]
        yield from _beside(clients)

    def _said_otherwise(self, link: Link) -> bool:
        """Whether the frames, or a stronger relation, say the same."""
        source, target = self._frame[link.source], self._frame[link.target]
        match link.relation:
            case Relation.HAS_NAMESPACE | Relation.HOLDS | Relation.REPORTS_TO | Relation.OWNS:
                return source.witness == target.witness
            case Relation.CONNECTED_TO:
                used = {use.target for use in self._topology.out(link.source, Relation.USES)}
                holders = {held.source for held in self._topology.into(link.target, Relation.LISTENS_ON)}
                return bool(used & holders)
            case _:
                return False

    def _columns(self, after: set[str]) -> Iterator[str]:
        """Unseen lines that put a daemon before its namespaces, and each of these before what it holds; not to what
        is `after` something else in its frame."""
        for relation in (Relation.HAS_NAMESPACE, Relation.HOLDS):
            for link in self._topology.links(relation):
                source, target = self._stands_for.get(link.source), self._stands_for.get(link.target)
                if source and target and target not in after:
                    yield f'{source} -> {target} [style="invis"]'
                    after.add(target)

    def _gaps(self) -> Iterator[str]:
        gaps = self._topology.gaps
        if not gaps:
            return
        rows = []
        for gap in gaps[:_GAPS_SHOWN]:
            words = visible(short(f"{gap.subject.replace('|', ' ')}: {gap.why}: {gap.detail}"))
            rows += textwrap.wrap(words, 56, max_lines=4, placeholder=" …", subsequent_indent="   ")
        more = f"… {len(gaps) - _GAPS_SHOWN} more" if len(gaps) > _GAPS_SHOWN else ""
        yield f"gaps {dot_text.attributes(dot_look.of_gaps(('What could not be looked at', *rows, more)))}"


@dataclass(frozen=True)
class _Drawn:
    """A line, and the links that it stands for: several where an end is folded."""

    relation: Relation
    source: str
    target: str
    links: list[Link]

    def statement(self, *, named: bool, free: bool) -> str:
        line = dot_look.of_relation(self.relation)
        label = self.relation.replace("_", " ") + (f" \u00d7 {len(self.links)}" if len(self.links) > 1 else "")
        because = dot_text.text(cut(short(self.links[0].because), 200))
        values = {"color": line.colour, "style": line.style, "tooltip": because, "weight": str(line.weight)}
        free = free or line.free
        if free:
            values["constraint"] = "false"
        if named:
            # A label proper beside a line that decides nothing is more than Graphviz's ranking can bear (2.43).
            values |= {"xlabel" if free else "label": dot_text.text(label), "fontcolor": line.colour}
        if line.both:
            values["dir"] = "none"
        elif line.backwards:
            values["dir"] = "back"
        start, end = (self.target, self.source) if line.backwards else (self.source, self.target)
        return f"{start} -> {end} {dot_text.attributes(values)}"


def _is_nothing(node: Node) -> bool:
    """An address where nothing is."""
    return node.kind == "socket" and node.attrs["state"] == "absent"


def _beside(names: list[str]) -> Iterator[str]:
    if len(names) > 1:
        yield f"{{ rank=same; {'; '.join(names)} }}"


def _plural(words: str) -> str:
    return f"{words}es" if words.endswith("s") else f"{words}s"


def _dockerd_first(witness: str) -> tuple[bool, str]:
    return (not witness.startswith("dockerd:"), witness)
