"""dockerd asked over a socket: recorded answers, and answers that no dockerd gives."""

import contextlib
import gzip
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stackscope.errors import Malformed
from stackscope.facts import Fact, Gap, Listing, Why
from stackscope.facts.container import DockerContainer
from stackscope.facts.daemon import DockerInfo
from stackscope.facts.needs import EVERYTHING, Needs
from stackscope.sources.docker import client
from stackscope.sources.docker.probe import ApiError, negotiated, probe
from stackscope.sources.docker.read import Version
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Reach, Root
from tests.sources.docker.replay import Answer, changed, dockerd, sample
from tests.transports.servers import drips, http, says_nothing

INFO = "/v1.41/info"
CONTAINERS = "/v1.41/containers/json?all=1"


@pytest.mark.parametrize(
    ("release", "newest", "oldest", "spoken"),
    [
        ("1.12", "1.24", "1.12", "1.24"),
        ("18.09", "1.39", "1.12", "1.39"),
        ("20.10", "1.41", "1.12", "1.41"),
        ("23.0", "1.42", "1.12", "1.42"),
        ("25.0", "1.44", "1.24", "1.44"),
        ("26.1", "1.45", "1.24", "1.45"),
        ("27.5", "1.47", "1.24", "1.47"),
        ("28.5", "1.51", "1.24", "1.51"),
        ("29.0", "1.52", "1.44", "1.51"),
        ("no minimum said", "1.41", "", "1.41"),
        ("a later one that still knows ours", "1.60", "1.51", "1.51"),
        ("two digits are numbers", "1.100", "1.9", "1.51"),
        ("another major", "2.0", "1.40", "1.51"),
    ],
)
def test_the_version_that_both_speak(release: str, newest: str, oldest: str, spoken: str) -> None:
    assert negotiated(Version(version=release, api_version=newest, min_api_version=oldest)) == spoken


@pytest.mark.parametrize(
    ("newest", "oldest"), [("1.60", "1.55"), ("1.52", "1.52"), ("1.23", "1.12"), ("2.5", "2.0"), ("1.5", "1.1")]
)
def test_versions_that_do_not_meet(newest: str, oldest: str) -> None:
    with pytest.raises(ApiError, match=f"speaks API {oldest} to {newest}; stackscope speaks 1.24 to"):
        negotiated(Version(api_version=newest, min_api_version=oldest))


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".41", "one.two", "1.41.2", "-1.41", "1.²", "1." + "9" * 5000, "1.41 "]
)
def test_what_is_no_version_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        negotiated(Version(api_version=text))
    if text:
        with pytest.raises(Malformed):
            negotiated(Version(api_version="1.41", min_api_version=text))


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
    assert isinstance(found[0], DockerInfo)
    containers = [fact for fact in found if isinstance(fact, DockerContainer)]
    assert {fact.origin.witness for fact in containers} == {"dockerd:/run/docker.sock"}
    assert containers[0].origin.command == "docker -H unix:///run/docker.sock ps -a --no-trunc"
    assert all(head.startswith("GET ") for head in heads)


def test_only_what_is_needed_is_asked(tmp_path: Path) -> None:
    with asked(tmp_path, needs=Needs.CONTAINERS) as (engine, heads):
        list(engine.ask())
    assert [head.split(" ")[1] for head in heads] == ["/version", INFO, CONTAINERS]


