"""gRPC with servers that speak something else, or nothing."""

import contextlib
import logging
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from stackscope.errors import LimitHit
from stackscope.facts import Why
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Reach, Root
from stackscope.transports.grpc_channel import CallFailed, GrpcChannel
from stackscope.wire import message
from stackscope.wire.containerd import namespaces_pb2, version_pb2
from tests.transports.servers import Talk, drips, floods, http, says, says_nothing, serving

VERSION = "/containerd.services.version.v1.Version/Version"
LIST = "/containerd.services.namespaces.v1.Namespaces/List"
EMPTY = message("google.protobuf.Empty")
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


@contextlib.contextmanager
def channel(tmp_path: Path, seconds: float = 2.0, max_bytes: int = 1 << 20) -> Iterator[GrpcChannel]:
    root = Root(str(tmp_path))
    with Reach(root, "/s") as reach:
        found = GrpcChannel(reach, Budget(seconds, max_bytes))
        yield found
        found.close()
    root.close()


def failure(tmp_path: Path, talk: Talk, seconds: float = 2.0) -> CallFailed:
    with (
        serving(tmp_path / "s", talk),
        channel(tmp_path, seconds) as asked,
        pytest.raises(CallFailed) as caught,
    ):
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    assert caught.value.path == VERSION
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        http(b"page not found\n", "404 Not Found"),
        http(b"", "400 Bad Request", "Connection: close"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\xff\xfe\xfdgarbage" * 100,
        b"",
    ],
    ids=["http 404", "http 400", "ssh", "garbage", "closes"],
)
def test_what_speaks_no_grpc_is_malformed(tmp_path: Path, answer: bytes) -> None:
    assert failure(tmp_path, says(answer)).why is Why.MALFORMED


@pytest.mark.parametrize(
    "talk",
    [says_nothing, drips(b"", b"\0"), drips(SETTINGS, b""), drips(SETTINGS, SETTINGS)],
    ids=["nothing", "drips", "settings alone", "settings again and again"],
)
def test_a_server_that_does_not_answer_costs_the_budget(tmp_path: Path, talk: Talk) -> None:
    started = time.monotonic()
    assert failure(tmp_path, talk, seconds=0.4).why is Why.TIMEOUT
    assert time.monotonic() - started < 4


def test_a_flood_of_garbage_ends(tmp_path: Path) -> None:
    assert failure(tmp_path, floods(b"", b"\xff" * 65536)).why is Why.MALFORMED


def test_nothing_is_asked_when_the_time_is_over(tmp_path: Path) -> None:
    with serving(tmp_path / "s", says_nothing), channel(tmp_path, seconds=0.01) as asked:
        time.sleep(0.02)
        with pytest.raises(OutOfTime):
            asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)


class Server(grpc.GenericRpcHandler):
    """Answers VERSION with bytes or a status, and streams LIST's reply without end."""

    def __init__(self, answer: bytes | grpc.StatusCode) -> None:
        self.answer = answer
        self.metadata: list[tuple[str, str]] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        self.metadata += [(str(key), str(value)) for key, value in details.invocation_metadata]
        if details.method == VERSION:
            return grpc.unary_unary_rpc_method_handler(self._answer)
        if details.method == LIST:
            return grpc.unary_stream_rpc_method_handler(self._stream)
        return None

    def _answer(self, _request: bytes, context: grpc.ServicerContext) -> bytes:
        if isinstance(self.answer, grpc.StatusCode):
            context.abort(self.answer, "said so")
        return self.answer

    def _stream(self, _request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        while context.is_active():
            yield self.answer if isinstance(self.answer, bytes) else b""


@contextlib.contextmanager
def real_server(tmp_path: Path, answer: bytes | grpc.StatusCode) -> Iterator[Server]:
    handler = Server(answer)
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(handler,))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    server.start()
    try:
        yield handler
    finally:
        server.stop(None).wait()


GOOD = version_pb2.VersionResponse(version="1.7.0", revision="abc").SerializeToString()


def test_an_answer(tmp_path: Path) -> None:
    with real_server(tmp_path, GOOD) as server, channel(tmp_path) as asked:
        reply = asked.call(VERSION, EMPTY(), version_pb2.VersionResponse, namespace="k8s.io")
    assert reply.version == "1.7.0"
    assert ("containerd-namespace", "k8s.io") in server.metadata


