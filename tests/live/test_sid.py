"""Docker 28.5 with the containerd image store, in another root: what the sources say is what the clients print."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from stackscope.facts import AnyFact, Fact, Listing
from stackscope.facts.container import ContainerdContainer, DockerContainer, Sandbox, Task
from stackscope.facts.daemon import ContainerdInfo, ContainerdNamespace, DockerInfo, Plugin
from stackscope.facts.image import ContainerdImage, ContentTotal, DockerImage, ImageManifests, UnpackedTo
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.socket import Endpoint
from stackscope.facts.storage import Network, Volume
from stackscope.sources.docker.read import CONTAINERD_STORE
from tests.live.errors import LabError
from tests.live.sid import CONTAINERD_SOCKET, DOCKER_SOCKET, SidHost
from tests.live.sid_look import GARBAGE, Seen
from tests.live.sid_root import BUILD_LIMIT
from tests.live.sid_staged import ONLY_CTR, PAUSE, PAUSE_AGAIN, VOLUME, Staged, stage

pytestmark = pytest.mark.timeout(BUILD_LIMIT + 60)

ANNOUNCED = f"/var{CONTAINERD_SOCKET}"
STORE = "overlayfs"

F = TypeVar("F", bound=Fact)


def look(sid: Staged) -> Seen:
    command = [sys.executable, "-m", "tests.live.sid_look", str(sid.host.pid), DOCKER_SOCKET, ANNOUNCED]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *command],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Seen)


@pytest.fixture(scope="module")
def seen(sid: Staged) -> Seen:
    return look(sid)


def of(seen: Seen, kind: type[F]) -> list[F]:
    return [fact for fact in seen.facts if isinstance(fact, kind)]


def in_order(values: Iterable[object]) -> list[object]:
    """In an order to compare by; what is there twice stays there twice."""
    return sorted(values, key=repr)


def rows(sid: Staged, namespace: str, *args: str) -> list[list[str]]:
    """The table that ctr prints, without its heading."""
    return [line.split() for line in sid.host.ctr(*args, namespace=namespace).stdout.splitlines()[1:] if line.strip()]


def namespaces(sid: Staged) -> list[str]:
    return sid.host.ctr("namespaces", "ls", "-q").stdout.split()


def test_nothing_was_left_out(seen: Seen) -> None:
    assert seen.gaps == []


def test_decoys_are_never_met(seen: Seen) -> None:
    assert seen.visitors == {DOCKER_SOCKET: 0, CONTAINERD_SOCKET: 0}
    assert seen.trapped == GARBAGE.decode(), "the paths joined as strings do lead to a decoy"


def test_endpoints_are_the_sockets_of_the_other_root(sid: Staged, seen: Seen) -> None:
    for endpoint, path, peer in zip(
        of(seen, Endpoint),
        (DOCKER_SOCKET, CONTAINERD_SOCKET),
        (sid.host.pid, sid.host.containerd_pid),
        strict=True,
    ):
        there = os.stat(sid.host.root / path.lstrip("/"))
        assert (endpoint.state, endpoint.device, endpoint.inode) == ("listening", there.st_dev, there.st_ino)
        assert endpoint.peer_pid == peer
    assert of(seen, Endpoint)[0].group == "docker", "by the other root's /etc/group"


def test_docker_containers_are_those_of_docker_ps(sid: Staged, seen: Seen) -> None:
    form = "{{.ID}} {{.State}} {{.Names}} {{.Image}}"
    listed = sid.host.docker("ps", "-a", "--no-trunc", "--format", form).stdout.splitlines()
    facts = of(seen, DockerContainer)
    assert in_order([f.id, f.state, *f.names, f.image] for f in facts) == in_order(line.split() for line in listed)
    assert {f.names[0]: f.id for f in facts} == sid.docker_containers
    assert {f.names[0]: f.state for f in facts} == {
        "web": "running",
        "job": "exited",
        "asleep": "paused",
        "later": "created",
    }


def test_docker_images_are_those_of_docker_images(sid: Staged, seen: Seen) -> None:
    listed = sid.host.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").stdout.splitlines()
    found = [[tag, f.id] for f in of(seen, DockerImage) for tag in f.repo_tags]
    assert in_order(found) == in_order(line.split() for line in listed)
    assert in_order(f.id for f in of(seen, DockerImage)) == [sid.image]


def test_docker_volumes_and_networks_are_those_of_docker(sid: Staged, seen: Seen) -> None:
    volumes = sid.host.docker("volume", "ls", "-q").stdout.split()
    networks = sid.host.docker("network", "ls", "-q", "--no-trunc").stdout.split()
    assert in_order(f.name for f in of(seen, Volume)) == in_order(volumes) == [VOLUME]
    assert in_order(f.id for f in of(seen, Network)) == in_order(networks)


def test_containerd_namespaces_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    assert in_order(f.name for f in of(seen, ContainerdNamespace)) == in_order(namespaces(sid))
    assert {"moby", "default"} <= set(namespaces(sid))


def test_containerd_containers_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    listed = [[ns, row[0], *row[1:-1], row[-1]] for ns in namespaces(sid) for row in rows(sid, ns, "containers", "ls")]
    facts = of(seen, ContainerdContainer)
    assert in_order([f.namespace, f.id, f.image, f.runtime] for f in facts) == in_order(listed)
    assert [f.id for f in facts if f.namespace == "default"] == [sid.ctr_container]


def test_tasks_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    listed = [
        [ns, name, int(pid), status.lower()]
        for ns in namespaces(sid)
        for name, pid, status in rows(sid, ns, "tasks", "ls")
    ]
    assert in_order([f.namespace, f.id, f.pid, f.status] for f in of(seen, Task)) == in_order(listed)


def test_containerd_images_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    listed = [[ns, *row[:3]] for ns in namespaces(sid) for row in rows(sid, ns, "images", "ls")]
    facts = of(seen, ContainerdImage)
    assert in_order([f.namespace, f.name, f.media_type, f.target_digest] for f in facts) == in_order(listed)
    assert {(f.namespace, f.name) for f in facts} == {
        ("moby", f"docker.io/{PAUSE}"),
        ("moby", f"docker.io/{PAUSE_AGAIN}"),
        ("default", ONLY_CTR),
    }


def test_snapshots_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    snapshotters = {f.id for f in of(seen, Plugin) if f.type == "io.containerd.snapshotter.v1" and f.status == "ok"}
    assert STORE in snapshotters
    listed = [
        # The parent's column is empty for a base layer.
        [ns, snapshotter, row[0], row[1] if len(row) == 3 else "", row[-1].lower()]
        for ns in namespaces(sid)
        for snapshotter in snapshotters
        for row in rows(sid, ns, "snapshots", "--snapshotter", snapshotter, "ls")
    ]
    found = ([f.namespace, f.snapshotter, f.key, f.parent, f.kind] for f in of(seen, Snapshot))
    assert in_order(found) == in_order(listed)


def test_leases_are_those_of_ctr(sid: Staged, seen: Seen) -> None:
    listed = [
        [ns, name] for ns in namespaces(sid) for name in sid.host.ctr("leases", "ls", "-q", namespace=ns).stdout.split()
    ]
    facts = of(seen, Lease)
    assert in_order([f.namespace, f.id] for f in facts) == in_order(listed)
    assert [(f.id, f.labels["why"], f.resources) for f in facts if f.namespace == "default"] == [
        (sid.lease, "test", ())
    ]


def test_content_and_plugins_are_as_many_as_those_of_ctr(sid: Staged, seen: Seen) -> None:
    blobs = {ns: rows(sid, ns, "content", "ls") for ns in namespaces(sid)}
    assert {f.namespace: f.blobs for f in of(seen, ContentTotal)} == {ns: len(found) for ns, found in blobs.items()}
    plugins = [row[:2] for row in rows(sid, "default", "plugins", "ls")]
    assert in_order([f.type, f.id] for f in of(seen, Plugin)) == in_order(plugins)


def test_every_listing_counts_what_it_listed(seen: Seen) -> None:
    counted = {
        "containers": (ContainerdContainer, DockerContainer),
        "images": (ContainerdImage, DockerImage),
        "leases": (Lease,),
        "namespaces": (ContainerdNamespace,),
        "networks": (Network,),
        "plugins": (Plugin,),
        "sandboxes": (Sandbox,),
        "snapshots": (Snapshot,),
        "tasks": (Task,),
        "volumes": (Volume,),
    }
    listings = of(seen, Listing)
    assert {listing.what for listing in listings} == set(counted)
    for listing in listings:
        found = [fact for fact in seen.facts if isinstance(fact, counted[listing.what]) and belongs(fact, listing)]
        assert len(found) == listing.count, listing


def belongs(fact: AnyFact, listing: Listing) -> bool:
    same = fact.origin.witness == listing.origin.witness
    same = same and getattr(fact, "namespace", "") == listing.namespace
    return same and (not listing.part or getattr(fact, "snapshotter", "") == listing.part)


def test_docker_says_that_its_images_are_in_containerd(seen: Seen) -> None:
    (info,) = of(seen, DockerInfo)
    assert (info.driver, info.driver_type) == (STORE, CONTAINERD_STORE)
    assert info.containerd_address == ANNOUNCED
    assert (info.containerd_namespace, info.containerd_plugins_namespace) == ("moby", "plugins.moby")
    (containerd,) = of(seen, ContainerdInfo)
    assert containerd.root == "/var/lib/docker/containerd/daemon"


def test_both_witnesses_give_an_image_the_same_target(seen: Seen) -> None:
    docker = {f"docker.io/{tag}": f.target_digest for f in of(seen, DockerImage) for tag in f.repo_tags}
    containerd = {f.name: f.target_digest for f in of(seen, ContainerdImage) if f.namespace == "moby"}
    assert docker == containerd
    assert "" not in docker.values()


def test_a_manifest_leads_from_the_target_to_the_snapshot_it_was_unpacked_to(sid: Staged, seen: Seen) -> None:
    (manifests,) = [f for f in of(seen, ImageManifests) if f.namespace == "moby"]
    assert manifests.target_digest == sid.image
    (manifest,) = manifests.manifests
    (unpacked,) = [f for f in of(seen, UnpackedTo) if f.namespace == "moby"]
    assert (unpacked.config_digest, unpacked.snapshotter) == (manifest.config_digest, STORE)
    assert unpacked.chain_id in {f.key for f in of(seen, Snapshot) if f.namespace == "moby"}


def test_a_docker_container_has_a_snapshot_and_a_lease_by_its_id(sid: Staged, seen: Seen) -> None:
    ids = set(sid.docker_containers.values())
    snapshots = {f.key: f for f in of(seen, Snapshot) if f.namespace == "moby" and f.kind == "active"}
    leases = {f.id: f for f in of(seen, Lease) if f.namespace == "moby"}
    assert set(snapshots) == set(leases) == ids
    for container in ids:
        held = {(r.type, r.id) for r in leases[container].resources}
        assert (f"snapshots/{STORE}", container) in held
        assert snapshots[container].parent == f"{container}-init"


def test_a_socket_of_the_other_root_is_not_there_in_ours(sid: Staged) -> None:
    ours = Path(CONTAINERD_SOCKET)
    assert not ours.exists() or ours.stat().st_ino != os.stat(sid.host.root / CONTAINERD_SOCKET.lstrip("/")).st_ino


def test_nothing_outlives_a_host_whose_daemons_were_killed() -> None:
    with SidHost() as host:
        staged = stage(host, pauses=2)
        assert len(staged.crowd) == 2
        base = host.base
        # Two daemons; shim and sleeper of web, asleep, the crowd, and ctr's.
        assert len(host.processes()) == 2 + 2 * 5
        os.kill(host.containerd_pid, 9)
        os.kill(host.pid, 9)
    assert host.remaining() == []
    assert str(base) not in Path("/proc/self/mountinfo").read_text()


def test_a_host_that_fails_half_way_is_cleared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    host = SidHost()
    monkeypatch.setattr(host, "_config", lambda: {"nonsense": True})
    with pytest.raises(LabError, match="nonsense"), host:
        pass
    assert host.remaining() == []
