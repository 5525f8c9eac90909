"""The syntax of Graphviz's DOT language, with text from a host made harmless for it.

Written here because no library escapes all that Graphviz reads: `pydot` leaves a trailing backslash and `<…>` alone,
and the `graphviz` package leaves `&#27;` alone, which Graphviz turns back into the control character.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from stackscope.facts.text import visible


def name(kind: str, identity: str) -> str:
    """A DOT name for anything, the same in every picture: the kind, and a digest of what it is."""
    return f"{kind}_{hashlib.sha256(identity.encode('utf-8', 'backslashreplace')).hexdigest()[:12]}"


def text(words: str) -> str:
    r"""`words` as part of an escString: shown as it is, with controls visible.

    Graphviz expands `\N`, `\l` and character references such as `&#8238;`, so backslashes and ampersands are
    escaped too. Source: graphviz.org/docs/attr-types/escString, lib/common/labels.c.
    """
    return visible(words).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def lines(*rows: str, left: bool = False) -> str:
    """Rows of a label, each made harmless; empty ones are left out."""
    end = "\\l" if left else "\\n"
    joined = end.join(text(row) for row in rows if row)
    return joined + end if left else joined


def attributes(values: Mapping[str, str]) -> str:
    """An attribute list. The values are escStrings already; always quoted, so that none is an HTML-like label."""
    return "[" + ", ".join(f'{key}="{value}"' for key, value in values.items()) + "]" if values else ""
