"""The classic, live: the client is asked, stackscope is asked why, its remedy is run, and the client sees it."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.live import look
from tests.live.lab import Containerd, Lab
from tests.live.nerdctl import Built, NotBuilt, nerdctl, run_nerdctl
from tests.live.standard_host import StandardHost, stage_standard_host

IMAGE = "acme/only-docker:1"
WHOLE = "docker.io/acme/only-docker:1"


@pytest.fixture(scope="module")
def real_nerdctl() -> Built:
    """Built from its Go module; where that cannot be, CI fails and a person is told why."""
    built = nerdctl()
    if isinstance(built, NotBuilt):
        if os.environ.get("STACKSCOPE_LIVE") == "require":
            pytest.fail(built.reason, pytrace=False)
        pytest.skip(built.reason)
    return built


@pytest.fixture
def own() -> Any:
    """A host of this test's own: remedies change it."""
    from tests.live.conftest import require

    require(Lab.missing())
    with Lab() as lab:
        yield stage_standard_host(lab)


def why(ref: str, client: str, **variables: str) -> dict[str, Any]:
    done = look.stackscope("why", ref, "--client", client, "--json", code=None, **variables)
    reply: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == {"sees": 0, "does-not-see": 1, "cannot-tell": 3}[reply["verdict"]]
    return reply


def names_in(containerd: Containerd, namespace: str) -> set[str]:
    rows = containerd.ctr("images", "ls", "-q", namespace=namespace).stdout
    return set(rows.split())


def causes(reply: dict[str, Any]) -> list[str]:
    return [cause["id"] for cause in reply["causes"]]


@pytest.mark.timeout(900)  # the first build of nerdctl
def test_an_image_that_only_docker_has(own: StandardHost, real_nerdctl: Built) -> None:
    address = str(own.containerd.address)

    def docker_sees() -> bool:
        return bool(own.dockerd.docker("images", "-q", IMAGE).stdout.strip())

    def nerdctl_sees(namespace: str) -> bool:
        listed = run_nerdctl(real_nerdctl, own.containerd, "-n", namespace, "images", "-q", IMAGE)
        return bool(listed.stdout.strip())

    clients: list[tuple[str, str, Callable[[], bool], str]] = [
        ("docker", IMAGE, docker_sees, ""),
        ("nerdctl", IMAGE, lambda: nerdctl_sees("default"), "docker-graphdriver-store"),
        ("nerdctl -n moby", IMAGE, lambda: nerdctl_sees("moby"), "docker-graphdriver-store"),
        ("ctr -n k8s.io", WHOLE, lambda: WHOLE in names_in(own.containerd, "k8s.io"), "docker-graphdriver-store"),
    ]
    own_data = own.containerd.directory / "nerdctl"
    own_data.mkdir(exist_ok=True)
    toml = own_data / "nerdctl.toml"
    toml.write_text(f'data_root = "{own_data}/data"\nhosts_dir = ["{own_data}/hosts"]\n')
    variables = {
        "DOCKER_HOST": f"unix://{own.dockerd.socket}",
        "CONTAINERD_ADDRESS": address,
        "NERDCTL_TOML": str(toml),
        "PATH": f"{real_nerdctl.path.parent}:{look.environment()['PATH']}",
    }
    for client, ref, sees, cause in clients:
        reply = why(ref, client, **variables)
        assert (reply["verdict"] == "sees") == sees(), client
        if not cause:
            assert reply["verdict"] == "sees"
            continue
        assert cause in causes(reply), client
        for remedy in (r for r in reply["remedies"] if r["kind"] == "quick"):
            assert "only-docker" in look.shell(remedy["command"], **variables), remedy
        mend = [r["command"] for r in reply["remedies"] if r["kind"] == "lasting"]
        assert len(mend) == 1
        look.shell(mend[0], **variables)
        assert sees(), (client, mend)
        assert why(ref, client, **variables)["verdict"] == "sees"


