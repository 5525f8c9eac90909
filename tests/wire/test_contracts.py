"""The wire contracts against bytes put together by hand, and against themselves."""

import ast
import importlib
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.unknown_fields import UnknownFieldSet

from stackscope.wire import _contracts
from stackscope.wire.containerd import (
    containers_pb2,
    content_pb2,
    events_pb2,
    images_pb2,
    introspection_pb2,
    leases_pb2,
    runc_options_pb2,
    sandbox_pb2,
    snapshots_pb2,
    task_types_pb2,
    tasks_pb2,
    types_pb2,
)

ROOT = Path(__file__).parents[2]
OURS = sorted(name for name in _contracts.files() if name.startswith("containerd/"))

# Everything that stackscope can call. A method that changes a host has no business here.
METHODS = {
    "containerd.services.containers.v1.Containers": {"Get", "List", "ListStream"},
    "containerd.services.content.v1.Content": {"Info", "List", "ListStatuses", "Read", "Status"},
    "containerd.services.events.v1.Events": {"Subscribe"},
    "containerd.services.images.v1.Images": {"Get", "List"},
    "containerd.services.introspection.v1.Introspection": {"Plugins", "Server"},
    "containerd.services.leases.v1.Leases": {"List", "ListResources"},
    "containerd.services.namespaces.v1.Namespaces": {"Get", "List"},
    "containerd.services.sandbox.v1.Store": {"Get", "List"},
    "containerd.services.snapshots.v1.Snapshots": {"List", "Mounts", "Stat", "Usage"},
    "containerd.services.tasks.v1.Tasks": {"Get", "List", "ListPids", "Metrics"},
    "containerd.services.version.v1.Version": {"Version"},
}
STREAMS = {
    "/containerd.services.containers.v1.Containers/ListStream",
    "/containerd.services.content.v1.Content/List",
    "/containerd.services.content.v1.Content/Read",
    "/containerd.services.events.v1.Events/Subscribe",
    "/containerd.services.snapshots.v1.Snapshots/List",
}


# Protobuf's encoding by hand, so that the contracts are not checked with the contracts.


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def chunk(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def entry(field: int, key: str, value: bytes | str) -> bytes:
    return chunk(field, chunk(1, key) + chunk(2, value))


WHEN = number(1, 1_700_000_000) + number(2, 500_000_000)
WHEN_AS_DATETIME = datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


def messages(name: str) -> Iterator[Descriptor]:
    waiting = list(_contracts.file(name).message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        # A map's entries are messages on the wire only.
        waiting += [nested for nested in message.nested_types if not nested.GetOptions().map_entry]
        yield message


def test_methods_are_exactly_the_ones_that_read() -> None:
    declared = {
        service.full_name: set(service.methods_by_name)
        for name in OURS
        for service in _contracts.file(name).services_by_name.values()
    }
    assert declared == METHODS


def test_method_knows_path_classes_and_streaming() -> None:
    found = _contracts.method("containerd.services.images.v1.Images", "List")

    assert found == _contracts.Method(
        path="/containerd.services.images.v1.Images/List",
        request=images_pb2.ListImagesRequest,
        response=images_pb2.ListImagesResponse,
        server_streaming=False,
    )


def test_method_streams_where_containerd_does() -> None:
    methods = [_contracts.method(service, name) for service in METHODS for name in METHODS[service]]

    assert {method.path for method in methods if method.server_streaming} == STREAMS


def test_method_with_a_google_type_as_request() -> None:
    request = _contracts.method("containerd.services.version.v1.Version", "Version").request

    assert request.DESCRIPTOR.full_name == "google.protobuf.Empty"
    assert request().SerializeToString() == b""


def test_subscribe_answers_with_the_class_of_the_types_module() -> None:
    found = _contracts.method("containerd.services.events.v1.Events", "Subscribe")

    assert found.request is events_pb2.SubscribeRequest
    assert found.response is types_pb2.Envelope


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("containerd.services.images.v1.Images", "Delete"),
        ("containerd.services.diff.v1.Diff", "Diff"),
    ],
)
def test_method_that_is_not_in_the_contracts(service: str, name: str) -> None:
    with pytest.raises(LookupError):
        _contracts.method(service, name)


