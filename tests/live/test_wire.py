"""What containerd 1.6 and 2.1 really send: every field is declared in protos/, or left out there with a reason."""

import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from stackscope.errors import CannotReach
from stackscope.facts import Gap, Why
from stackscope.facts.needs import EVERYTHING
from stackscope.sources import endpoint
from stackscope.sources.addresses import Api, Candidate
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach, Root
from stackscope.transports.grpc_channel import CallFailed, GrpcChannel
from stackscope.wire import _contracts
from tests.live.sid import CONTAINERD_SOCKET
from tests.live.sid_root import BUILD_LIMIT
from tests.live.sid_staged import Staged
from tests.live.standard_host import StandardHost

pytestmark = pytest.mark.timeout(BUILD_LIMIT + 60)

OMITTED = Path(__file__).parents[2] / "protos" / "omitted.toml"
SECONDS = 20.0
STORE = "containerd.services.sandbox.v1.Store"
UUID = "io.containerd.grpc.v1.introspection/uuid"

Unknown = set[tuple[str, int]]
"""Full name of a message, and the number of a field in it."""


class Asked:
    """Raw calls to one containerd. Every reply is kept, with what it has that the contracts do not."""

    def __init__(self, channel: GrpcChannel) -> None:
        self._channel = channel
        self.unknown: Unknown = set()
        self.known: set[str] = set()
        """Full names of all messages that came, also of those inside others and inside Any."""

    def call(self, service: str, name: str, namespace: str | None = None, **fields: object) -> list[Message]:
        full = f"containerd.services.{service}"
        method = _contracts.method(full, name)
        request = method.request(**fields)
        if method.server_streaming:
            replies = list(self._channel.stream(method.path, request, method.response, namespace))
        else:
            replies = [self._channel.call(method.path, request, method.response, namespace)]
        for reply in replies:
            for message in every(reply):
                self.known.add(message.DESCRIPTOR.full_name)
                self.unknown |= {(message.DESCRIPTOR.full_name, f.field_number) for f in UnknownFieldSet(message)}
        return replies


def every(message: Message) -> Iterator[Message]:
    """The message, all those in it, and those in an Any whose type the contracts have."""
    yield message
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        try:
            kind = _contracts.message(message.type_url.rpartition("/")[2])
        except LookupError:
            return
        yield from every(kind.FromString(message.value))
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = list(value.values()) if field.message_type.fields_by_name["value"].message_type else []
        else:
            inner = list(value) if field.is_repeated else [value]
        for each in inner:
            yield from every(each)


@contextmanager
def containerd(root: Root, path: str) -> Iterator[Asked]:
    with Reach(root, path) as reach, closing(GrpcChannel(reach, Budget(SECONDS))) as channel:
        yield Asked(channel)


def ask_everything(asked: Asked, root: Root) -> None:
    asked.call("version.v1.Version", "Version")
    (plugins,) = asked.call("introspection.v1.Introspection", "Plugins")
    (database,) = [p.exports["path"] for p in plugins.plugins if p.type == "io.containerd.metadata.v1"]
    # On a fresh containerd this call would write the file.
    if exists(root, str(Path(database).parents[1] / UUID)):
        asked.call("introspection.v1.Introspection", "Server")
    snapshotters = [
        p.id for p in plugins.plugins if p.type == "io.containerd.snapshotter.v1" and not p.init_err.message
    ]
    (namespaces,) = asked.call("namespaces.v1.Namespaces", "List")
    for namespace in sorted(each.name for each in namespaces.namespaces):
        ask_namespace(asked, namespace, snapshotters)


