"""gRPC over one reached unix socket, inside one budget. No generated service code: calls are made by path."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

# Its core would print connection errors to our stderr; this must be set before grpc is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf.message import Message

from stackscope.facts import Why
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach

MAX_MESSAGE = 64 << 20
"""Bytes of one message that are accepted; containerd itself sends at most 16 MiB unless configured otherwise."""


Reply = TypeVar("Reply", bound=Message)


class CallFailed(Exception):
    """A call that brought no complete answer. `why` says what kind of gap it leaves; `not_found` that the server
    answered NOT_FOUND."""

    def __init__(self, path: str, why: Why, detail: str, *, not_found: bool = False) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.why = why
        self.detail = detail
        self.not_found = not_found


class Started(Generic[Reply]):
    """Unary calls under way."""

    def __init__(self, calls: list[Any], failed: Callable[[Any], CallFailed], budget: Budget) -> None:
        self._calls = calls
        self._failed = failed
        self._budget = budget
        self._begun = time.monotonic()

    def results(self, seconds: float) -> list[Reply | CallFailed]:
        """Replies and failures in the order of the requests. Those that have not come `seconds` after the start are
        given up. Raises LimitHit or OutOfTime."""
        found: list[Reply | CallFailed] = []
        for call in self._calls:
            left = min(self._begun + seconds - time.monotonic(), self._budget.left())
            try:
                size, answer = call.result(timeout=max(0.0, left))
            except grpc.FutureTimeoutError:
                call.cancel()
                found.append(CallFailed("", Why.TIMEOUT, f"no answer within {seconds:.1f} s"))
            except grpc.RpcError as error:
                found.append(self._failed(error))
            else:
                self._budget.take(size)
                found.append(answer)
        return found


class GrpcChannel:
    """Unary and streaming calls to one endpoint. Every call ends when the endpoint's budget does."""

    def __init__(self, reach: Reach, budget: Budget) -> None:
        self._budget = budget
        self._answered = False
        self._channel = grpc.insecure_channel(
            f"unix:{reach.address}",
            options=(
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.enable_retries", 0),
                # The authority would be the percent-encoded path; Go servers refuse that.
                ("grpc.default_authority", "localhost"),
                # An ordinary HTTP proxy variable must not carry host data away.
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),
            ),
        )

    def call(self, path: str, request: Message, reply: type[Reply], namespace: str | None = None) -> Reply:
        """The reply of a unary call. Raises CallFailed, OutOfTime or LimitHit."""
        stub = self._channel.unary_unary(path, request_serializer=_bytes, response_deserializer=_measured(reply))
        try:
            size, answer = stub(request, timeout=self._budget.left(), metadata=_metadata(namespace))
        except grpc.RpcError as error:
            raise self._failed(path, error) from error
        self._answered = True
        self._budget.take(size)
        found: Reply = answer
        return found

    def start_all(self, path: str, asked: Sequence[tuple[Message, str]], reply: type[Reply]) -> Started[Reply]:
        """Begin unary calls side by side, each a request with its namespace. Raises OutOfTime."""
        stub = self._channel.unary_unary(path, request_serializer=_bytes, response_deserializer=_measured(reply))
        timeout = self._budget.left()
        calls = [stub.future(request, timeout=timeout, metadata=_metadata(name)) for request, name in asked]
        return Started(calls, partial(self._failed, path), self._budget)

    def stream(self, path: str, request: Message, reply: type[Reply], namespace: str | None = None) -> Iterator[Reply]:
        """The replies of a server stream, to its end. Raises CallFailed, OutOfTime or LimitHit."""
        stub = self._channel.unary_stream(path, request_serializer=_bytes, response_deserializer=_measured(reply))
        calls = stub(request, timeout=self._budget.left(), metadata=_metadata(namespace))
        try:
            for size, answer in calls:
                self._answered = True
                self._budget.take(size, entries=1)
                yield answer
        except grpc.RpcError as error:
            raise self._failed(path, error) from error
        finally:
            calls.cancel()

    def close(self) -> None:
        self._channel.close()

    def _failed(self, path: str, error: Any) -> CallFailed:
        code, detail = error.code(), (error.details() or "").strip()
        match code:
            case grpc.StatusCode.DEADLINE_EXCEEDED | grpc.StatusCode.CANCELLED:
                return CallFailed(path, Why.TIMEOUT, f"no complete answer within {self._budget.seconds:g} s")
            case grpc.StatusCode.UNIMPLEMENTED:
                return CallFailed(path, Why.UNSUPPORTED, detail)
            case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.UNAUTHENTICATED:
                return CallFailed(path, Why.DENIED, detail)
            case grpc.StatusCode.RESOURCE_EXHAUSTED:
                return CallFailed(path, Why.LIMIT, detail)
            case grpc.StatusCode.UNAVAILABLE if "Connection refused" in detail:
                # It listened when the plain connect was tried: it ended, or was started again at a new socket file.
                return CallFailed(path, Why.VANISHED, "nobody serves the socket any more")
            case grpc.StatusCode.UNAVAILABLE if not self._answered:
                # The socket took a connection (that was tried first), so what is behind it speaks something else.
                return CallFailed(path, Why.MALFORMED, f"does not speak gRPC: {detail}")
            case grpc.StatusCode.UNAVAILABLE:
                return CallFailed(path, Why.VANISHED, f"the connection ended: {detail}")
            case grpc.StatusCode.INTERNAL:
                return CallFailed(path, Why.MALFORMED, detail)
            case _:
                not_found = code is grpc.StatusCode.NOT_FOUND
                return CallFailed(path, Why.FAILED, f"{code.name}: {detail}", not_found=not_found)


def _measured(reply: type[Reply]) -> Callable[[bytes], tuple[int, Reply]]:
    """A deserializer that keeps the size: asking a message for it afterwards serializes it again."""
    return lambda raw: (len(raw), reply.FromString(raw))


def _bytes(request: Message) -> bytes:
    return request.SerializeToString()


def _metadata(namespace: str | None) -> tuple[tuple[str, str], ...]:
    # Lower case on the wire; the value must be printable ASCII, which containerd's own rules guarantee for names.
    return () if namespace is None else (("containerd-namespace", namespace),)
