"""Docker's JSON, as a real dockerd wrote it and as others might."""

import json

import pytest

from stackscope.errors import Malformed
from stackscope.facts import Origin
from stackscope.facts.container import Mount
from stackscope.sources.docker import read
from tests.sources.docker.replay import changed, sample

ORIGIN = Origin(witness="dockerd:/s", call="GET /x")
VERSION = "20.10.24+dfsg1"
WEB = "df3ac8229f4c79112d9215cb4657e7e8def1550a7190a094832595f12493d893"
PAUSE = "sha256:d75d6c85a402ffdb841b428e0c21ca3ed65a109f63426458deeaf28bd4e1246e"


def test_a_real_info() -> None:
    info = read.info(read.decode(sample("info"), read.Info), VERSION, "/s", "1.41", ORIGIN)
    assert info.engine_id == "OQTT:6NB7:2EPP:N6Q7:3GER:QBK3:VCWG:H6NQ:MJV2:ZZRN:JZ3J:Y6B7"
    assert (info.version, info.api_version, info.driver, info.driver_type) == ("20.10.24+dfsg1", "1.41", "overlay2", "")
    assert (info.cgroup_driver, info.cgroup_version, info.default_runtime) == ("cgroupfs", "1", "runc")
    assert info.root.endswith("/dockerd/data")
    assert info.security == ("name=seccomp,profile=default",)
    assert info.warnings == ("WARNING: IPv4 forwarding is disabled",)
    assert (info.containerd_address, info.containerd_namespace) == ("", "")


def test_an_info_of_a_newer_release() -> None:
    body = changed(
        "info",
        Driver="overlayfs",
        DriverStatus=[["driver-type", "io.containerd.snapshotter.v1"], ["odd"], [1, 2]],
        Containerd={"Address": "/run/containerd/containerd.sock", "Namespaces": {"Containers": "moby", "Plugins": "p"}},
        SomethingNew={"a": [1]},
    )
    info = read.info(read.decode(body, read.Info), VERSION, "/s", "1.51", ORIGIN)
    assert info.driver_type == read.CONTAINERD_STORE
    assert info.containerd_address == "/run/containerd/containerd.sock"
    assert (info.containerd_namespace, info.containerd_plugins_namespace) == ("moby", "p")


def test_an_info_with_nothing_in_it() -> None:
    info = read.info(read.decode(b"{}", read.Info), VERSION, "/s", "1.41", ORIGIN)
    assert (info.root, info.driver, info.security) == ("", "", ())
    body = changed(
        "info", DriverStatus=None, SecurityOptions=None, Warnings=None, Containerd=None, ContainerdCommit=None
    )
    assert read.info(read.decode(body, read.Info), VERSION, "/s", "1.41", ORIGIN).warnings == ()


def test_real_containers() -> None:
    replies = read.decode(sample("containers-json"), list[read.ListedContainer])
    facts = {fact.names[0]: fact for fact in (read.container(reply, ORIGIN) for reply in replies)}
    assert {name: fact.state for name, fact in facts.items()} == {
        "web": "running",
        "db": "running",
        "cache": "running",
        "worker": "running",
        "job": "exited",
        "asleep": "paused",
        "later": "created",
    }
    web = facts["web"]
    assert (web.id, web.image, web.image_id) == (WEB, "acme/pause:1", PAUSE)
    assert web.labels == {"app": "web", "tier": "front"}
    assert web.networks == ("bridge",)
    assert [(m.type, m.name, m.destination) for m in web.mounts] == [("volume", "webdata", "/data")]
    assert facts["cache"].networks == ("none",)
    assert "not-for-show" not in str(facts)


def test_a_container_with_nulls() -> None:
    body = b'[{"Id": "a", "Names": null, "Labels": null, "Mounts": null, "NetworkSettings": {"Networks": null}}]'
    (reply,) = read.decode(body, list[read.ListedContainer])
    fact = read.container(reply, ORIGIN)
    assert (fact.names, fact.labels, fact.mounts, fact.networks) == ((), {}, (), ())


def test_a_linked_container_keeps_its_other_names() -> None:
    (reply,) = read.decode(b'[{"Id": "a", "Names": ["/web", "/proxy/backend"]}]', list[read.ListedContainer])
    assert read.container(reply, ORIGIN).names == ("web", "proxy/backend")


def test_a_mount_of_each_kind() -> None:
    mounts = [
        {"Type": "bind", "Source": "/a", "Destination": "/b", "RW": True},
        {"Type": "tmpfs", "Destination": "/c"},
    ]
    (reply,) = read.decode(json.dumps([{"Id": "a", "Mounts": mounts}]).encode(), list[read.ListedContainer])
    assert read.container(reply, ORIGIN).mounts == (
        Mount(type="bind", source="/a", destination="/b"),
        Mount(type="tmpfs", destination="/c"),
    )


def test_real_images() -> None:
    replies = read.decode(sample("images-json"), list[read.ListedImage])
    facts = [read.image(reply, ORIGIN) for reply in replies]
    by_id = {fact.id: fact for fact in facts}
    assert by_id[PAUSE].repo_tags == ("acme/pause:1", "acme/pause:2")
    assert by_id[PAUSE].size == 1982372
    # 20.10 writes an untagged image as <none>:<none>.
    dangling = [fact for fact in facts if not fact.repo_tags]
    assert [(fact.repo_tags, fact.repo_digests) for fact in dangling] == [((), ())]


def test_an_image_of_the_containerd_store() -> None:
    body = b'[{"Id": "sha256:1", "RepoTags": ["a:1"], "Descriptor": {"digest": "sha256:1", "size": 3}}]'
    (reply,) = read.decode(body, list[read.ListedImage])
    assert read.image(reply, ORIGIN).target_digest == "sha256:1"


def test_real_volumes_and_networks() -> None:
    volumes = read.decode(sample("volumes"), read.Volumes).volumes or []
    assert [(fact.name, fact.driver) for fact in (read.volume(v, ORIGIN) for v in volumes)] == [
        ("webdata", "local"),
        ("dbdata", "local"),
    ]
    networks = [read.network(n, ORIGIN) for n in read.decode(sample("networks"), list[read.ListedNetwork])]
    assert [(fact.name, fact.driver, fact.scope, len(fact.id)) for fact in networks] == [
        ("none", "null", "local", 64),
        ("host", "host", "local", 64),
    ]
    assert read.decode(b'{"Volumes": null}', read.Volumes).volumes is None


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b"", read.Info),
        (b"hello", read.Info),
        (b"[]", read.Info),
        (b"null", list[read.ListedContainer]),
        (b"{}", list[read.ListedContainer]),
        (b"[{}]", list[read.ListedContainer]),  # a container without an id
        (b"[1]", list[read.ListedContainer]),
        (b'[{"Id": 7}]', list[read.ListedContainer]),
        (b'[{"Id": "a", "Created": "yesterday"}]', list[read.ListedContainer]),
        (b'[{"Id": "a", "Labels": {"a": 1}}]', list[read.ListedContainer]),
        (b'[{"Id": "a\xff"}]', list[read.ListedContainer]),
        (b'[{"Id": "\\ud800"}]', list[read.ListedContainer]),
        (b'[{"Id": "a"}', list[read.ListedContainer]),
        (b'[{"Id": "a", "x": ' + b"[" * 100_000, list[read.ListedContainer]),
        (b'{"Driver": 1.41}', read.Info),
    ],
)
def test_other_shapes_are_malformed(body: bytes, shape: type) -> None:
    with pytest.raises(Malformed):
        read.decode(body, shape)
