"""stackscope against the engines' own clients, item by item: no more, no less."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import look
from tests.live.standard_host import StandardHost


@pytest.fixture(scope="module")
def document(host: StandardHost) -> dict[str, Any]:
    return look.graph()


def nodes(document: dict[str, Any], kind: str, witness: str, namespace: str | None = None) -> Iterator[dict[str, Any]]:
    for node in document["nodes"]:
        if (
            node["kind"] == kind
            and node["witness"] == witness
            and (namespace is None or node["attrs"]["namespace"] == namespace)
        ):
            yield node


def column(text: str, number: int) -> list[str]:
    """One column of a table that ctr printed, without its heading."""
    return [line.split()[number] for line in text.splitlines()[1:] if line.strip()]


def witnesses(host: StandardHost) -> tuple[str, str]:
    return f"dockerd:{host.dockerd.socket}", f"containerd:{host.containerd.address}"


def namespaces(host: StandardHost) -> list[str]:
    return column(host.containerd.ctr("namespaces", "ls").stdout, 0)


def test_docker_containers(host: StandardHost, document: dict[str, Any]) -> None:
    docker, _ = witnesses(host)
    listed = host.dockerd.docker("ps", "-aq", "--no-trunc").stdout.split()
    assert sorted(n["attrs"]["id"] for n in nodes(document, "container", docker)) == sorted(listed)
    states = dict(
        line.split()
        for line in host.dockerd.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.splitlines()
    )
    assert {n["name"]: n["attrs"]["status"] for n in nodes(document, "container", docker)} == states


def test_docker_images(host: StandardHost, document: dict[str, Any]) -> None:
    docker, _ = witnesses(host)
    rows = host.dockerd.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").stdout
    listed = {
        (id_ if name == "<none>:<none>" else name, id_) for name, id_ in (line.split() for line in rows.splitlines())
    }
    ours = {(n["name"], n["attrs"]["config_digest"]) for n in nodes(document, "image", docker)}
    assert ours == listed
    assert len(listed) == len(list(nodes(document, "image", docker)))


def test_docker_volumes_and_networks(host: StandardHost, document: dict[str, Any]) -> None:
    docker, _ = witnesses(host)
    volumes = host.dockerd.docker("volume", "ls", "-q").stdout.split()
    networks = host.dockerd.docker("network", "ls", "-q", "--no-trunc").stdout.split()
    assert sorted(n["name"] for n in nodes(document, "volume", docker)) == sorted(volumes)
    assert sorted(n["attrs"]["key"] for n in nodes(document, "network", docker)) == sorted(networks)


def test_containerd_namespaces(host: StandardHost, document: dict[str, Any]) -> None:
    _, containerd = witnesses(host)
    assert sorted(n["name"] for n in nodes(document, "namespace", containerd)) == sorted(namespaces(host))


@pytest.mark.parametrize("kind", ["container", "task", "image", "snapshot", "lease"])
def test_every_containerd_namespace(host: StandardHost, document: dict[str, Any], kind: str) -> None:
    _, containerd = witnesses(host)
    total = 0
    for name in namespaces(host):
        found = list(nodes(document, kind, containerd, name))
        total += len(found)
        ctr = lambda *words, name=name: host.containerd.ctr(*words, namespace=name).stdout  # noqa: E731
        match kind:
            case "container":
                assert sorted(n["attrs"]["id"] for n in found) == sorted(column(ctr("c", "ls"), 0))
            case "task":
                rows = [line.split() for line in ctr("t", "ls").splitlines()[1:]]
                ours = {(n["attrs"]["id"], str(n["attrs"]["pid"]), n["attrs"]["status"].upper()) for n in found}
                assert ours == {tuple(row) for row in rows}
            case "image":
                rows = [line.split() for line in ctr("i", "ls").splitlines()[1:]]
                assert {(n["name"], n["attrs"]["target_digest"]) for n in found} == {(r[0], r[2]) for r in rows}
                assert len(found) == len(rows)
            case "snapshot":
                rows = [line.split() for line in ctr("snapshots", "ls").splitlines()[1:]]
                ours = {(n["attrs"]["key"], n["attrs"]["kind"].capitalize()) for n in found}
                assert ours == {(row[0], row[-1]) for row in rows}
            case _:
                assert sorted(n["name"] for n in found) == sorted(column(ctr("leases", "ls"), 0))
    assert total, f"the standard host has a {kind}"


def test_pids_are_the_kernels(host: StandardHost, document: dict[str, Any]) -> None:
    """Every running container leads to the process that docker itself names."""
    docker, _ = witnesses(host)
    by_id = {node["id"]: node for node in document["nodes"]}
    to: dict[tuple[str, str], str] = {(link["source"], link["relation"]): link["target"] for link in document["links"]}
    ids = host.dockerd.docker("ps", "-q", "--no-trunc").stdout.split()
    for container in ids:
        told = int(host.dockerd.docker("inspect", "-f", "{{.State.Pid}}", container).stdout)
        record = to[(f"container|{docker}|{container}", "same_container")]
        process = by_id[to[(to[(record, "has_task")], "runs")]]
        assert process["attrs"]["pid"] == told
    assert ids


def test_owners(host: StandardHost, document: dict[str, Any]) -> None:
    docker, containerd = witnesses(host)
    owners = {
        link["target"].rpartition("|")[2]: link["source"]
        for link in document["links"]
        if link["relation"] == "owns" and f"|{containerd}|" in link["target"]
    }
    assert owners == {
        "moby": f"daemon|{docker}|dockerd",
        "k8s.io": f"daemon|{containerd}|containerd",
    }
    uses = [link for link in document["links"] if link["relation"] == "uses" and docker in link["source"]]
    assert [link["target"] for link in uses] == [f"daemon|{containerd}|containerd"]
    assert "but:" not in uses[0]["because"]


def test_every_shim_has_one_container_and_its_containerd(host: StandardHost, document: dict[str, Any]) -> None:
    _, containerd = witnesses(host)
    ours = host.lab.shims()
    of = {link["source"]: link["target"] for link in document["links"] if link["relation"] == "shim_of"}
    reports = {link["source"]: link["target"] for link in document["links"] if link["relation"] == "reports_to"}
    by_pid = {node["attrs"]["pid"]: node for node in document["nodes"] if node["kind"] == "shim"}
    for (namespace, container), pid in ours.items():
        shim = by_pid[pid]["id"]
        assert of[shim] == f"container|{containerd}|{namespace}/{container}"
        assert reports[shim] == f"daemon|{containerd}|containerd"
    assert ours


def test_nothing_twice(document: dict[str, Any]) -> None:
    ids = [node["id"] for node in document["nodes"]]
    assert len(ids) == len(set(ids))
    pids = [n["attrs"]["pid"] for n in document["nodes"] if n["kind"] in ("daemon", "shim", "process")]
    assert len(pids) == len(set(pids))


def test_looking_twice_gives_the_same_document(host: StandardHost) -> None:
    """Apart from the time; with other labs on the machine, apart from theirs."""
    docker, containerd = witnesses(host)

    def ours(document: dict[str, Any]) -> list[dict[str, Any]]:
        return [node for node in document["nodes"] if node["witness"] in (docker, containerd)]

    assert ours(look.graph()) == ours(look.graph())
