"""Foreign bytes, nearly right and all wrong: each parser gives a value or says Malformed, and the value can be kept.

`make fuzz` tries many more.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from stackscope.errors import Malformed
from stackscope.facts import Fact, Origin
from stackscope.sources.clients import read as clients
from stackscope.sources.containerd import read as containerd
from stackscope.sources.docker import read as docker
from stackscope.sources.proc import read as proc
from stackscope.wire.containerd import (
    containers_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    namespaces_pb2,
    runc_options_pb2,
    snapshots_pb2,
    tasks_pb2,
    types_pb2,
)
from tests.mutations import mutated

HERE = Path(__file__).parent
ORIGIN = Origin(witness="w", call="c")
PROC = {path.name: path.read_bytes() for path in (HERE / "proc" / "samples").iterdir() if path.suffix != ".md"}
DOCKER = {path.stem: path.read_bytes() for path in (HERE / "docker" / "samples").glob("*.json")}
CONTAINERD = {path.stem: path.read_bytes() for path in (HERE / "containerd" / "samples").glob("*.binpb")}


def kept(fact: Fact) -> None:
    """A fact can be written into a capture and read from it."""
    again = msgspec.json.decode(msgspec.json.encode(fact), type=type(fact))
    assert again == fact


def bytes_like(*samples: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(mutated(*samples), st.binary(max_size=200))


# /proc


@given(bytes_like(PROC["stat-shim"]))
def test_stat(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        msgspec.json.encode(proc.parse_stat(raw))


@given(bytes_like(PROC["cmdline-shim"]))
def test_cmdline(raw: bytes) -> None:
    msgspec.json.encode(proc.parse_cmdline(raw))


@given(bytes_like(PROC["cgroup-hybrid"]))
def test_cgroup(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        msgspec.json.encode(proc.parse_cgroup(raw))


@given(bytes_like(PROC["net-unix"]))
def test_net_unix(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        rows = proc.parse_net_unix(raw)
        msgspec.json.encode(rows)
        assert all(row.path.startswith("/") for row in rows)


HEAD, *ROWS = PROC["net-unix"].splitlines(keepends=True)


@given(st.lists(st.one_of(st.binary(max_size=60), mutated(*ROWS)), max_size=5))
def test_no_row_of_net_unix_hides_another(rows: list[bytes]) -> None:
    good = b"0: 00000002 00000000 00010000 0001 01 4711 /run/docker.sock\n"
    raw = HEAD + b"".join(row.removesuffix(b"\n") + b"\n" for row in rows) + good
    assert proc.UnixRow("/run/docker.sock", 4711) in proc.parse_net_unix(raw)


@given(st.one_of(st.text(), st.from_regex(r"[a-z]{0,6}:?\[?-?\d{0,30}\]?", fullmatch=True)))
def test_links(link: str) -> None:
    proc.socket_inode(link)
    with contextlib.suppress(Malformed):
        proc.parse_ns_link(link)


# Docker


SHAPES: dict[str, tuple[Any, Callable[[Any], list[Fact]]]] = {
    "info": (docker.Info, lambda reply: [docker.info(reply, "28.0", "/s", "1.41", ORIGIN)]),
    "containers-json": (
        list[docker.ListedContainer],
        lambda replies: [docker.container(reply, ORIGIN) for reply in replies],
    ),
    "images-json": (list[docker.ListedImage], lambda replies: [docker.image(reply, ORIGIN) for reply in replies]),
    "volumes": (docker.Volumes, lambda reply: [docker.volume(volume, ORIGIN) for volume in reply.volumes or ()]),
    "networks": (list[docker.ListedNetwork], lambda replies: [docker.network(reply, ORIGIN) for reply in replies]),
}

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=5),
                st.sampled_from(
                    ("Id", "ID", "Names", "Labels", "Mounts", "Created", "Driver", "DriverStatus", "NetworkSettings",
                     "Networks", "Volumes", "Name", "Containerd", "Namespaces", "Size", "RepoTags", "Descriptor"),
                ),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@given(data=st.data())
def test_docker(name: str, data: st.DataObject) -> None:
    shape, facts = SHAPES[name]
    body = data.draw(st.one_of(bytes_like(DOCKER[name]), JSON.map(msgspec.json.encode)))
    with contextlib.suppress(Malformed):
        for fact in facts(docker.decode(body, shape)):
            kept(fact)


# containerd


def _containers(reply: Any) -> list[Fact]:
    found: list[Fact] = []
    for entry in reply.containers:
        with contextlib.suppress(Malformed):
            found.append(containerd.container(entry, "n", ORIGIN))
    return found


REPLIES: dict[str, tuple[type[Message], str, Callable[[Any], list[Fact]]]] = {
    "containers": (containers_pb2.ListContainersResponse, "containers-", _containers),
    "tasks": (tasks_pb2.ListTasksResponse, "tasks-", lambda r: [containerd.task(p, "n", ORIGIN) for p in r.tasks]),
    "images": (
        images_pb2.ListImagesResponse,
        "images-",
        lambda r: [containerd.image(i, "n", ORIGIN) for i in r.images],
    ),
    "plugins": (
        introspection_pb2.PluginsResponse,
        "plugins",
        lambda r: [containerd.plugin(p, ORIGIN) for p in r.plugins],
    ),
    "namespaces": (
        namespaces_pb2.ListNamespacesResponse,
        "namespaces",
        lambda r: [containerd.namespace(n, ORIGIN) for n in r.namespaces],
    ),
    "snapshots": (
        snapshots_pb2.ListSnapshotsResponse,
        "snapshots-",
        lambda r: [containerd.snapshot(i, "n", "overlayfs", ORIGIN) for i in r.info],
    ),
    "leases": (leases_pb2.ListResponse, "leases-", lambda r: [containerd.lease(x, "n", ORIGIN, ()) for x in r.leases]),
}


@pytest.mark.parametrize("name", REPLIES)
@given(data=st.data())
def test_containerd(name: str, data: st.DataObject) -> None:
    message, start, facts = REPLIES[name]
    raw = data.draw(bytes_like(*(sample for file, sample in CONTAINERD.items() if file.startswith(start))))
    try:
        reply = message.FromString(raw)
    except DecodeError:
        return  # gRPC says INTERNAL then
    for fact in facts(reply):
        kept(fact)


@given(st.binary(max_size=60))
def test_a_sandbox(raw: bytes) -> None:
    with contextlib.suppress(DecodeError):
        kept(containerd.sandbox(types_pb2.Sandbox.FromString(raw), "n", ORIGIN))


SPECS = tuple(
    entry.spec.value
    for name in ("containers-moby", "containers-default")
    for entry in containers_pb2.ListContainersResponse.FromString(CONTAINERD[name]).containers
)
OPTIONS = runc_options_pb2.Options(root="/run/x", systemd_cgroup=True).SerializeToString()


@given(bytes_like(*SPECS), bytes_like(OPTIONS))
def test_a_spec_and_its_runtime_options(spec: bytes, options: bytes) -> None:
    reply = containers_pb2.Container(id="a")
    reply.spec.value = spec
    reply.runtime.options.type_url = "containerd.runc.v1.Options"
    reply.runtime.options.value = options
    with contextlib.suppress(Malformed):
        kept(containerd.container(reply, "n", ORIGIN))


MANIFEST = (
    b'{"schemaVersion":2,"mediaType":"x","config":{"digest":"sha256:c","size":1,"platform":{"os":"linux"}},'
    b'"layers":[{"digest":"sha256:1","size":2}],"manifests":[{"digest":"sha256:m"}]}'
)


@given(bytes_like(MANIFEST))
def test_a_manifest_and_a_config(blob: bytes) -> None:
    with contextlib.suppress(Malformed):
        manifest = containerd.manifest(blob)
        msgspec.json.encode(containerd.platform_manifest("sha256:x", manifest, "linux/amd64"))
    with contextlib.suppress(Malformed):
        containerd.config_platform(blob)


# Clients


@pytest.mark.parametrize(
    ("parse", "sample"),
    [
        (clients.nerdctl_toml, b'address = "/run/x"\nnamespace = "k8s.io"\ndebug = true\nn = [1, 2]\nd = 2020-01-01\n'),
        (clients.docker_config, b'{"auths": {"r": {"auth": "eA=="}}, "currentContext": "build"}'),
        (clients.docker_context, b'{"Name":"b","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://a:b@c"}}}'),
    ],
)
@given(data=st.data())
def test_client_files(parse: Callable[[bytes], dict[str, str]], sample: bytes, data: st.DataObject) -> None:
    with contextlib.suppress(Malformed):
        settings = parse(data.draw(bytes_like(sample)))
        assert all(isinstance(value, str) for value in settings.values())
        msgspec.json.encode(settings)