def test_image_from_bytes() -> None:
    target = (
        chunk(1, "application/vnd.oci.image.index.v1+json")
        + chunk(2, "sha256:" + "ab" * 32)
        + number(3, 5_000_000_000)
        + entry(5, "k", "v")
    )
    image = chunk(1, "docker.io/library/web:1") + entry(2, "a.b/c", "d") + chunk(3, target)
    data = chunk(1, image + chunk(7, WHEN) + chunk(8, b"")) + chunk(1, chunk(1, "second"))

    first, second = images_pb2.ListImagesResponse.FromString(data).images

    assert first.name == "docker.io/library/web:1"
    assert dict(first.labels) == {"a.b/c": "d"}
    assert first.target.media_type == "application/vnd.oci.image.index.v1+json"
    assert first.target.digest == "sha256:" + "ab" * 32
    assert first.target.size == 5_000_000_000
    assert dict(first.target.annotations) == {"k": "v"}
    assert first.created_at.ToDatetime(UTC) == WHEN_AS_DATETIME
    assert first.HasField("updated_at")
    assert second.name == "second"
    assert not second.HasField("created_at")


def test_container_from_bytes() -> None:
    options = chunk(1, "containerd.runc.v1.Options") + chunk(2, chunk(6, "crun") + number(9, 1))
    spec = chunk(1, "types.containerd.io/opencontainers/runtime-spec/1/Spec") + chunk(2, b"{}")
    data = chunk(
        1,
        chunk(1, "c" * 64)
        + entry(2, "io.cri-containerd.kind", "sandbox")
        + chunk(3, "web:1")
        + chunk(4, chunk(1, "io.containerd.runc.v2") + chunk(2, options))
        + chunk(5, spec)
        + chunk(6, "overlayfs")
        + chunk(7, "key")
        + chunk(8, WHEN)
        + chunk(9, WHEN)
        + entry(10, "ext", spec)
        + chunk(11, "pod"),
    )

    container = containers_pb2.ListContainerMessage.FromString(data).container
    runc = runc_options_pb2.Options.FromString(container.runtime.options.value)

    assert container.id == "c" * 64
    assert dict(container.labels) == {"io.cri-containerd.kind": "sandbox"}
    assert container.image == "web:1"
    assert container.runtime.name == "io.containerd.runc.v2"
    assert container.runtime.options.type_url == "containerd.runc.v1.Options"
    assert (runc.binary_name, runc.systemd_cgroup) == ("crun", True)
    assert container.spec.value == b"{}"
    assert (container.snapshotter, container.snapshot_key) == ("overlayfs", "key")
    assert container.updated_at.seconds == 1_700_000_000
    assert container.extensions["ext"].value == b"{}"
    assert container.sandbox == "pod"


def test_task_from_bytes() -> None:
    process = chunk(2, "web") + number(3, 4242) + number(4, 3) + number(9, 137) + chunk(10, WHEN)

    (task,) = tasks_pb2.ListTasksResponse.FromString(chunk(1, process)).tasks

    assert (task.container_id, task.id, task.pid) == ("", "web", 4242)
    assert task.status == task_types_pb2.STOPPED
    assert task_types_pb2.Status.Name(task.status) == "STOPPED"
    assert task.exit_status == 137
    assert task.exited_at.nanos == 500_000_000


def test_what_is_left_out_is_still_seen_as_unknown() -> None:
    data = number(3, 4242) + chunk(5, "/in") + number(8, 1)

    process = task_types_pb2.Process.FromString(data)

    assert {field.field_number for field in UnknownFieldSet(process)} == {5, 8}


def test_snapshot_from_bytes() -> None:
    data = chunk(1, chunk(1, "k") + chunk(2, "parent") + number(3, 2) + entry(6, "l", "v"))

    (info,) = snapshots_pb2.ListSnapshotsResponse.FromString(data).info

    assert (info.name, info.parent, info.kind) == ("k", "parent", snapshots_pb2.ACTIVE)
    assert dict(info.labels) == {"l": "v"}


