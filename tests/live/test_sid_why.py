"""`why` on Docker 28.5 with the containerd image store: another answer than on 20.10, from the same question."""

import pytest

from stackscope.facts import SCHEMA, Capture, Host
from stackscope.facts.needs import EVERYTHING
from stackscope.graph import Relation
from stackscope.graph.build import Built, build
from stackscope.questions.why import Answer, why
from tests.live.sid import DOCKER_SOCKET
from tests.live.sid_root import BUILD_LIMIT
from tests.live.sid_staged import PAUSE, Staged
from tests.live.test_sid import ANNOUNCED, look, rows

pytestmark = pytest.mark.timeout(BUILD_LIMIT + 60)


@pytest.fixture(scope="module")
def built(sid: Staged) -> Built:
    """The graph of what the two sources say. It has no process: the other root is not this host's."""
    seen = look(sid)
    return build(
        Capture(
            schema=SCHEMA,
            stackscope="test",
            taken_at="2026-01-01T00:00:00Z",
            host=Host(hostname="sid", kernel="", machine="", cgroup_mode="", uid=0),
            redacted=True,
            needs=EVERYTHING.words,
            looked_at=(DOCKER_SOCKET, ANNOUNCED),
            facts=tuple(seen.facts),
            gaps=tuple(seen.gaps),
        )
    )


def ask(built: Built, ref: str, client: str) -> Answer:
    return why(built.index, ref, client)


def test_the_same_image_is_dockers_and_mobys(sid: Staged, built: Built) -> None:
    address = f"-a {ANNOUNCED}"
    assert ask(built, PAUSE, "docker").verdict == "sees"
    assert ask(built, PAUSE, f"nerdctl {address} -n moby").verdict == "sees"
    assert PAUSE in {row[0].removeprefix("docker.io/") for row in rows(sid, "moby", "images", "ls")}


def test_nerdctl_looks_in_another_namespace(sid: Staged, built: Built) -> None:
    """With the graphdriver store of 20.10 the cause is docker's own store, and no namespace has the image."""
    answer = ask(built, PAUSE, f"nerdctl -a {ANNOUNCED}")
    assert answer.verdict == "does-not-see"
    assert {cause.id for cause in answer.causes} == {"another-namespace"}
    assert PAUSE not in {row[0].removeprefix("docker.io/") for row in rows(sid, "default", "images", "ls")}
    assert answer.remedies[0].command.endswith("-n moby images")


def test_leases_pin_the_snapshots_of_dockers_containers(sid: Staged, built: Built) -> None:
    pinned = {
        (link.source.rpartition("/")[2], link.target.rpartition("/")[2]) for link in built.topology.links(Relation.PINS)
    }
    for container in sid.host.docker("ps", "-aq", "--no-trunc").stdout.split():
        assert (container, container) in pinned
    unpacked = {link.source: link.target for link in built.topology.links(Relation.UNPACKED_TO)}
    for container in built.topology.of_kind("container"):
        if container.witness.startswith("dockerd:"):
            assert unpacked[container.id].endswith(f"/overlayfs/{container.attrs['id']}")


def test_docker_says_which_containerd_and_which_namespace(built: Built) -> None:
    (uses,) = built.topology.links(Relation.USES)
    assert "its /info names" in uses.because
    owners = {link.target.rpartition("|")[2]: link.source for link in built.topology.links(Relation.OWNS)}
    assert owners["moby"].startswith("daemon|dockerd:")
