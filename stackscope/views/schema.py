"""JSON Schemas of what stackscope writes, made from the types that write it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from stackscope.facts import SCHEMA, Capture
from stackscope.graph.kinds import KINDS
from stackscope.views.json_doc import GRAPH_SCHEMA, Document

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def capture_schema() -> dict[str, Any]:
    """The schema of a capture, uncompressed."""
    schema = _schema(Capture, SCHEMA, "A capture of stackscope's")
    schema["$defs"]["Capture"]["properties"]["schema"] = {"const": SCHEMA}
    return schema


def graph_schema() -> dict[str, Any]:
    """The schema of the document that `stackscope graph -f json` writes."""
    schema = _schema(Document, GRAPH_SCHEMA, "The graph of a host")
    schema["$defs"]["Node"]["properties"]["kind"] = {"enum": sorted(kind.name for kind in KINDS)}
    return schema


def _schema(kind: type[msgspec.Struct], name: str, title: str) -> dict[str, Any]:
    made = msgspec.json.schema(kind)
    for part in made["$defs"].values():
        if "description" in part:
            part["description"] = inspect.cleandoc(part["description"])
    top = made["$defs"][kind.__name__]
    top.pop("title")
    return {
        "$schema": _DIALECT,
        "$id": f"urn:stackscope:{name.removeprefix('stackscope.')}",
        "title": f"{title} ({name})",
        "description": top.pop("description"),
        **made,
    }


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = MappingProxyType(
    {"capture": capture_schema, "graph": graph_schema}
)
"""By the name that `stackscope schema` takes."""


def schema_text(name: str) -> str:
    """A schema as indented JSON. Raises KeyError for a name that is not in SCHEMAS."""
    return msgspec.json.format(msgspec.json.encode(SCHEMAS[name](), order="deterministic"), indent=2).decode() + "\n"