def test_another_namespace_and_the_way_to_docker(own: StandardHost) -> None:
    variables = {"DOCKER_HOST": f"unix://{own.dockerd.socket}", "CONTAINERD_ADDRESS": str(own.containerd.address)}
    ref = "docker.io/acme/only-k8s:1"
    reply = why(ref, "ctr", **variables)
    assert ref not in names_in(own.containerd, "default")
    assert causes(reply)[0] == "another-namespace"
    for remedy in reply["remedies"]:
        look.shell(remedy["command"], **variables)
    assert ref in names_in(own.containerd, "default")
    assert why(ref, "ctr", **variables)["verdict"] == "sees"

    reply = why("acme/only-k8s:1", "docker", **variables)
    assert causes(reply)[0] == "docker-graphdriver-store"
    for remedy in reply["remedies"]:
        look.shell(remedy["command"], **variables)
    assert own.dockerd.docker("images", "-q", "acme/only-k8s:1").stdout.strip()
    assert why("acme/only-k8s:1", "docker", **variables)["verdict"] == "sees"


def test_another_name_for_the_same_content(own: StandardHost) -> None:
    variables = {"DOCKER_HOST": f"unix://{own.dockerd.socket}", "CONTAINERD_ADDRESS": str(own.containerd.address)}
    # ctr takes names to the letter.
    reply = why("acme/pause:1", "ctr", **variables)
    assert causes(reply) == ["another-name"]
    assert "acme/pause:1" not in names_in(own.containerd, "default")
    for remedy in reply["remedies"]:
        look.shell(remedy["command"], **variables)
    assert "acme/pause:1" in names_in(own.containerd, "default")
    assert why("acme/pause:1", "ctr", **variables)["verdict"] == "sees"

    # docker has pause:2, containerd the same content as pause:1.
    reply = why("acme/pause:2", "nerdctl", **variables)
    assert causes(reply)[0] == "another-name"
    assert "docker.io/acme/pause:1" in reply["causes"][0]["because"]


def test_another_containerd(own: StandardHost) -> None:
    other = own.lab.containerd("other")
    own.lab.containerd_image(other, "docker.io/acme/elsewhere:1", "elsewhere")
    variables = {"CONTAINERD_ADDRESS": str(own.containerd.address)}
    reply = why("acme/elsewhere:1", "nerdctl", **variables)
    assert causes(reply) == ["another-containerd"]
    assert str(other.address) in reply["causes"][0]["because"]
    mend = [r["command"] for r in reply["remedies"] if r["kind"] == "lasting"]
    look.shell(mend[0], **variables)
    assert "docker.io/acme/elsewhere:1" in names_in(own.containerd, "default")


def test_not_on_this_host_only_when_every_listing_succeeded(own: StandardHost) -> None:
    variables = {"DOCKER_HOST": f"unix://{own.dockerd.socket}", "CONTAINERD_ADDRESS": str(own.containerd.address)}
    reply = why("acme/nowhere:1", "nerdctl", **variables)
    assert causes(reply) == ["not-on-this-host"]

    os.kill(own.dockerd.pid, 19)
    try:
        done = look.stackscope(
            "why", "acme/nowhere:1", "--client", "nerdctl", "--json", "--timeout", "1", code=1, **variables
        )
    finally:
        os.kill(own.dockerd.pid, 18)
    reply = json.loads(done.stdout)
    assert reply["causes"] == []
    assert [gap["why"] for gap in reply["gaps"]] == ["timeout"]
    assert f"dockerd:{own.dockerd.socket}" in reply["gaps"][0]["subject"]


def test_a_socket_that_nobody_serves(own: StandardHost) -> None:
    own.containerd.kill()
    reply = why("acme/pause:1", f"ctr -a {own.containerd.address}")
    assert causes(reply) == ["socket-unreachable"]
    assert "nobody serves" in reply["causes"][0]["because"]
    own.containerd.start()
    reply = why("docker.io/acme/pause:1", f"ctr -a {own.containerd.address}")
    assert reply["verdict"] == "sees"
