"""The graph as data for other programs: the document `stackscope.graph/1`."""

from __future__ import annotations

from typing import Literal

import msgspec

from stackscope.facts import Gap, Host, Why
from stackscope.graph import Link, Node, Topology

GRAPH_SCHEMA: Literal["stackscope.graph/1"] = "stackscope.graph/1"

_HEAD = ("schema", "host", "taken_at")
_LISTS = ("nodes", "links", "gaps")


class GapEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A look that failed. It is never an absence.

    `subject` is a node's id or a witness; `origin` says, as in evidence, which witness and which call or file; `lifts`
    says in words what would make the look succeed ("" where nothing is known to).
    """

    subject: str
    why: Why
    detail: str
    origin: str
    command: str | None
    lifts: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The graph of one host at one time. `taken_at` is RFC 3339 in UTC.

    Nodes are sorted by id; links by relation, source and target; gaps by subject, reason and detail.
    """

    schema: Literal["stackscope.graph/1"]
    host: Host
    taken_at: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    gaps: tuple[GapEntry, ...]


def document(topology: Topology) -> bytes:
    """The graph as JSON in UTF-8, a node, a link or a gap a line. Equal captures give equal bytes."""
    encoder = msgspec.json.Encoder(order="deterministic")
    made = _document(topology)
    head = b", ".join(encoder.encode(name) + b": " + encoder.encode(getattr(made, name)) for name in _HEAD)
    lists = (_lines(name, [encoder.encode(item) for item in getattr(made, name)]) for name in _LISTS)
    return b"{" + head + b",\n" + b",\n".join(lists) + b"}\n"


def _document(topology: Topology) -> Document:
    gaps = sorted(map(_gap, topology.gaps), key=lambda gap: (gap.subject, gap.why, gap.detail, gap.origin))
    return Document(
        schema=GRAPH_SCHEMA,
        host=topology.host,
        taken_at=topology.capture.taken_at,
        nodes=tuple(topology.nodes.values()),
        links=topology.all_links,
        gaps=tuple(gaps),
    )


def _gap(gap: Gap) -> GapEntry:
    return GapEntry(
        subject=gap.subject,
        why=gap.why,
        detail=gap.detail,
        origin=f"{gap.origin.witness} {gap.origin.call}",
        command=gap.origin.command,
        lifts=gap.lifts,
    )


def _lines(name: str, items: list[bytes]) -> bytes:
    return b'"%b": [' % name.encode() + (b"\n" + b",\n".join(items) + b"\n" if items else b"") + b"]"
