"""containerd asked over gRPC: a server that answers what a real one answered, or what a test says."""

import contextlib
from collections.abc import Iterator, Mapping
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from stackscope.facts import Fact, Gap, Listing, Why
from stackscope.facts.container import ContainerdContainer, Task
from stackscope.facts.daemon import ContainerdInfo
from stackscope.facts.image import ContainerdImage
from stackscope.facts.needs import Needs
from stackscope.sources.containerd import client
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach, Root
from stackscope.transports.grpc_channel import GrpcChannel
from stackscope.wire.containerd import containers_pb2, namespaces_pb2, task_types_pb2, tasks_pb2

SAMPLES = Path(__file__).parent / "samples"
RECORDED = {
    "version.v1.Version/Version": "version",
    "introspection.v1.Introspection/Plugins": "plugins",
    "namespaces.v1.Namespaces/List": "namespaces",
    "containers.v1.Containers/List": "containers",
    "tasks.v1.Tasks/List": "tasks",
    "images.v1.Images/List": "images",
    "leases.v1.Leases/List": "leases",
}
EMPTY = (
    "containers.v1.Containers/List",
    "tasks.v1.Tasks/List",
    "images.v1.Images/List",
    "leases.v1.Leases/List",
    "leases.v1.Leases/ListResources",
)
"""What a namespace without a recording answers: nothing."""

Answer = bytes | grpc.StatusCode | list[bytes]
"""A reply, a failure, or the replies of a stream."""


