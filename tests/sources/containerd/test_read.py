"""containerd's replies, as a real one sent them and as others might."""

from pathlib import Path

import pytest

from stackscope.errors import Malformed
from stackscope.facts import Origin
from stackscope.facts.container import Mount, SpecNamespace
from stackscope.sources.containerd import read
from stackscope.wire.containerd import (
    containers_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    snapshots_pb2,
    task_types_pb2,
    tasks_pb2,
)

SAMPLES = Path(__file__).parent / "samples"
ORIGIN = Origin(witness="containerd:/s", call="x")
WEB = "df3ac8229f4c79112d9215cb4657e7e8def1550a7190a094832595f12493d893"
BASE = "/tmp/sl-a8ea17d1"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.binpb").read_bytes()


def containers(name: str) -> list[containers_pb2.Container]:
    return list(containers_pb2.ListContainersResponse.FromString(sample(f"containers-{name}")).containers)


def test_a_real_docker_container() -> None:
    (reply,) = containers("moby")
    fact = read.container(reply, "moby", ORIGIN)
    assert (fact.namespace, fact.id, fact.runtime) == ("moby", WEB, "io.containerd.runc.v2")
    assert fact.cgroups_path == f"/docker/{WEB}"
    assert fact.args == ("/bin/sleep", "1000000")
    assert (fact.snapshotter, fact.snapshot_key, fact.image, fact.sandbox) == ("", "", "", "")
    assert fact.root_path.startswith(f"{BASE}/dockerd/data/overlay2/")
    assert SpecNamespace(type="network") in fact.spec_namespaces
    assert Mount(type="bind", source=f"{BASE}/dockerd/data/volumes/webdata/_data", destination="/data") in fact.mounts
    # proc, sysfs, tmpfs and the like are in every container.
    assert {mount.type for mount in fact.mounts} == {"bind"}
    assert (fact.systemd_cgroup, fact.runtime_root) == (False, f"{BASE}/dockerd/exec/runtime-runc")
    assert fact.labels["com.docker/engine.bundle.path"].startswith("/")


def test_the_environment_of_a_spec_is_not_read() -> None:
    assert b"TOKEN=not-for-show" in sample("containers-moby")
    (reply,) = containers("moby")
    assert "not-for-show" not in str(read.container(reply, "moby", ORIGIN))


def test_real_containers_of_ctr() -> None:
    facts = {
        fact.id.partition("-sl-")[0]: fact
        for fact in (read.container(c, "default", ORIGIN) for c in containers("default"))
    }
    assert set(facts) == {"tool-a", "tool-b", "draft"}
    assert (facts["tool-a"].image, facts["tool-a"].snapshot_key) == ("docker.io/acme/pause:1", facts["tool-a"].id)
    assert facts["tool-a"].created == "2026-11-22T13:24:11Z"
    assert facts["tool-a"].cgroups_path == f"/default/{facts['tool-a'].id}"
    assert facts["tool-a"].root_path == "rootfs"


def test_real_tasks() -> None:
    replies = tasks_pb2.ListTasksResponse.FromString(sample("tasks-moby")).tasks
    facts = {fact.id: fact for fact in (read.task(reply, "moby", ORIGIN) for reply in replies)}
    assert facts[WEB].status == "running"
    assert facts[WEB].pid == 2509
    assert sorted(fact.status for fact in facts.values()) == ["paused", "running", "running", "running", "running"]


def test_a_task_by_itself_has_its_id_in_the_other_place() -> None:
    reply = task_types_pb2.Process(container_id="a", pid=0, status=0)
    fact = read.task(reply, "moby", ORIGIN)
    assert (fact.id, fact.pid, fact.status) == ("a", 0, "unknown")
    assert read.task(task_types_pb2.Process(id="a", status=99), "moby", ORIGIN).status == "status 99"