def ask_namespace(asked: Asked, namespace: str, snapshotters: list[str]) -> None:
    (containers,) = asked.call("containers.v1.Containers", "List", namespace)
    for container in containers.containers[:1]:
        asked.call("containers.v1.Containers", "Get", namespace, id=container.id)
    asked.call("containers.v1.Containers", "ListStream", namespace)
    (tasks,) = asked.call("tasks.v1.Tasks", "List", namespace)
    for task in tasks.tasks:
        asked.call("tasks.v1.Tasks", "Get", namespace, container_id=task.id)
        asked.call("tasks.v1.Tasks", "ListPids", namespace, container_id=task.id)
    asked.call("tasks.v1.Tasks", "Metrics", namespace)
    asked.call("images.v1.Images", "List", namespace)
    for snapshotter in snapshotters:
        for part in asked.call("snapshots.v1.Snapshots", "List", namespace, snapshotter=snapshotter):
            for info in part.info:
                keyed = {"snapshotter": snapshotter, "key": info.name}
                asked.call("snapshots.v1.Snapshots", "Stat", namespace, **keyed)
                asked.call("snapshots.v1.Snapshots", "Usage", namespace, **keyed)
    (leases,) = asked.call("leases.v1.Leases", "List", namespace)
    for lease in leases.leases:
        asked.call("leases.v1.Leases", "ListResources", namespace, id=lease.id)
    for part in asked.call("content.v1.Content", "List", namespace):
        for blob in part.info:
            asked.call("content.v1.Content", "Info", namespace, digest=blob.digest)
            asked.call("content.v1.Content", "Read", namespace, digest=blob.digest)
    asked.call("content.v1.Content", "ListStatuses", namespace)


def exists(root: Root, path: str) -> bool:
    try:
        root.read(path, 4096)
    except FileNotFoundError:
        return False
    return True


def omitted() -> Unknown:
    tables = tomllib.loads(OMITTED.read_text())
    return {(message, number) for message, table in tables.items() for number in table["fields"]}


SEEN = {
    "containerd.runc.v1.Options",
    "containerd.services.containers.v1.Container",
    "containerd.services.content.v1.Info",
    "containerd.services.images.v1.Image",
    "containerd.services.introspection.v1.Plugin",
    "containerd.services.leases.v1.Lease",
    "containerd.services.namespaces.v1.Namespace",
    "containerd.services.snapshots.v1.Info",
    "containerd.types.Descriptor",
    "containerd.types.Platform",
    "containerd.v1.types.Process",
    "containerd.v1.types.ProcessInfo",
    "google.protobuf.Timestamp",
    "google.rpc.Status",
}
"""Messages that must have come, or else nothing was walked."""


def test_containerd_1_6_sends_nothing_that_is_not_declared(host: StandardHost) -> None:
    root = Root()
    with containerd(root, str(host.containerd.address)) as asked:
        ask_everything(asked, root)
    assert asked.unknown <= omitted()
    assert asked.known >= SEEN


def test_containerd_2_1_sends_nothing_that_is_not_declared(sid: Staged) -> None:
    root = Root(str(sid.host.root))
    with containerd(root, CONTAINERD_SOCKET) as asked:
        ask_everything(asked, root)
        for namespace in ("default", "moby"):
            asked.call("sandbox.v1.Store", "List", namespace)
    assert asked.unknown <= omitted()
    assert asked.known >= SEEN | {"containerd.services.leases.v1.Resource"}


def test_containerd_1_6_has_no_sandbox_store_and_the_gap_says_since_when_there_is_one(host: StandardHost) -> None:
    path = str(host.containerd.address)
    with containerd(Root(), path) as asked, pytest.raises(CallFailed, match=f"unknown service {STORE}") as failed:
        asked.call("sandbox.v1.Store", "List", "default")
    assert failed.value.why is Why.UNSUPPORTED

    candidate = Candidate(path=path, named=path, api=Api.CONTAINERD, named_by=["test"])
    found = endpoint.look(candidate, Root(), Budget(SECONDS), EVERYTHING)
    (gap,) = [item for item in found if isinstance(item, Gap)]
    assert gap.why is Why.UNSUPPORTED
    assert gap.subject == f"containerd:{path}"
    assert "containerd 1.7" in gap.detail


def test_a_socket_that_is_not_there_cannot_be_reached(sid: Staged) -> None:
    with pytest.raises(CannotReach) as failed:
        Reach(Root(str(sid.host.root)), "/run/containerd/containerd.sock")
    assert failed.value.reason == "absent", "dockerd started a containerd of its own because there is no other"
