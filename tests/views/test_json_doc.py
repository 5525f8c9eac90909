"""The graph document: its contract, its schema, its order."""

import json

import jsonschema
import pytest

from stackscope.capture.files import encode
from stackscope.graph.kinds import KINDS
from stackscope.views.json_doc import document
from stackscope.views.schema import SCHEMAS, capture_schema, graph_schema, schema_text
from tests.views import made_up


def test_the_document_has_the_parts_of_its_contract() -> None:
    made = json.loads(document(made_up.topology()))

    assert list(made) == ["schema", "host", "taken_at", "nodes", "links", "gaps"]
    assert made["schema"] == "stackscope.graph/1"
    assert made["taken_at"] == "2026-11-22T12:00:00Z"
    assert all(list(node) == ["id", "kind", "name", "witness", "attrs"] for node in made["nodes"])
    assert all(list(link) == ["source", "relation", "target", "because", "evidence"] for link in made["links"])
    proofs = [proof for link in made["links"] for proof in link["evidence"]]
    assert proofs
    assert all(list(proof) == ["origin", "shows", "command"] for proof in proofs)
    assert made["gaps"] == [
        {
            "subject": "kernel",
            "why": "denied",
            "detail": "the open files of web",
            "origin": "kernel /proc",
            "command": None,
            "lifts": "run as root",
        }
    ]


def test_links_join_nodes_of_the_document() -> None:
    made = json.loads(document(made_up.topology(count=3)))

    ids = {node["id"] for node in made["nodes"]}
    assert len(ids) == len(made["nodes"])
    assert all(link["source"] in ids and link["target"] in ids for link in made["links"])


def test_equal_hosts_give_equal_bytes_a_thing_a_line() -> None:
    one, other = (document(made_up.topology(count=3)) for _ in range(2))

    assert one == other
    made = json.loads(one)
    lists = [made[name] for name in ("nodes", "links", "gaps")]
    assert len(one.splitlines()) == 2 * len(lists) + 1 + sum(map(len, lists))
    for things, key in (
        (lists[0], lambda node: node["id"]),
        (lists[1], lambda link: (link["relation"], link["source"], link["target"])),
    ):
        assert things == sorted(things, key=key)


def test_a_graph_of_nothing_is_a_document_too() -> None:
    empty = made_up.topology(count=0)
    empty.nodes.clear()

    assert json.loads(document(empty))["nodes"] == []


@pytest.mark.parametrize("name", ["web", 'a"b\\', "\x1b[31m\u202e\n", "<script>"])
def test_documents_and_captures_meet_their_schemas(name: str) -> None:
    for schema, data in (
        (graph_schema(), document(made_up.topology(name))),
        (capture_schema(), encode(made_up.capture(name))),
    ):
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(json.loads(data), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("damage", [{"schema": "stackscope.graph/2"}, {"nodes": [{}]}, {"links": [{"relation": "x"}]}])
def test_the_graph_schema_refuses_what_is_no_document(damage: dict[str, object]) -> None:
    made = json.loads(document(made_up.topology()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made | damage, graph_schema(), cls=jsonschema.Draft202012Validator)


def test_the_capture_schema_refuses_an_unknown_fact() -> None:
    made = json.loads(encode(made_up.capture()))
    made["facts"].append({"fact": "rumour", "origin": {"witness": "kernel", "call": "x"}})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made, capture_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_texts_are_schemas_and_the_same_each_time(name: str) -> None:
    assert schema_text(name) == schema_text(name)
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


def test_every_kind_and_attribute_is_in_the_table_of_kinds() -> None:
    nodes = made_up.topology().nodes.values()
    known = {kind.name: kind.attrs for kind in KINDS}

    assert {node.kind for node in nodes} == set(known)
    assert {(node.kind, name) for node in nodes for name in node.attrs if name not in known[node.kind]} == set()
    made = {(node.kind, name) for node in nodes for name in node.attrs}
    assert {(kind, name) for kind, attrs in known.items() for name in attrs if (kind, name) not in made} == set()