def test_real_images() -> None:
    default = [
        read.image(i, "default", ORIGIN)
        for i in images_pb2.ListImagesResponse.FromString(sample("images-default")).images
    ]
    assert [(fact.name, fact.target_digest[:19]) for fact in default] == [
        ("docker.io/acme/only-ctr:1", "sha256:873b4f0d71ae"),
        ("docker.io/acme/pause:1", "sha256:a1ded9f210dd"),
    ]
    cri = [
        read.image(i, "k8s.io", ORIGIN)
        for i in images_pb2.ListImagesResponse.FromString(sample("images-k8s.io")).images
    ]
    assert all(fact.labels["io.cri-containerd.image"] == "managed" for fact in cri)
    # The CRI plugin names each image by its config's digest too.
    assert sum(fact.name.startswith("sha256:") for fact in cri) == 2


def test_real_plugins() -> None:
    replies = introspection_pb2.PluginsResponse.FromString(sample("plugins")).plugins
    facts = {(fact.type, fact.id): fact for fact in (read.plugin(reply, ORIGIN) for reply in replies)}
    overlay = facts["io.containerd.snapshotter.v1", "overlayfs"]
    assert (overlay.status, overlay.error) == ("ok", "")
    assert overlay.root == f"{BASE}/containerd/root/io.containerd.snapshotter.v1.overlayfs"
    btrfs = facts["io.containerd.snapshotter.v1", "btrfs"]
    assert btrfs.status == "skipped"
    assert "must be a btrfs filesystem" in btrfs.error
    database = facts["io.containerd.metadata.v1", "bolt"]
    assert database.root == f"{BASE}/containerd/root/io.containerd.metadata.v1.bolt/meta.db"
    assert {fact.status for fact in facts.values()} <= {"ok", "skipped", "error"}


def test_a_plugin_that_failed() -> None:
    reply = introspection_pb2.Plugin(type="t", id="i")
    reply.init_err.message = "no such device"
    assert read.plugin(reply, ORIGIN).status == "error"


def test_real_namespaces_snapshots_and_leases() -> None:
    replies = namespaces_pb2.ListNamespacesResponse.FromString(sample("namespaces")).namespaces
    names = {fact.name: fact.labels for fact in (read.namespace(reply, ORIGIN) for reply in replies)}
    assert names == {"default": {}, "empty-one": {"team": "a"}, "k8s.io": {}, "moby": {}}

    infos = snapshots_pb2.ListSnapshotsResponse.FromString(sample("snapshots-default")).info
    snapshots = {fact.key: fact for fact in (read.snapshot(i, "default", "overlayfs", ORIGIN) for i in infos)}
    draft = snapshots["draft-sl-a8ea17d1"]
    assert (draft.kind, snapshots[draft.parent].kind, snapshots[draft.parent].parent) == ("active", "committed", "")

    (reply,) = leases_pb2.ListResponse.FromString(sample("leases-default")).leases
    lease = read.lease(reply, "default", ORIGIN, ())
    assert (lease.id, lease.created, lease.labels["why"]) == ("held-by-hand", "2026-11-22T13:24:11Z", "test")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),
        (1, "1970-01-01T00:00:01Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1795353851, "2026-11-22T13:24:11Z"),
        (-62135596800, ""),  # Go's zero time
        (-62135596799, "0001-01-01T00:00:01Z"),
        (253402300799, "9999-12-31T23:59:59Z"),
        (253402300800, ""),
        (1 << 62, ""),
        (-(1 << 62), ""),
    ],
)
def test_times(seconds: int, text: str) -> None:
    reply = images_pb2.Image(name="a")
    reply.created_at.seconds = seconds
    assert read.image(reply, "x", ORIGIN).created == text


def with_spec(spec: bytes) -> containers_pb2.Container:
    reply = containers_pb2.Container(id="a")
    reply.spec.type_url = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
    reply.spec.value = spec
    return reply