def test_content_and_ingest_from_bytes() -> None:
    info = content_pb2.Info.FromString(chunk(1, "sha256:1") + number(2, 7) + entry(5, "l", "v"))
    ingest = content_pb2.Status.FromString(
        chunk(1, WHEN) + chunk(3, "ref") + number(4, 10) + number(5, 20) + chunk(6, "sha256:2")
    )

    assert (info.digest, info.size, dict(info.labels)) == ("sha256:1", 7, {"l": "v"})
    assert (ingest.ref, ingest.offset, ingest.total) == ("ref", 10, 20)
    assert ingest.expected == "sha256:2"


def test_plugin_and_server_from_bytes() -> None:
    platform = chunk(1, "linux") + chunk(2, "arm64") + chunk(3, "v8") + chunk(4, "10")
    failed = number(1, 2) + chunk(2, "skip plugin")
    plugin = introspection_pb2.Plugin.FromString(
        chunk(1, "io.containerd.snapshotter.v1")
        + chunk(2, "zfs")
        + chunk(3, "*")
        + chunk(4, platform)
        + entry(5, "root", "/var/lib/containerd")
        + chunk(6, "remap-ids")
        + chunk(7, failed)
    )
    server = introspection_pb2.ServerResponse.FromString(
        chunk(1, "u-u-i-d")
        + number(2, 12)
        + number(3, 4026531836)
        + chunk(4, chunk(1, "io.containerd.deprecation/x") + chunk(2, "m") + chunk(3, WHEN))
    )

    assert (plugin.type, plugin.id) == ("io.containerd.snapshotter.v1", "zfs")
    assert list(plugin.requires) == ["*"]
    assert (plugin.platforms[0].variant, plugin.platforms[0].os_version) == ("v8", "10")
    assert dict(plugin.exports) == {"root": "/var/lib/containerd"}
    assert list(plugin.capabilities) == ["remap-ids"]
    assert (plugin.init_err.code, plugin.init_err.message) == (2, "skip plugin")
    assert (server.uuid, server.pid, server.pidns) == ("u-u-i-d", 12, 4026531836)
    assert server.deprecations[0].last_occurrence.seconds == 1_700_000_000


def test_lease_sandbox_and_event_from_bytes() -> None:
    lease = leases_pb2.Lease.FromString(chunk(1, "l") + chunk(2, WHEN) + entry(3, "k", "v"))
    resource = leases_pb2.Resource.FromString(chunk(1, "key") + chunk(2, "snapshots/overlayfs"))
    sandbox = sandbox_pb2.StoreGetResponse.FromString(
        chunk(1, chunk(1, "pod") + chunk(2, chunk(1, "runc")) + chunk(10, "podsandbox"))
    ).sandbox
    event = types_pb2.Envelope.FromString(
        chunk(1, WHEN) + chunk(2, "moby") + chunk(3, "/tasks/exit") + chunk(4, chunk(1, "url"))
    )

    assert (lease.id, dict(lease.labels)) == ("l", {"k": "v"})
    assert (resource.id, resource.type) == ("key", "snapshots/overlayfs")
    assert (sandbox.sandbox_id, sandbox.runtime.name) == ("pod", "runc")
    assert sandbox.sandboxer == "podsandbox"
    assert (event.namespace, event.topic, event.event.type_url) == ("moby", "/tasks/exit", "url")


@pytest.mark.parametrize("name", OURS)
def test_every_message_is_made_and_round_trips(name: str) -> None:
    for descriptor in messages(name):
        made = _contracts.message(descriptor.full_name)
        # Field 500 is nobody's: it has to survive as an unknown one.
        data = number(500, 1)
        assert made.FromString(data).SerializeToString() == data
        assert _contracts.message(descriptor.full_name) is made


