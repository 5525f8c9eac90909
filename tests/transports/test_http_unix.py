"""HTTP with servers that do not keep to it, or to anybody's time."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackscope.errors import CannotReach, LimitHit, Malformed
from stackscope.transports import http_unix
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Reach, Root
from stackscope.transports.http_unix import HttpUnix
from tests.transports.servers import Talk, drips, floods, http, says, says_nothing, serving

# The first frame of an HTTP/2 server: SETTINGS, empty.
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


@contextlib.contextmanager
def client(tmp_path: Path, talk: Talk, seconds: float = 2.0, max_bytes: int = 1 << 20) -> Iterator[HttpUnix]:
    root = Root(str(tmp_path))
    with serving(tmp_path / "s", talk), Reach(root, "/s") as reach:
        connection = HttpUnix(reach, Budget(seconds, max_bytes))
        yield connection
        connection.close()
    root.close()


def test_an_answer(tmp_path: Path) -> None:
    with client(tmp_path, says(http(b'{"a":1}', "200 OK", "X-Name: Value"))) as connection:
        status, headers, body = connection.get("/version")
    assert (status, headers["x-name"], body) == (200, "Value", b'{"a":1}')


def test_what_is_asked(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    with serving(tmp_path / "s", says(http(b""))) as asked, Reach(root, "/s") as reach:
        connection = HttpUnix(reach, Budget(2))
        connection.get("/version")
        connection.close()
    root.close()
    assert asked[0].startswith(b"GET /version HTTP/1.1\r\n")
    assert b"Host: localhost\r\n" in asked[0]


def test_two_answers_over_one_connection(tmp_path: Path) -> None:
    def talk(peer: socket.socket, _over: object) -> None:
        peer.sendall(http(b"1"))
        peer.recv(65536)
        peer.sendall(http(b"2"))

    with client(tmp_path, talk) as connection:
        assert [connection.get("/a")[2], connection.get("/b")[2]] == [b"1", b"2"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",  # to the end of the connection
        http(b"abcde"),
    ],
)
def test_forms_of_a_body(tmp_path: Path, answer: bytes) -> None:
    with client(tmp_path, says(answer)) as connection:
        assert connection.get("/")[2] == b"abcde"


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff\x17garbage" * 10,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",  # closes at once
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        SETTINGS,  # a gRPC server, which then hangs up
        b"{}",
    ],
)
def test_what_is_no_answer_is_malformed(tmp_path: Path, answer: bytes) -> None:
    with client(tmp_path, says(answer)) as connection, pytest.raises(Malformed, match=r"/version|early"):
        connection.get("/version")


def test_a_server_that_hangs_up_with_a_reset(tmp_path: Path) -> None:
    def talk(peer: socket.socket, _over: object) -> None:
        # Closing with bytes unread resets a unix connection.
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    with client(tmp_path, talk) as connection, pytest.raises((CannotReach, Malformed)):
        connection.get("/" + "x" * 100_000)


SLOW: dict[str, Talk] = {
    "never answers": says_nothing,
    "a gRPC server that waits": drips(SETTINGS, b""),
    "drips the status line": drips(b"", b"H"),
    "drips a header": drips(b"HTTP/1.1 200 OK\r\n", b"x"),
    "drips headers": drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "drips a body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "drips a body without end": drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "drips chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "drips the size of a chunk": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "continues for ever": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "stops in the body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc", b""),
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_slow_server_costs_the_budget_and_no_more(tmp_path: Path, kind: str) -> None:
    """A timeout of each read would never end: the server drips twenty times a second."""
    with client(tmp_path, SLOW[kind], seconds=0.3) as connection:
        started = time.monotonic()
        with pytest.raises(OutOfTime):
            connection.get("/version")
        # Room for a busy machine; without the budget it would not end at all.
        assert 0.2 < time.monotonic() - started < 3


ENDLESS = floods(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)


def test_an_endless_body_hits_the_limit_of_a_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_unix, "MAX_BODY", 300_000)
    with client(tmp_path, ENDLESS, max_bytes=1 << 30) as connection, pytest.raises(LimitHit, match="300000 bytes"):
        connection.get("/version")


def test_an_endless_body_hits_the_limit_of_the_endpoint(tmp_path: Path) -> None:
    with client(tmp_path, ENDLESS, max_bytes=300_000) as connection, pytest.raises(LimitHit, match="endpoint"):
        connection.get("/version")


def test_the_limit_of_the_endpoint_is_of_all_answers_together(tmp_path: Path) -> None:
    with client(tmp_path, says(http(b"x" * 400)), max_bytes=1000) as connection:
        connection.get("/1")
        connection.close()
        connection.get("/2")
        connection.close()
        with pytest.raises(LimitHit):
            connection.get("/3")


def test_after_an_answer_that_was_not_read_to_its_end_the_next_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_unix, "MAX_BODY", 1000)
    answers = iter((http(b"x" * 5000), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"garbage", http(b"good")))

    def talk(peer: socket.socket, _over: object) -> None:
        peer.sendall(next(answers))

    with client(tmp_path, talk) as connection:
        with pytest.raises(LimitHit):
            connection.get("/1")
        for target in ("/2", "/3"):
            with pytest.raises(Malformed):
                connection.get(target)
        assert connection.get("/4")[2] == b"good"


def test_a_server_that_hangs_up_has_gone_where_it_spoke_http_before(tmp_path: Path) -> None:
    answers = iter((http(b"1", "200 OK", "Connection: close"), b""))

    def talk(peer: socket.socket, _over: object) -> None:
        peer.sendall(next(answers))

    with client(tmp_path, talk) as connection:
        connection.get("/1")
        with pytest.raises(CannotReach) as caught:
            connection.get("/2")
    assert caught.value.reason == "vanished"


def test_a_socket_that_nobody_serves_any_more(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    with serving(tmp_path / "s", says_nothing):
        reach = Reach(root, "/s")
    with reach, pytest.raises(CannotReach) as caught:
        HttpUnix(reach, Budget(1)).get("/version")
    assert caught.value.reason == "refused"
    root.close()