@pytest.mark.parametrize(
    "spec",
    [b"", b"{}", b'{"process": null, "root": null, "mounts": null, "linux": null, "annotations": null}'],
)
def test_a_spec_with_nothing_in_it(spec: bytes) -> None:
    fact = read.container(with_spec(spec), "x", ORIGIN)
    assert (fact.args, fact.mounts, fact.cgroups_path, fact.annotations) == ((), (), "", {})


def test_what_a_spec_joins() -> None:
    spec = b'{"linux": {"namespaces": [{"type": "network", "path": "/proc/7/ns/net"}], "cgroupsPath": "s:p:n"}}'
    fact = read.container(with_spec(spec), "x", ORIGIN)
    assert fact.spec_namespaces == (SpecNamespace(type="network", path="/proc/7/ns/net"),)
    assert fact.cgroups_path == "s:p:n"


@pytest.mark.parametrize(
    "spec",
    [
        b"not JSON",
        b"[]",
        b'{"process": []}',
        b'{"process": {"args": "sleep"}}',
        b'{"process": {"args": [1]}}',
        b'{"mounts": {}}',
        b'{"annotations": {"a": 1}}',
        b'{"root": {"path": "\xff"}}',
        b'{"root": {"path": "\\ud800"}}',
        b'{"hooks": ' + b"[" * 100_000,
        b"\x0a\x03abc",
    ],
)
def test_a_spec_of_another_shape_is_malformed(spec: bytes) -> None:
    with pytest.raises(Malformed, match="the spec of container a"):
        read.container(with_spec(spec), "x", ORIGIN)


def test_runtime_options() -> None:
    reply = containers_pb2.Container(id="a")
    reply.runtime.options.type_url = "types.containerd.io/containerd.runc.v1.Options"
    reply.runtime.options.value = b"\x32\x05/root\x48\x01"
    fact = read.container(reply, "x", ORIGIN)
    assert fact.systemd_cgroup is True
    reply.runtime.options.value = b"\xff\xff\xff"
    with pytest.raises(Malformed, match="runtime options"):
        read.container(reply, "x", ORIGIN)
    reply.runtime.options.type_url = "runtimeoptions.v1.Options"
    assert read.container(reply, "x", ORIGIN).runtime_root == ""


def test_names_that_may_be_sent() -> None:
    for name in ("moby", "k8s.io", "a-b", "a__b", "A.1"):
        assert read.NAME.fullmatch(name)
    for name in ("", "-a", "a-", "a b", "a\nb", "a\r\nx: y", "ä", "a/b", "moby\n"):
        assert not read.NAME.fullmatch(name)


MANIFEST = (
    b'{"schemaVersion":2,"config":{"digest":"sha256:c","size":10},'
    b'"layers":[{"digest":"sha256:1","size":100},{"digest":"sha256:2","size":200}]}'
)


def test_a_manifest() -> None:
    fact = read.platform_manifest("sha256:m", read.manifest(MANIFEST), "linux/amd64")
    assert (fact.digest, fact.config_digest, fact.size) == ("sha256:m", "sha256:c", 310)
    assert fact.layers == ("sha256:1", "sha256:2")


def test_an_index() -> None:
    index = read.manifest(
        b'{"manifests":[{"digest":"sha256:a","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},'
        b'{"digest":"sha256:b"}]}'
    )
    assert [m.platform.words if m.platform else "" for m in index.manifests] == ["linux/arm64/v8", ""]
    assert index.config is None


def test_a_config() -> None:
    assert read.config_platform(b'{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[]}}') == "linux/amd64"
    assert read.config_platform(b"{}") == ""


@pytest.mark.parametrize(
    "blob", [b"", b"[]", b'{"layers": 1}', b'{"config": []}', b'{"os": 1}', b'{"os": "\xff", "mediaType": "\xff"}']
)
def test_blobs_of_another_shape_are_malformed(blob: bytes) -> None:
    refused = 0
    for parse in (read.manifest, read.config_platform):
        try:
            parse(blob)
        except Malformed:
            refused += 1
    assert refused