@pytest.mark.parametrize("name", OURS)
def test_stub_and_module_say_the_same(name: str) -> None:
    module = importlib.import_module("stackscope.wire." + name.removesuffix(".proto").replace("/", ".") + "_pb2")
    stub = ast.parse(Path(module.__file__ or "").with_suffix(".pyi").read_text("utf-8"))

    for statement in stub.body:
        match statement:
            case ast.ClassDef(name=claimed, body=body):
                found = getattr(module, claimed)
                names = {
                    inner.target.id
                    for inner in body
                    if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name)
                }
                if isinstance(found, EnumTypeWrapper):
                    assert names == set(found.keys())
                else:
                    fields = set(found.DESCRIPTOR.fields_by_name)
                    assert names == fields | {f"{field.upper()}_FIELD_NUMBER" for field in fields}
            case ast.AnnAssign(target=ast.Name(id="DESCRIPTOR")):
                assert module.DESCRIPTOR.name == name
            case ast.AnnAssign(target=ast.Name(id=value), annotation=ast.Name(id=enum)):
                assert getattr(module, value) == getattr(module, enum).Value(value)
            case _:
                assert isinstance(statement, ast.Import | ast.ImportFrom)


def test_omitted_names_real_messages_and_numbers_that_are_reserved() -> None:
    omitted = tomllib.loads((ROOT / "protos" / "omitted.toml").read_text("utf-8"))
    reserved = {}
    for name in OURS:
        declared = FileDescriptorProto.FromString(_contracts.file(name).serialized_pb)
        for message in declared.message_type:
            assert not any(nested.reserved_range for nested in message.nested_type)
            numbers = {n for r in message.reserved_range for n in range(r.start, r.end)}
            if numbers:
                reserved[f"{declared.package}.{message.name}"] = numbers

    # protoc refuses a field with a reserved number, so equality says both: each number is left
    # out, and each message that leaves something out is listed.
    assert {name: set(table["fields"]) for name, table in omitted.items()} == reserved
    assert all(table["because"].strip() for table in omitted.values())
    assert all(table.keys() == {"fields", "because"} for table in omitted.values())


def test_omitted_numbers_are_not_declared() -> None:
    omitted = tomllib.loads((ROOT / "protos" / "omitted.toml").read_text("utf-8"))
    for name, table in omitted.items():
        declared = set(_contracts.message(name).DESCRIPTOR.fields_by_number)
        assert not declared & set(table["fields"])


def run_in_fresh_python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


REGISTER_OTHERS = """
    from google.protobuf import descriptor_pb2, descriptor_pool

    other = descriptor_pb2.FileDescriptorProto(
        name="containerd/images.proto", package="containerd.services.images.v1"
    )
    image = other.message_type.add(name="Image")
    image.field.add(name="quite_different", number=1, type=5, label=1)
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
"""
USE_OURS = """
    from stackscope.wire.containerd import images_pb2

    print(images_pb2.Image.FromString(bytes([10, 1, 97])).name)
"""


@pytest.mark.parametrize("program", [REGISTER_OTHERS + USE_OURS, USE_OURS + REGISTER_OTHERS], ids=["before", "after"])
def test_other_packages_may_register_the_same_names(program: str) -> None:
    assert run_in_fresh_python(program) == "a"


def test_nothing_of_ours_is_in_the_default_pool() -> None:
    program = """
        from google.protobuf import descriptor_pool
        from stackscope.wire.containerd import images_pb2

        try:
            descriptor_pool.Default().FindMessageTypeByName(images_pb2.Image.DESCRIPTOR.full_name)
        except KeyError:
            print("absent")
    """
    assert run_in_fresh_python(program) == "absent"


def test_threads_that_load_at_once_get_the_same_classes() -> None:
    program = """
        import sys, threading
        from stackscope.wire import _contracts

        sys.setswitchinterval(1e-6)
        ready = threading.Barrier(8)
        seen = []

        def load():
            ready.wait()
            method = _contracts.method("containerd.services.images.v1.Images", "List")
            seen.append((method.request, method.response))

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(seen), len(set(seen)))
    """
    assert run_in_fresh_python(program) == "8 1"


def test_copy_that_was_not_built_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contracts, "_FILE", "absent.binpb")

    with pytest.raises(ImportError, match="pip install -e"):
        _contracts.files()
