"""`why` on recorded hosts: whole answers, and the near misses."""

import msgspec
import pytest

from stackscope.errors import UnknownClient
from stackscope.facts import Gap, Listing, Why
from stackscope.facts.client import ClientVariable
from stackscope.facts.core import Origin
from stackscope.facts.process import Process
from stackscope.graph.build import build
from stackscope.questions.why import Answer, matrix, why
from tests.hosts import replay

HOST = "docker-and-containerd"
ORIGIN = Origin(witness="x", call="x")


def ask(ref: str, client: str, host: str = HOST) -> Answer:
    return why(replay.host(host).index, ref, client)


def causes(answer: Answer) -> list[str]:
    return [cause.id for cause in answer.causes]


@pytest.mark.parametrize(
    ("ref", "client", "verdict", "cause"),
    [
        ("acme/web:1.4", "docker", "sees", []),
        ("docker.io/acme/web:1.4", "docker", "sees", []),
        ("acme/web", "docker", "sees", []),
        ("acme/web:1.4", "nerdctl -n k8s.io", "sees", []),
        ("acme/web:1.4", "nerdctl --namespace=k8s.io", "sees", []),
        ("docker.io/acme/web:1.4", "ctr -n k8s.io", "sees", []),
        ("acme/web:1.4", "ctr -n k8s.io", "does-not-see", ["another-name"]),
        ("acme/postgres:16", "nerdctl", "does-not-see", ["docker-graphdriver-store"]),
        ("acme/postgres:16", "nerdctl -n moby", "does-not-see", ["docker-graphdriver-store"]),
        ("acme/web:1.4", "nerdctl", "does-not-see", ["another-namespace", "docker-graphdriver-store"]),
        ("acme/web:latest", "nerdctl -n k8s.io", "does-not-see", ["another-name", "docker-graphdriver-store"]),
        ("acme/nowhere", "docker", "does-not-see", ["not-on-this-host"]),
        ("acme/web:9", "nerdctl", "does-not-see", ["not-on-this-host"]),
    ],
)
def test_verdicts_on_one_host(ref: str, client: str, verdict: str, cause: list[str]) -> None:
    answer = ask(ref, client)
    assert answer.verdict == verdict
    assert causes(answer) == cause
    assert answer.gaps == ()


def test_a_whole_answer() -> None:
    answer = ask("acme/postgres:16", "nerdctl -n k8s.io")
    assert answer.looks_in.namespace == "k8s.io"
    assert answer.looks_in.namespace_from == "-n on its command line"
    assert answer.looks_in.address_from == "nerdctl's default"
    assert [(found.engine, found.name) for found in answer.found_in] == [
        ("dockerd:/run/docker.sock", "acme/postgres:16")
    ]
    assert [(remedy.kind, remedy.command) for remedy in answer.remedies] == [
        ("quick", "docker -H unix:///run/docker.sock images"),
        (
            "lasting",
            "docker -H unix:///run/docker.sock save acme/postgres:16 | "
            "ctr -a /run/containerd/containerd.sock -n k8s.io images import -",
        ),
    ]


def test_another_tag_is_named() -> None:
    assert "acme/web:1.4" in ask("acme/web:9", "nerdctl").causes[0].because


def test_an_image_by_its_id() -> None:
    config = next(found.digest for found in ask("acme/web:1.4", "docker").found_in if "docker" in found.engine)
    bare = config.partition(":")[2]
    for ref in (config, config[:19], bare, bare[:12], bare[:3]):
        assert ask(ref, "docker").verdict == "sees"
        assert ask(ref, "nerdctl").verdict == "does-not-see"
    # nerdctl asks for names and for targets' digests; CRI has named this one by its config's.
    assert ask(config, "nerdctl -n k8s.io").verdict == "sees"
    assert ask(bare[:12], "nerdctl -n k8s.io").verdict == "does-not-see"
    # docker finds ids that it does not list: those of steps of a build.
    assert ask("sha256:" + "0" * 12, "docker").verdict == "cannot-tell"
    # nerdctl's own listing is whole; that no store has it cannot be said where one is docker's own.
    answer = ask("sha256:" + "0" * 12, "nerdctl")
    assert (answer.verdict, causes(answer)) == ("does-not-see", [])
    assert [gap.detail for gap in answer.gaps] == ["a step of a build has an id that dockerd finds and does not list"]


def test_dockerd_that_hangs_is_no_absence() -> None:
    answer = ask("acme/postgres:16", "docker", "dockerd-hangs")
    assert answer.verdict == "cannot-tell"
    assert [gap.why for gap in answer.gaps] == ["timeout"]
    # nerdctl's own listing is whole, so it does not see it; where it is instead cannot be said.
    answer = ask("acme/postgres:16", "nerdctl", "dockerd-hangs")
    assert (answer.verdict, causes(answer)) == ("does-not-see", [])
    assert [gap.why for gap in answer.gaps] == ["timeout"]