@pytest.mark.parametrize(
    ("answer", "why", "says"),
    [
        (http(b'{"message":"boom"}', "500 Internal Server Error"), Why.FAILED, "HTTP 500 boom"),
        (http(b"boom", "500 Internal Server Error"), Why.FAILED, "HTTP 500"),
        (http(b"{}", "403 Forbidden"), Why.FAILED, "HTTP 403"),
        (http(b"no JSON"), Why.MALFORMED, "JSON is malformed"),
        (http(b'{"message":"an object"}'), Why.MALFORMED, "Expected `array`"),
        (http(b'[{"Id":"\xff"}]'), Why.MALFORMED, "can't decode byte"),
        (b"garbage\r\n\r\n", Why.VANISHED, "the connection ended"),
        (b"", Why.VANISHED, "the connection ended"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]", Why.VANISHED, "the connection ended"),
        (http(b"", "302 Found", "Location: http://localhost:1/elsewhere"), Why.FAILED, "HTTP 302"),
        (http(b"", "302 Found", "Location: /v1.41/images/json"), Why.FAILED, "HTTP 302"),
        (http(gzip.compress(b"[]"), "200 OK", "Content-Encoding: gzip"), Why.MALFORMED, ""),
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
    answers = {"/v1.41/volumes": http(changed("volumes", Warnings=["driver nfs: timeout"]))}
    with asked(tmp_path, answers, Needs.STORAGE) as (engine, _):
        found = list(engine.ask())
    assert "driver nfs: timeout" in gaps(found)[0].detail
    assert {fact.what for fact in found if isinstance(fact, Listing)} == {"networks"}


def test_a_dockerd_that_hangs_in_one_call_is_a_timeout_there(tmp_path: Path) -> None:
    started = time.monotonic()
    found: list[Fact | Gap] = []
    with asked(tmp_path, {CONTAINERS: says_nothing}, seconds=0.5) as (engine, _), pytest.raises(OutOfTime):
        found.extend(engine.ask())
    assert time.monotonic() - started < 1.5
    assert isinstance(found[0], DockerInfo)
    assert [(gap.why, gap.detail) for gap in gaps(found)] == [
        (Why.TIMEOUT, "GET /containers/json?all=1: no answer within 0.5 s")
    ]


def test_a_reply_beyond_the_limit_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BODY", 1000)
    many = json.dumps([{"Id": "a" * 64}] * 100).encode()
    with asked(tmp_path, {CONTAINERS: http(many)}, Needs.CONTAINERS) as (engine, _):
        found = list(engine.ask())
    assert [gap.why for gap in gaps(found)] == [Why.LIMIT, Why.LIMIT]  # /info is longer than that as well


def test_nothing_of_the_users_own_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password hunter2\ndefault login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with asked(tmp_path, needs=Needs.CONTAINERS) as (engine, heads):
        list(engine.ask())
    assert len(heads) == 3
    assert not any("authorization" in head.lower() for head in heads)
    assert all("Accept-Encoding: identity" in head for head in heads)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"{}"),
        http(b"not found", "404 Not Found"),
        http(b'{"Version":"podman"}'),
        http(b'{"message":"x"}', "500 Oops"),
    ],
)
def test_an_http_server_that_is_no_dockerd(tmp_path: Path, answer: bytes) -> None:
    root = Root(str(tmp_path))
    with dockerd(tmp_path / "s", {"/version": answer}), Reach(root, "/s") as reach:
        assert probe(reach, Budget(2)) is None
    root.close()


@pytest.mark.parametrize("answer", [b"garbage", http(b"hello"), http(b"[]")])
def test_what_is_no_version_answer_is_malformed(tmp_path: Path, answer: bytes) -> None:
    root = Root(str(tmp_path))
    with dockerd(tmp_path / "s", {"/version": answer}), Reach(root, "/s") as reach, pytest.raises(Malformed):
        probe(reach, Budget(2))
    root.close()


def test_a_version_that_drips_ends_with_the_budget(tmp_path: Path) -> None:
    root = Root(str(tmp_path))
    slow = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ")
    with dockerd(tmp_path / "s", {"/version": slow}), Reach(root, "/s") as reach, pytest.raises(OutOfTime):
        probe(reach, Budget(0.2))
    root.close()


def test_the_recorded_version_is_spoken() -> None:
    newest = json.loads(sample("version"))["ApiVersion"]
    assert negotiated(Version(api_version=newest, min_api_version="1.12")) == "1.41"
