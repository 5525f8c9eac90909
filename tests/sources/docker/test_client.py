"""dockerd asked over a socket: recorded answers, and answers that no dockerd gives."""

import contextlib
import gzip
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stackscope.errors import Malformed
from stackscope.facts import Fact, Gap, Listing, Why
from stackscope.facts.container import DockerContainer
from stackscope.facts.daemon import DockerInfo, DockerVersion
from stackscope.facts.needs import EVERYTHING, Needs
from stackscope.sources.docker import client
from stackscope.sources.docker.probe import ApiError, Version, negotiated, probe
from stackscope.transports import http_unix
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Reach, Root
from tests.sources.docker.replay import PING, Answer, changed, dockerd
from tests.transports.servers import drips, http, says_nothing

CLOSE = "Connection: close"
INFO = "/v1.41/info"
CONTAINERS = "/v1.41/containers/json?all=1"


@pytest.mark.parametrize(
    ("release", "newest", "spoken"),
    [
        ("1.12", "1.24", "1.24"),
        ("18.09", "1.39", "1.39"),
        ("20.10", "1.41", "1.41"),
        ("23.0", "1.42", "1.42"),
        ("25.0", "1.44", "1.44"),
        ("26.1", "1.45", "1.45"),
        ("27.5", "1.47", "1.47"),
        ("28.5", "1.51", "1.51"),
        ("29.0", "1.52", "1.51"),
        ("a later one", "1.60", "1.51"),
        ("numbers, not digits", "1.100", "1.51"),
        ("another major", "2.0", "1.51"),
    ],
)
def test_the_version_that_both_speak(release: str, newest: str, spoken: str) -> None:
    assert negotiated(newest) == spoken


@pytest.mark.parametrize("newest", ["1.23", "1.9", "0.99"])
def test_an_engine_that_is_too_old(newest: str) -> None:
    with pytest.raises(ApiError, match=f"speaks API {newest} at most; stackscope speaks 1.24 to"):
        negotiated(newest)


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".41", "one.two", "1.41.2", "-1.41", "1.²", "1." + "9" * 5000, "1.41 "]
)
def test_what_is_no_version_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        negotiated(text)


def test_an_engine_whose_oldest_version_is_newer_says_so_in_each_answer(tmp_path: Path) -> None:
    """A Docker of the future, with a minimum beyond ours."""
    refused = http(
        b'{"message":"client version 1.51 is too old. Minimum supported API version is 1.55"}',
        "400 Bad Request",
        "Connection: close",
    )
    answers: dict[str, Answer] = {
        "/_ping": PING.replace(b"1.41", b"1.60"),
        "/v1.51/containers/json?all=1": refused,
        "/v1.51/info": refused,
    }
    with asked(tmp_path, answers, Needs.CONTAINERS) as (engine, _):
        found = list(engine.ask())
    assert isinstance(found[0], DockerVersion)
    assert [gap.why for gap in gaps(found)] == [Why.FAILED, Why.FAILED]
    assert all("Minimum supported API version is 1.55" in gap.detail for gap in gaps(found))


@contextlib.contextmanager
def asked(
    tmp_path: Path, answers: Mapping[str, Answer] | None = None, needs: Needs = EVERYTHING, seconds: float = 5
) -> Iterator[tuple[client.Dockerd, list[str]]]:
    root = Root(str(tmp_path))
    with dockerd(tmp_path / "s", answers) as heads, Reach(root, "/s") as reach:
        budget = Budget(seconds)
        version = probe(reach, budget)
        assert version is not None
        found = client.Dockerd("/run/docker.sock", reach, version, budget, needs)
        yield found, heads
        found.close()
    root.close()


def gaps(found: list[Fact | Gap]) -> list[Gap]:
    return [item for item in found if isinstance(item, Gap)]


def test_a_real_dockerd_replayed(tmp_path: Path) -> None:
    with asked(tmp_path) as (engine, heads):
        found = list(engine.ask())
    assert gaps(found) == []
    assert {fact.what: fact.count for fact in found if isinstance(fact, Listing)} == {
        "containers": 7,
        "images": 3,
        "volumes": 2,
        "networks": 2,
    }
    assert isinstance(found[0], DockerVersion)
    assert (found[0].version, found[0].api_version) == ("20.10.24+dfsg1", "1.41")
    assert isinstance(found[-1], DockerInfo)
    containers = [fact for fact in found if isinstance(fact, DockerContainer)]
    assert {fact.origin.witness for fact in containers} == {"dockerd:/run/docker.sock"}
    assert containers[0].origin.command == "docker -H unix:///run/docker.sock ps -a --no-trunc"
    assert all(head.startswith("GET ") for head in heads)


def test_only_what_is_needed_is_asked(tmp_path: Path) -> None:
    with asked(tmp_path, needs=Needs.CONTAINERS) as (engine, heads):
        list(engine.ask())
    assert [head.split(" ")[1] for head in heads] == ["/_ping", CONTAINERS, INFO]


