"""What stackscope reads from dockerd against what the Docker SDK reads (docs/decisions/0005)."""

from typing import Any

import docker
import pytest

from tests.live import look
from tests.live.standard_host import StandardHost


@pytest.fixture(scope="module")
def sdk(host: StandardHost) -> Any:
    client = docker.APIClient(base_url=f"unix://{host.dockerd.socket}", version="auto")
    yield client
    client.close()


@pytest.fixture(scope="module")
def nodes(host: StandardHost) -> list[dict[str, Any]]:
    witness = f"dockerd:{host.dockerd.socket}"
    return [node for node in look.graph()["nodes"] if node["witness"] == witness]


def of(nodes: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [node for node in nodes if node["kind"] == kind]


def test_containers(sdk: Any, nodes: list[dict[str, Any]]) -> None:
    theirs = {
        c["Id"]: (sorted(name.lstrip("/") for name in c["Names"]), c["State"], c["Image"], c["ImageID"], c["Labels"])
        for c in sdk.containers(all=True)
    }
    ours = {
        n["attrs"]["id"]: (
            sorted(n["attrs"]["names"]),
            n["attrs"]["status"],
            n["attrs"]["image_ref"],
            n["attrs"]["image_id"],
            n["attrs"]["labels"],
        )
        for n in of(nodes, "container")
    }
    assert ours == theirs
    assert ours


def test_images(sdk: Any, nodes: list[dict[str, Any]]) -> None:
    theirs = {
        (tag if tag != "<none>:<none>" else image["Id"], image["Id"], image["Size"])
        for image in sdk.images()
        for tag in image["RepoTags"] or [image["Id"]]
    }
    assert {(n["name"], n["attrs"]["config_digest"], n["attrs"]["size"]) for n in of(nodes, "image")} == theirs


def test_volumes_and_networks(sdk: Any, nodes: list[dict[str, Any]]) -> None:
    volumes = {(v["Name"], v["Driver"], v["Mountpoint"]) for v in sdk.volumes()["Volumes"]}
    ours = {(n["name"], n["attrs"]["driver"], n["attrs"]["mountpoint"]) for n in of(nodes, "volume")}
    assert ours == volumes
    networks = {(n["Id"], n["Name"], n["Driver"]) for n in sdk.networks()}
    assert {(n["attrs"]["key"], n["name"], n["attrs"]["driver"]) for n in of(nodes, "network")} == networks


def test_the_daemon(sdk: Any, nodes: list[dict[str, Any]]) -> None:
    info = sdk.info()
    (daemon,) = of(nodes, "daemon")
    assert daemon["attrs"]["version"] == info["ServerVersion"]
    assert daemon["attrs"]["engine_id"] == info["ID"]
    assert daemon["attrs"]["root"] == info["DockerRootDir"]
    assert daemon["attrs"]["cgroup_driver"] == info["CgroupDriver"]
    assert daemon["attrs"]["image_store"] == "graphdriver"
