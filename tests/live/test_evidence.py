"""The commands of ten random links of each relation, run: what the evidence `shows` is in their output."""

import random
from typing import Any

import pytest

from tests.live import look
from tests.live.standard_host import StandardHost

# What the standard host cannot have: sandboxes came with containerd 1.7, its dockerd supervises no containerd, and the
# lease of ctr's pins nothing. The sid host has the last two.
ABSENT = {"supervises", "in_sandbox", "pins"}


@pytest.fixture(scope="module")
def links(host: StandardHost) -> dict[str, list[dict[str, Any]]]:
    document = look.graph(DOCKER_HOST=f"unix://{host.dockerd.socket}", CONTAINERD_ADDRESS=str(host.containerd.address))
    mine = str(host.lab.base)
    by_relation: dict[str, list[dict[str, Any]]] = {}
    for link in document["links"]:
        text = f"{link['source']} {link['target']} {link['evidence']}"
        # Another lab on this machine may end while we look.
        if "/tmp/sl-" not in text or mine in text:
            by_relation.setdefault(link["relation"], []).append(link)
    return by_relation


def test_every_relation_is_there(links: dict[str, list[dict[str, Any]]]) -> None:
    from stackscope.graph import Relation

    assert {str(relation) for relation in Relation} - ABSENT == set(links)


def test_ten_random_links_of_each_relation(host: StandardHost, links: dict[str, list[dict[str, Any]]]) -> None:
    chosen = random.Random(20101)  # noqa: S311  the same ten in every run
    outputs: dict[str, str] = {}
    wrong = []
    ran = 0
    variables = {
        "DOCKER_HOST": f"unix://{host.dockerd.socket}",
        "CONTAINERD_ADDRESS": str(host.containerd.address),
    }
    for relation, found in sorted(links.items()):
        for link in chosen.sample(found, min(10, len(found))):
            assert link["evidence"], link
            for proof in link["evidence"]:
                command = proof["command"]
                if command is None:
                    continue
                if command not in outputs:
                    outputs[command] = look.shell(command, **variables)
                ran += 1
                if proof["shows"] not in outputs[command]:
                    wrong.append((relation, command, proof["shows"], outputs[command][:300]))
    assert not wrong
    assert ran > 10 * 10
