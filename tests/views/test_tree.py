"""The tree of every recorded host: it fits, it folds, and hostile text stays text."""

import io
import re

import msgspec
import pytest
from rich.console import Console

from stackscope.facts import Capture, Listing
from stackscope.facts.container import ContainerdContainer, DockerContainer
from stackscope.facts.daemon import ContainerdNamespace
from stackscope.graph.build import build
from stackscope.questions.why import matrix, why
from stackscope.views import answer, table
from stackscope.views.tree import Style, tree
from tests.hosts import replay

HOSTILE = 'x\x1b[31m\x9b2J\u202e\n\r"\\<script>$(reboot)`;\x00\u200b'
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def text(what: object, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, emoji=False, markup=False, highlight=False).print(what)
    return out.getvalue()


@pytest.mark.parametrize("name", replay.NAMES)
@pytest.mark.parametrize("width", [80, 160])
def test_fits(name: str, width: int) -> None:
    topology = replay.host(name).topology
    for style in (Style(), Style(fold=None), Style(fold=1), Style(evidence=True)):
        shown = text(tree(topology, style), width)
        assert max(map(len, shown.splitlines())) <= width
        assert topology.host.hostname in shown


def test_says_who_owns_what() -> None:
    shown = " ".join(text(tree(replay.host("docker-and-containerd").topology, Style()), 200).split())
    for words in (
        "namespace moby · owned by dockerd (pid ",
        "no images: dockerd keeps its own",
        "namespace default · no daemon owns it (ctr, nerdctl) · 2 containers, 1 image",
        "namespace k8s.io · the CRI plugin's",
        'as "moby"',
        "graphdriver overlay2, /var/lib/docker · only docker clients see these",
        "nightly",
    ):
        assert words in shown


def test_a_hung_shim_and_a_hung_daemon_are_named() -> None:
    shown = " ".join(text(tree(replay.host("hung-shim").topology, Style()), 200).split())
    assert "does not answer containerd (the process is stopped)" in shown
    shown = " ".join(text(tree(replay.host("dockerd-hangs").topology, Style()), 200).split())
    assert "did not answer: no complete answer within" in shown
    assert "owned by dockerd" in shown


def test_a_client_in_a_namespace_that_is_not_there_is_told_so() -> None:
    """The engine did answer: "did not answer" would be false."""
    capture = replay.capture("docker-and-containerd")
    gone = tuple(
        f
        for f in capture.facts
        if not (isinstance(f, ContainerdNamespace) and f.name == "default") and getattr(f, "namespace", "") != "default"
    )
    shown = " ".join(text(tree(build(msgspec.structs.replace(capture, facts=gone)).topology, Style()), 200).split())
    assert 'ctr → /run/containerd/containerd.sock, namespace "default" · there is no namespace default yet' in shown
    unlisted = tuple(f for f in gone if not (isinstance(f, Listing) and f.what == "namespaces"))
    shown = " ".join(text(tree(build(msgspec.structs.replace(capture, facts=unlisted)).topology, Style()), 200).split())
    assert 'namespace "default" · not known' in shown


def crowd(capture: Capture, count: int) -> Capture:
    record = next(f for f in capture.facts if isinstance(f, ContainerdContainer) and f.namespace == "default")
    more = tuple(msgspec.structs.replace(record, id=f"crowd-{number:04}") for number in range(count))
    return msgspec.structs.replace(capture, facts=(*capture.facts, *more))


def test_folds_what_repeats() -> None:
    topology = build(crowd(replay.capture("docker-and-containerd"), 500)).topology
    shown = text(tree(topology, Style()))
    assert "… 497 more containers like these; --all shows them" in shown
    assert len(shown.splitlines()) < 60
    assert len(text(tree(topology, Style(fold=None))).splitlines()) > 500


def hostile() -> Capture:
    capture = replay.capture("docker-and-containerd")

    def changed(fact: object) -> object:
        match fact:
            case DockerContainer():
                return msgspec.structs.replace(fact, names=(HOSTILE,), image=HOSTILE, labels={HOSTILE: HOSTILE})
            case ContainerdContainer():
                return msgspec.structs.replace(fact, image=HOSTILE, args=(HOSTILE,), cgroups_path=HOSTILE)
            case _:
                return fact

    return msgspec.structs.replace(capture, facts=tuple(map(changed, capture.facts)))


def test_hostile_text_stays_text() -> None:
    built = build(hostile())
    for shown in (
        text(tree(built.topology, Style(fold=None, evidence=True))),
        text(table.containers(built.topology), 300),
        text(table.images(built.topology), 300),
        text(answer.matrix("acme/web:1.4", matrix(built.index, "acme/web:1.4")), 300),
        text(answer.answer(why(built.index, "acme/web:1.4", "nerdctl")), 300),
    ):
        assert not CONTROLS.search(shown)
    assert "\\x1b[31m" in text(tree(built.topology, Style(fold=None)), 300)
