"""One address from the socket file to the last fact."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackscope.facts import Fact, Gap, Why
from stackscope.facts.daemon import DockerVersion
from stackscope.facts.needs import EVERYTHING
from stackscope.facts.socket import Endpoint
from stackscope.sources import endpoint
from stackscope.sources.addresses import Api, Candidate, Holding
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Root
from tests.rights import as_nobody, needs_root
from tests.sources.docker.replay import PING, dockerd
from tests.transports.servers import http, says, says_nothing, serving


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    found = Root(str(tmp_path))
    yield found
    found.close()


def look(
    root: Root,
    api: Api = Api.DOCKER,
    named_by: str = "DOCKER_HOST",
    holding: Holding = Holding.ENGINE,
    seconds: float = 2,
) -> tuple[Endpoint, list[Fact | Gap]]:
    candidate = Candidate(path="/s", named="/s", api=api, named_by=[named_by], holding=holding)
    first, *rest = endpoint.look(candidate, root, Budget(seconds), EVERYTHING)
    assert isinstance(first, Endpoint)
    return first, rest


def gap_of(rest: list[Fact | Gap]) -> Gap:
    (gap,) = rest
    assert isinstance(gap, Gap)
    return gap


def test_a_dockerd(root: Root, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "group").write_text("wheel:x:10:\nroot-like:x:0:me\n")
    with dockerd(tmp_path / "s"):
        found, rest = look(root)
    assert (found.state, found.expected, found.path) == ("listening", "docker", "/s")
    assert found.inode > 0
    assert found.peer_pid > 0
    assert found.group == ("root-like" if found.gid == 0 else "")
    assert [fact.witness for fact in (item.origin for item in rest) if fact.witness != "dockerd:/s"] == []
    assert isinstance(rest[0], DockerVersion)


@pytest.mark.parametrize("api", list(Api))
def test_nothing_there_is_testimony_and_no_gap(root: Root, api: Api) -> None:
    found, rest = look(root, api)
    assert (found.state, found.inode, rest) == ("absent", 0, [])


def test_a_dead_socket_is_testimony_and_no_gap(root: Root, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
    found, rest = look(root)
    assert (found.state, rest) == ("dead", [])
    assert found.inode > 0


def test_a_file_is_testimony_and_no_gap(root: Root, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("")
    found, rest = look(root)
    assert (found.state, rest) == ("not-a-socket", [])


def test_a_path_that_is_refused_is_unknown_and_a_gap(root: Root, tmp_path: Path) -> None:
    (tmp_path / "s").symlink_to("s")
    found, rest = look(root)
    assert found.state == "unknown"
    assert gap_of(rest).why is Why.FAILED


def test_a_sleeping_socket_is_not_touched(root: Root, tmp_path: Path) -> None:
    with serving(tmp_path / "s", says_nothing) as asked:
        found, rest = look(root, holding=Holding.INIT_ONLY)
    assert found.state == "asleep"
    assert gap_of(rest).why is Why.NOT_ASKED
    assert asked == []


@needs_root
def test_a_socket_without_rights_is_a_gap(tmp_path: Path, root: Root) -> None:
    tmp_path.chmod(0o755)
    with serving(tmp_path / "s", says_nothing):
        (tmp_path / "s").chmod(0o600)
        with as_nobody():
            found, rest = look(root)
    assert found.state == "unknown"
    gap = gap_of(rest)
    assert (gap.why, gap.lifts, gap.subject) == (Why.DENIED, "run as root to ask it", "dockerd:/s")
    assert found.mode == 0o600


def test_a_full_queue_is_a_timeout_of_what_listens(root: Root, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(str(tmp_path / "s"))
        server.listen(0)
        waiting.connect(str(tmp_path / "s"))
        found, rest = look(root, seconds=0.2)
    assert found.state == "listening"
    assert gap_of(rest).why is Why.TIMEOUT


@pytest.mark.parametrize("api", list(Api))
@pytest.mark.parametrize("answer", [b"garbage", http(b"", "404 Not Found"), b""])
def test_something_else_is_a_gap_where_somebody_named_it_so(
    root: Root, tmp_path: Path, api: Api, answer: bytes
) -> None:
    with serving(tmp_path / "s", says(answer)):
        found, rest = look(root, api)
    assert found.state == "listening"
    assert gap_of(rest).why is Why.MALFORMED


@pytest.mark.parametrize("api", list(Api))
def test_something_else_that_the_kernel_alone_shows_is_nobodys_business(root: Root, tmp_path: Path, api: Api) -> None:
    with serving(tmp_path / "s", says(b"garbage")):
        found, rest = look(root, api, named_by="kernel", holding=Holding.UNSEEN)
    assert (found.state, rest) == ("listening", [])
    # But what an engine holds may be one that fails.
    with serving(tmp_path / "t", says(b"garbage")):
        candidate = Candidate(path="/t", named="/t", api=api, named_by=["kernel"], holding=Holding.ENGINE)
        _, *rest = endpoint.look(candidate, root, Budget(2), EVERYTHING)
    assert gap_of(rest).why is Why.MALFORMED


def test_a_dockerd_that_is_too_old_is_unsupported(root: Root, tmp_path: Path) -> None:
    with dockerd(tmp_path / "s", {"/_ping": PING.replace(b"1.41", b"1.18")}):
        _, rest = look(root)
    gap = gap_of(rest)
    assert gap.why is Why.UNSUPPORTED
    assert "speaks API 1.18 at most" in gap.detail


def test_a_version_that_is_none(root: Root, tmp_path: Path) -> None:
    with dockerd(tmp_path / "s", {"/_ping": PING.replace(b"1.41", b"latest")}):
        _, rest = look(root)
    assert gap_of(rest).why is Why.MALFORMED


def test_a_ping_beyond_the_limit(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stackscope.transports.http_unix.MAX_BODY", 1)
    with dockerd(tmp_path / "s"):
        _, rest = look(root)
    assert gap_of(rest).why is Why.LIMIT


def test_a_dockerd_that_never_answers_ends_the_look(root: Root, tmp_path: Path) -> None:
    candidate = Candidate(path="/s", named="/s", api=Api.DOCKER, named_by=["DOCKER_HOST"], holding=Holding.ENGINE)
    found: list[Fact | Gap] = []
    with serving(tmp_path / "s", says_nothing), pytest.raises(OutOfTime):
        found.extend(endpoint.look(candidate, root, Budget(0.2), EVERYTHING))
    assert [type(item) for item in found] == [Endpoint]


def test_a_containerd_that_never_answers_is_a_gap(root: Root, tmp_path: Path) -> None:
    with serving(tmp_path / "s", says_nothing):
        _, rest = look(root, Api.CONTAINERD, seconds=0.3)
    assert gap_of(rest).why is Why.TIMEOUT