def test_a_dead_socket() -> None:
    answer = ask("acme/web:1.4", "nerdctl", "containerd-gone")
    assert (answer.verdict, causes(answer)) == ("does-not-see", ["socket-unreachable"])
    assert "nobody serves" in answer.causes[0].because


def test_no_rights() -> None:
    answer = ask("acme/web:1.4", "docker", "ordinary-user")
    assert (answer.verdict, causes(answer)) == ("does-not-see", ["socket-unreachable"])
    assert answer.remedies[0].command == "sudo docker"


def test_a_listing_that_is_missing_forbids_a_verdict() -> None:
    whole = replay.capture(HOST)
    for fact in whole.facts:
        if isinstance(fact, Listing) and fact.what == "images" and fact.namespace == "default":
            less = tuple(other for other in whole.facts if other is not fact)
    answer = why(build(msgspec.structs.replace(whole, facts=less)).index, "acme/nowhere", "nerdctl")
    assert answer.verdict == "cannot-tell"
    answer = why(build(msgspec.structs.replace(whole, facts=less)).index, "acme/nowhere", "docker")
    assert (answer.verdict, causes(answer)) == ("does-not-see", [])
    assert answer.gaps


@pytest.mark.parametrize(
    "gap",
    [
        Gap(subject="kernel", why=Why.TIMEOUT, detail="the pass over /proc", origin=ORIGIN),
        Gap(subject="kernel", why=Why.DENIED, detail="files of others", origin=ORIGIN),
        Gap(subject="containerd:/run/x.sock", why=Why.UNSUPPORTED, detail="Namespaces.List", origin=ORIGIN),
        Gap(subject="dockerd:/run/x.sock", why=Why.MALFORMED, detail="garbage", origin=ORIGIN),
    ],
    ids=lambda gap: f"{gap.subject} {gap.why}",
)
def test_a_gap_that_may_hide_an_engine_forbids_absence(gap: Gap) -> None:
    whole = replay.capture(HOST)
    answer = why(build(msgspec.structs.replace(whole, gaps=(*whole.gaps, gap))).index, "acme/nowhere", "docker")
    assert (answer.verdict, causes(answer)) == ("does-not-see", [])
    assert gap in answer.gaps


def test_an_engine_that_was_not_asked_forbids_absence() -> None:
    whole = replay.capture(HOST)
    crio = Process(origin=ORIGIN, pid=99, starttime=9, ppid=1, comm="crio", role="engine", argv=("crio",))
    answer = why(build(msgspec.structs.replace(whole, facts=(*whole.facts, crio))).index, "acme/nowhere", "docker")
    assert causes(answer) == []
    assert [gap.detail for gap in answer.gaps] == ["crio (pid 99) runs and could not be asked for images"]


def test_the_environment_decides() -> None:
    whole = replay.capture(HOST)
    origin = Origin(witness="client:environment", call="$X")
    for name, value, client, verdict in (
        ("CONTAINERD_NAMESPACE", "k8s.io", "nerdctl", "sees"),
        ("CONTAINERD_ADDRESS", "/run/other.sock", "nerdctl -n k8s.io", "cannot-tell"),
        ("DOCKER_HOST", "tcp://10.0.0.1:2375", "docker", "cannot-tell"),
        ("DOCKER_HOST", "unix:///var/run/docker.sock", "docker", "sees"),
    ):
        variable = ClientVariable(origin=origin, name=name, value=value)
        facts = tuple(f for f in whole.facts if not isinstance(f, ClientVariable))
        changed = msgspec.structs.replace(whole, facts=(*facts, variable))
        assert why(build(changed).index, "acme/web:1.4", client).verdict == verdict, (name, value)


@pytest.mark.parametrize("client", ["", "helm", "docker ps", "nerdctl -n", "ctr --nonsense", "'"])
def test_unknown_clients(client: str) -> None:
    with pytest.raises(UnknownClient) as raised:
        ask("acme/web:1.4", client)
    assert raised.value.hint


def test_the_matrix_has_every_store_once() -> None:
    answers = matrix(replay.host(HOST).index, "acme/web:1.4")
    seen = {(a.client.partition(" ")[0], a.looks_in.engine, a.looks_in.namespace) for a in answers}
    assert len(seen) == len(answers) == 1 + 2 * 3
    assert {(a.client.partition(" ")[0], a.looks_in.namespace) for a in answers if a.verdict == "sees"} == {
        ("docker", ""),
        ("nerdctl", "k8s.io"),
    }