def test_not_found_is_told_from_other_failures(tmp_path: Path) -> None:
    for status, not_found in ((grpc.StatusCode.NOT_FOUND, True), (grpc.StatusCode.UNKNOWN, False)):
        (folder := tmp_path / status.name).mkdir()
        with real_server(folder, status), channel(folder) as asked, pytest.raises(CallFailed) as caught:
            asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
        assert caught.value.not_found is not_found


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (grpc.StatusCode.UNIMPLEMENTED, Why.UNSUPPORTED),
        (grpc.StatusCode.PERMISSION_DENIED, Why.DENIED),
        (grpc.StatusCode.UNAUTHENTICATED, Why.DENIED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Why.LIMIT),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Why.TIMEOUT),
        (grpc.StatusCode.NOT_FOUND, Why.FAILED),
        (grpc.StatusCode.UNKNOWN, Why.FAILED),
        (grpc.StatusCode.INTERNAL, Why.MALFORMED),
    ],
)
def test_a_status_says_what_kind_of_gap_it_leaves(tmp_path: Path, status: grpc.StatusCode, why: Why) -> None:
    with real_server(tmp_path, status), channel(tmp_path) as asked, pytest.raises(CallFailed) as caught:
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    assert caught.value.why is why


def test_an_unknown_service_is_unsupported(tmp_path: Path) -> None:
    with real_server(tmp_path, GOOD), channel(tmp_path) as asked, pytest.raises(CallFailed) as caught:
        asked.call("/containerd.services.none.v1.None/List", EMPTY(), version_pb2.VersionResponse)
    assert caught.value.why is Why.UNSUPPORTED


def test_a_server_that_goes_after_it_answered_has_vanished(tmp_path: Path) -> None:
    with channel_to_a_server_that_goes(tmp_path) as asked, pytest.raises(CallFailed) as caught:
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    assert caught.value.why is Why.VANISHED


@contextlib.contextmanager
def channel_to_a_server_that_goes(tmp_path: Path) -> Iterator[GrpcChannel]:
    with real_server(tmp_path, GOOD):
        opened = channel(tmp_path)
        asked = opened.__enter__()
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    yield asked
    opened.__exit__(None, None, None)


def test_a_reply_that_is_no_such_message_is_malformed_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # As in a program that sets up no logging; pytest does.
    monkeypatch.setattr(logging.root, "handlers", [])
    with real_server(tmp_path, b"\x0a\xff\xff\xff"), channel(tmp_path) as asked, pytest.raises(CallFailed) as caught:
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    assert caught.value.why is Why.MALFORMED
    assert capfd.readouterr().err == ""


def test_calls_side_by_side_keep_their_order(tmp_path: Path) -> None:
    with real_server(tmp_path, GOOD), channel(tmp_path) as asked:
        replies = asked.start_all(VERSION, [(EMPTY(), "a"), (EMPTY(), "b")], version_pb2.VersionResponse).results(1)
        failed = asked.start_all("/none/None", [(EMPTY(), "a")], version_pb2.VersionResponse).results(1)
    assert [reply.version for reply in replies if not isinstance(reply, CallFailed)] == ["1.7.0", "1.7.0"]
    assert [error.why for error in failed if isinstance(error, CallFailed)] == [Why.UNSUPPORTED]


def test_calls_side_by_side_are_given_up_together(tmp_path: Path) -> None:
    with serving(tmp_path / "s", drips(SETTINGS, b"")), channel(tmp_path, seconds=5) as asked:
        started = time.monotonic()
        calls = asked.start_all(VERSION, [(EMPTY(), "a")] * 3, version_pb2.VersionResponse)
        results = calls.results(0.2)
    assert [failed.why for failed in results if isinstance(failed, CallFailed)] == [Why.TIMEOUT] * 3
    assert time.monotonic() - started < 4


def test_a_stream_without_end_hits_the_limit(tmp_path: Path) -> None:
    name = namespaces_pb2.ListNamespacesResponse()
    name.namespaces.add(name="n" * 1000)
    with (
        real_server(tmp_path, name.SerializeToString()),
        channel(tmp_path, max_bytes=100_000) as asked,
        pytest.raises(LimitHit),
    ):
        for _ in asked.stream(LIST, EMPTY(), namespaces_pb2.ListNamespacesResponse):
            pass


def test_a_reply_larger_than_a_message_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackscope.transports.grpc_channel.MAX_MESSAGE", 1000)
    big = version_pb2.VersionResponse(version="v" * 2000).SerializeToString()
    with real_server(tmp_path, big), channel(tmp_path) as asked, pytest.raises(CallFailed) as caught:
        asked.call(VERSION, EMPTY(), version_pb2.VersionResponse)
    assert caught.value.why is Why.LIMIT
