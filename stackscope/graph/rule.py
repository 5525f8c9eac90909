"""A link rule: one relation found in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation


@dataclass(frozen=True, kw_only=True)
class LinkRule:
    """`find` sees facts through the index, never other links. Its docstring becomes the reference."""

    id: str
    relation: Relation
    find: Callable[[Index], Iterator[Link]]