class Replay(grpc.GenericRpcHandler):
    """`answers` maps `METHOD` or `METHOD namespace` to an answer; what it lacks is answered as recorded."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method.removeprefix("/containerd.services.")
        namespace = dict(details.invocation_metadata).get("containerd-namespace", "")
        answer = self._answer(method, namespace)
        if isinstance(answer, list):
            replies = answer
            return grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(replies))

        def reply(_request: bytes, context: grpc.ServicerContext) -> bytes:
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, "said so")
            return answer

        return None if answer is None else grpc.unary_unary_rpc_method_handler(reply)

    def _answer(self, method: str, namespace: str) -> Answer | None:
        for key in (f"{method} {namespace}", method):
            if key in self._answers:
                return self._answers[key]
        file = SAMPLES / f"{RECORDED.get(method, '')}{f'-{namespace}' if namespace else ''}.binpb"
        if method in RECORDED and file.is_file():
            return file.read_bytes()
        return b"" if method in EMPTY else None


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    found = Root(str(tmp_path))
    yield found
    found.close()


@contextlib.contextmanager
def containerd(tmp_path: Path, answers: Mapping[str, Answer]) -> Iterator[None]:
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(Replay(answers),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


def ask(
    root: Root, tmp_path: Path, answers: Mapping[str, Answer] | None = None, needs: Needs = Needs.CONTAINERS
) -> list[Fact | Gap]:
    with containerd(tmp_path, answers or {}), Reach(root, "/s") as reach:
        budget = Budget(5)
        channel = GrpcChannel(reach, budget)
        try:
            return list(client.ask("/run/containerd/containerd.sock", channel, budget, needs, root))
        finally:
            channel.close()


def gaps(found: list[Fact | Gap]) -> list[tuple[Why, str]]:
    return [(item.why, item.detail) for item in found if isinstance(item, Gap)]


def listings(found: list[Fact | Gap], what: str) -> dict[str, int]:
    return {fact.namespace: fact.count for fact in found if isinstance(fact, Listing) and fact.what == what}


# containerd 1.6 has no sandboxes, and where the root cannot be seen its uuid is not asked for.
USUAL_GAPS = {Why.UNSUPPORTED, Why.NOT_ASKED}


def test_a_real_containerd_replayed(root: Root, tmp_path: Path) -> None:
    found = ask(root, tmp_path, needs=Needs.CONTAINERS | Needs.IMAGES | Needs.LEASES)
    (info,) = [fact for fact in found if isinstance(fact, ContainerdInfo)]
    assert (info.version, info.root, info.uuid) == ("1.6.20~ds1", "/tmp/sl-a8ea17d1/containerd/root", "")
    assert listings(found, "containers") == {"default": 3, "empty-one": 0, "k8s.io": 1, "moby": 1}
    assert listings(found, "tasks") == {"default": 2, "empty-one": 0, "k8s.io": 0, "moby": 5}
    assert listings(found, "images") == {"default": 2, "empty-one": 0, "k8s.io": 4, "moby": 0}
    assert listings(found, "leases") == {"default": 1, "empty-one": 0, "k8s.io": 0, "moby": 0}
    assert {why for why, _ in gaps(found)} <= USUAL_GAPS
    (name, *_) = [fact for fact in found if isinstance(fact, ContainerdImage)]
    assert name.origin.witness == "containerd:/run/containerd/containerd.sock"
    assert name.origin.command == "ctr -a /run/containerd/containerd.sock -n default images ls"


def test_a_service_that_an_old_release_lacks_is_one_gap(root: Root, tmp_path: Path) -> None:
    unsupported = [detail for why, detail in gaps(ask(root, tmp_path)) if why is Why.UNSUPPORTED]
    assert len(unsupported) == 1
    assert "sandbox.v1.Store came with containerd 1.7" in unsupported[0]


def test_a_list_that_failed_is_a_gap_and_no_listing(root: Root, tmp_path: Path) -> None:
    found = ask(root, tmp_path, {"containers.v1.Containers/List default": grpc.StatusCode.PERMISSION_DENIED})
    assert (Why.DENIED, "Containers.List namespace=default: said so") in gaps(found)
    assert listings(found, "containers") == {"empty-one": 0, "k8s.io": 1, "moby": 1}
    assert listings(found, "tasks") == {"default": 2, "empty-one": 0, "k8s.io": 0, "moby": 5}


def test_a_list_of_namespaces_that_failed_leaves_the_daemon(root: Root, tmp_path: Path) -> None:
    found = ask(root, tmp_path, {"namespaces.v1.Namespaces/List": grpc.StatusCode.UNKNOWN})
    assert any(isinstance(fact, ContainerdInfo) for fact in found)
    assert listings(found, "namespaces") == {}
    assert listings(found, "containers") == {}


def test_one_malformed_spec_is_a_gap_and_no_listing_and_the_others_stay(root: Root, tmp_path: Path) -> None:
    reply = containers_pb2.ListContainersResponse()
    reply.containers.add(id="good")
    reply.containers.add(id="bad").spec.value = b"no JSON"
    reply.containers.add(id="fine")
    found = ask(root, tmp_path, {"containers.v1.Containers/List default": reply.SerializeToString()})
    default = [f.id for f in found if isinstance(f, ContainerdContainer) and f.namespace == "default"]
    assert default == ["good", "fine"]
    assert "default" not in listings(found, "containers")
    assert next(detail for why, detail in gaps(found) if why is Why.MALFORMED).startswith("the spec of container bad")


def test_a_list_that_is_too_long_for_a_message_is_streamed(root: Root, tmp_path: Path) -> None:
    parts = []
    for number in range(5):
        part = containers_pb2.ListContainerMessage()
        part.container.id = f"c{number}"
        parts.append(part.SerializeToString())
    answers: dict[str, Answer] = {
        "containers.v1.Containers/List default": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "containers.v1.Containers/ListStream default": parts,
    }
    found = ask(root, tmp_path, answers)
    assert listings(found, "containers")["default"] == 5
    assert Why.LIMIT not in {why for why, _ in gaps(found)}


def test_a_namespace_name_that_may_not_be_sent_is_a_gap(root: Root, tmp_path: Path) -> None:
    reply = namespaces_pb2.ListNamespacesResponse()
    for name in ("default", "évil", "a b"):
        reply.namespaces.add(name=name)
    found = ask(root, tmp_path, {"namespaces.v1.Namespaces/List": reply.SerializeToString()})
    assert listings(found, "containers") == {"default": 3}
    assert len([why for why, _ in gaps(found) if why is Why.MALFORMED]) == 2


def test_a_task_whose_shim_did_not_answer_is_unknown_and_a_gap(root: Root, tmp_path: Path) -> None:
    reply = tasks_pb2.ListTasksResponse()
    reply.tasks.append(task_types_pb2.Process(id="hung"))
    reply.tasks.append(task_types_pb2.Process(id="well", pid=7, status=2))
    found = ask(root, tmp_path, {"tasks.v1.Tasks/List default": reply.SerializeToString()})
    tasks = {f.id: (f.status, f.pid) for f in found if isinstance(f, Task) and f.namespace == "default"}
    assert tasks == {"hung": ("unknown", 0), "well": ("running", 7)}
    (gap,) = [item for item in found if isinstance(item, Gap) and item.why is Why.TIMEOUT]
    assert gap.subject == "task|containerd:/run/containerd/containerd.sock|default/hung"