@pytest.mark.parametrize(
    ("answer", "why", "says"),
    [
        (http(b'{"message":"boom"}', "500 Internal Server Error", CLOSE), Why.FAILED, "HTTP 500 boom"),
        (http(b"boom", "500 Internal Server Error", CLOSE), Why.FAILED, "HTTP 500"),
        (http(b"{}", "403 Forbidden", CLOSE), Why.FAILED, "HTTP 403"),
        (http(b'{"message": 7}', "500 Internal Server Error", CLOSE), Why.MALFORMED, "Expected `str`"),
        (http(b"no JSON", "200 OK", CLOSE), Why.MALFORMED, "JSON is malformed"),
        (http(b'{"message":"an object"}', "200 OK", CLOSE), Why.MALFORMED, "Expected `array`"),
        (http(b'[{"Id":"\xff"}]', "200 OK", CLOSE), Why.MALFORMED, "can't decode byte"),
        (b"garbage\r\n\r\n", Why.MALFORMED, "not an HTTP answer"),
        (b"", Why.VANISHED, "the connection ended"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]", Why.MALFORMED, "ended 98 bytes early"),
        # Redirects are not followed.
        (http(b"", "302 Found", "Location: http://localhost:1/elsewhere", CLOSE), Why.FAILED, "HTTP 302"),
        (http(b"", "302 Found", "Location: /v1.41/images/json", CLOSE), Why.FAILED, "HTTP 302"),
        # Nothing is unpacked: a kilobyte may become a gigabyte.
        (http(gzip.compress(b"[]"), "200 OK", "Content-Encoding: gzip", CLOSE), Why.MALFORMED, ""),
    ],
)
def test_an_answer_that_is_none_is_a_gap_and_the_rest_is_asked(
    tmp_path: Path, answer: bytes, why: Why, says: str
) -> None:
    with asked(tmp_path, {CONTAINERS: answer}) as (engine, _):
        found = list(engine.ask())
    (gap,) = gaps(found)
    assert gap.why is why
    assert gap.detail.startswith("GET /containers/json?all=1: ")
    assert says in gap.detail
    assert {fact.what for fact in found if isinstance(fact, Listing)} == {"images", "volumes", "networks"}


def test_a_volume_driver_that_does_not_answer_leaves_no_listing(tmp_path: Path) -> None:
    answers = {"/v1.41/volumes": http(changed("volumes", Warnings=["driver nfs: timeout"]), "200 OK", CLOSE)}
    with asked(tmp_path, answers, Needs.STORAGE) as (engine, _):
        found = list(engine.ask())
    assert "driver nfs: timeout" in gaps(found)[0].detail
    assert {fact.what for fact in found if isinstance(fact, Listing)} == {"networks"}


@pytest.mark.parametrize("talk", [says_nothing, drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ")])
def test_a_dockerd_that_hangs_in_one_call_ends_the_look(tmp_path: Path, talk: Answer) -> None:
    started = time.monotonic()
    found: list[Fact | Gap] = []
    with asked(tmp_path, {"/v1.41/images/json": talk}, seconds=0.4) as (engine, _), pytest.raises(OutOfTime):
        found.extend(engine.ask())
    assert time.monotonic() - started < 3
    # What came before is kept.
    assert isinstance(found[0], DockerVersion)
    assert [fact.what for fact in found if isinstance(fact, Listing)] == ["containers"]


def test_a_reply_beyond_the_limit_is_a_gap_and_the_rest_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_unix, "MAX_BODY", 3000)
    with asked(tmp_path) as (engine, _):
        found = list(engine.ask())
    assert [(gap.why, gap.detail.partition(":")[0]) for gap in gaps(found)] == [
        (Why.LIMIT, "GET /containers/json?all=1")
    ]
    assert {fact.what for fact in found if isinstance(fact, Listing)} == {"images", "volumes", "networks"}


def test_nothing_of_the_users_own_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password hunter2\ndefault login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    with asked(tmp_path, needs=Needs.CONTAINERS) as (engine, heads):
        list(engine.ask())
    assert len(heads) == 3
    for head in heads:
        names = {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}
        assert names == {"host", "accept-encoding"}
        assert "Accept-Encoding: identity" in head


@pytest.mark.parametrize(
    "answer",
    [
        http(b"OK"),  # no Api-Version
        http(b"not found", "404 Not Found", "Api-Version: 1.41"),
        http(b"OK", "200 OK", "Api-Version: 1.41", "Libpod-API-Version: 4.3.1"),
    ],
)
def test_an_http_server_that_is_no_dockerd(tmp_path: Path, answer: bytes) -> None:
    root = Root(str(tmp_path))
    with dockerd(tmp_path / "s", {"/_ping": answer}), Reach(root, "/s") as reach:
        assert probe(reach, Budget(2)) is None
    root.close()


@pytest.mark.parametrize(
    ("server", "version"),
    [
        ("Docker/28.5.1 (linux)", "28.5.1"),
        ("Docker/20.10.24+dfsg1 (linux)", "20.10.24+dfsg1"),
        ("Docker/" + "9" * 5000, "9" * 80),
        ("nginx", ""),
        ("", ""),
    ],
)
def test_the_release_that_a_server_names(tmp_path: Path, server: str, version: str) -> None:
    root = Root(str(tmp_path))
    answer = http(b"OK", "200 OK", "Api-Version: 1.41", f"Server: {server}")
    with dockerd(tmp_path / "s", {"/_ping": answer}), Reach(root, "/s") as reach:
        assert probe(reach, Budget(2)) == Version(version, "1.41")
    root.close()


@pytest.mark.parametrize("answer", [b"garbage", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK"])
def test_what_is_no_answer_to_a_ping_is_malformed(tmp_path: Path, answer: bytes) -> None:
    root = Root(str(tmp_path))
    with dockerd(tmp_path / "s", {"/_ping": answer}), Reach(root, "/s") as reach, pytest.raises(Malformed):
        probe(reach, Budget(2))
    root.close()


def test_a_ping_that_drips_ends_with_the_budget(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    slow = drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n")
    with dockerd(tmp_path / "s", {"/_ping": slow}), Reach(root, "/s") as reach, pytest.raises(OutOfTime):
        probe(reach, Budget(0.2))
    root.close()
