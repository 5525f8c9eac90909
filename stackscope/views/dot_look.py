"""How the kinds and the relations look in a picture, and what is written on a node."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stackscope.graph import Node, Relation, Topology
from stackscope.views import dot_text
from stackscope.views.summary import ContainerLine
from stackscope.views.words import cut, digest, short, size

# Okabe and Ito's colours, which colour-blind people tell apart, dark enough for lines on paper. Kinds differ in shape
# and relations in their words too, so nothing is said by colour alone.
BLUE, GREEN, ORANGE, RED, PURPLE, GREY = "#0072B2", "#007A5A", "#B87700", "#D55E00", "#A8578A", "#5F6B76"

FONT = "Helvetica,Arial,DejaVu Sans,sans-serif"
LONGEST = 44
"""Characters of a name that are shown."""


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """How a kind is drawn: its outline, its frame's colour and what fills it."""

    shape: str = "box"
    colour: str = GREY
    fill: str = "#FFFFFF"
    style: str = "filled"
    borders: str = "1"


_SHAPES = {
    "daemon": _Shape(colour=BLUE, fill=BLUE, style="filled,rounded"),
    "namespace": _Shape(shape="tab", colour=BLUE, fill="#D9E9F4"),
    "container": _Shape(colour=GREEN, style="filled,rounded"),
    "task": _Shape(colour=GREEN, style="filled,rounded", fill="#E6F4EF"),
    "sandbox": _Shape(shape="box3d", colour=GREEN),
    "shim": _Shape(shape="component", fill="#F0F2F4"),
    "process": _Shape(fill="#F0F2F4"),
    "socket": _Shape(shape="cds", fill="#F0F2F4"),
    "image": _Shape(shape="folder", colour=ORANGE, fill="#FFF5DF"),
    "content": _Shape(shape="folder", colour=ORANGE),
    "snapshot": _Shape(shape="folder", colour=ORANGE),
    "volume": _Shape(shape="cylinder", colour=PURPLE, fill="#F8EAF3"),
    "storage": _Shape(shape="cylinder", colour=PURPLE),
    "network": _Shape(shape="hexagon", colour=PURPLE, fill="#F8EAF3"),
    "lease": _Shape(shape="note", colour=ORANGE),
    "client": _Shape(colour=BLUE, borders="2"),
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """How a relation is drawn. `backwards` puts its target to the left of its source; `both` has no direction;
    `free` does not decide what stands where; `weight` straightens."""

    colour: str = GREY
    style: str = "solid"
    backwards: bool = False
    both: bool = False
    free: bool = False
    weight: int = 1


_LINES = {
    Relation.USES: Line(colour=BLUE, style="bold"),
    Relation.SUPERVISES: Line(colour=BLUE, style="bold"),
    Relation.OWNS: Line(colour=BLUE, weight=6),
    Relation.SEES: Line(colour=BLUE, style="dashed"),
    Relation.LISTENS_ON: Line(backwards=True, free=True),
    Relation.SAME_CONTAINER: Line(colour=GREEN, style="bold", both=True),
    Relation.SAME_CONTENT: Line(colour=ORANGE, style="dotted", backwards=True, both=True),
    Relation.MADE_FROM: Line(colour=ORANGE, backwards=True),
    Relation.MOUNTS: Line(colour=PURPLE, backwards=True),
    Relation.JOINED: Line(colour=PURPLE, style="dashed", backwards=True),
    Relation.SHIM_OF: Line(backwards=True),
}

FRAME = {"label": "", "style": "rounded,filled", "color": "#9FB3C2"}

GRAPH = {
    "rankdir": "LR",
    "labelloc": "t",
    "labeljust": "l",
    "fontname": FONT,
    "fontsize": "14",
    "fontcolor": "#1F2933",
    "bgcolor": "white",
    "pad": "0.3",
    "nodesep": "0.14",
    "ranksep": "0.5",
}
NODE = {"fontname": FONT, "fontsize": "11", "fontcolor": "#1F2933", "margin": "0.12,0.06", "height": "0.3"}
EDGE = {"fontname": FONT, "fontsize": "9", "arrowsize": "0.6"}

_STATES = {"T": " (stopped)", "Z": " (ended)"}
"""States of a process that a reader should know of (proc(5))."""

_FAINT = {"style": "filled,rounded,dashed", "color": GREY, "fontcolor": "#4A5560"}


def of_relation(relation: Relation) -> Line:
    return _LINES.get(relation, Line())


def of_node(topology: Topology, thing: Node, container: ContainerLine | None) -> dict[str, str]:
    """The attributes of a node; `container` is what the record and the other witness say together."""
    values = {
        **_look(thing.kind),
        "label": dot_text.lines(*_rows(topology, thing, container)),
        "tooltip": dot_text.text(thing.id),
    }
    if thing.kind == "daemon":
        values |= {"fontcolor": "white", "fontsize": "12"}
    if thing.kind == "container" and thing.attrs["status"] != "running":
        values |= _FAINT
    if container is not None and container.trouble:
        values |= {"color": RED, "penwidth": "2.5"}
    return values


def of_rest(kind: str, words: str) -> dict[str, str]:
    """The attributes of what stands for the folded rest of a kind."""
    return {**_look(kind), **_FAINT, "label": dot_text.lines(words)}


def of_gaps(rows: Iterable[str]) -> dict[str, str]:
    look = {"shape": "note", "color": RED, "fillcolor": "#FFF6F0", "style": "filled", "fontsize": "10"}
    return {**look, "label": dot_text.lines(*rows, left=True)}


def _look(kind: str) -> dict[str, str]:
    shape = _SHAPES.get(kind, _Shape())
    return {
        "shape": shape.shape,
        "style": shape.style,
        "color": shape.colour,
        "fillcolor": shape.fill,
        "peripheries": shape.borders,
    }


def _rows(topology: Topology, node: Node, container: ContainerLine | None) -> Iterator[str]:
    """The rows of a node's label."""
    attrs = node.attrs
    name = cut(short(node.name), LONGEST)
    match node.kind:
        case "daemon":
            yield f"{node.name} {attrs.get('version', '')}".strip()
            yield f"pid {attrs['pid']}" if attrs.get("pid") else ""
            yield "" if attrs["answered"] else _silence(topology, node)
            yield f"{attrs['image_store']} {attrs['driver']}" if attrs.get("image_store") else ""
            yield cut(attrs.get("root", ""), LONGEST)
        case "namespace":
            yield f"namespace {name}"
            yield "the CRI plugin's" if _is_the_cri_plugins(topology, node) else ""
            yield "empty" if attrs.get("containers") == 0 == attrs.get("images") else ""
        case "container":
            yield name
            known_by = short(attrs["id"])
            yield _join((known_by if known_by != name else "", attrs["status"]))
            if container is not None and container.record is node:
                yield from textwrap.wrap(container.trouble, LONGEST)
        case "shim":
            yield f"shim {attrs['pid']}{_STATES.get(attrs['state'], '')}"
        case "image":
            yield name if attrs["ref"] else f"{cut(digest(node.name), 12)} (no name)"
            yield size(attrs["size"])
        case "socket":
            yield _join((name, attrs["state"] if attrs["state"] != "listening" else ""))
        case "client":
            yield node.name
            yield f'namespace "{cut(attrs["namespace"], LONGEST)}"' if attrs["namespace"] else ""
            if not topology.out(node.id, Relation.SEES):
                yield cut(f"looks at {attrs['address'].removeprefix('unix://')}", LONGEST)
                yield "not sure" if attrs["unsure"] else ""
        case "process":
            yield f"{name} · pid {attrs['pid']}"
        case "kernel_namespace":
            yield name
        case kind:
            yield f"{kind} {digest(name)}"


def _silence(topology: Topology, daemon: Node) -> str:
    """Why nothing is known from an engine itself."""
    whys = [gap.why.replace("_", " ") for gap in topology.gaps if gap.subject == daemon.witness]
    return f"no answer: {whys[0]}" if whys else "no answer"


def _is_the_cri_plugins(topology: Topology, node: Node) -> bool:
    return any(topology.nodes[link.source].witness == node.witness for link in topology.into(node.id, Relation.OWNS))


def _join(parts: Iterable[str]) -> str:
    return " · ".join(part for part in parts if part)
