"""A whole capture of a host that a directory and a recorded dockerd stand for."""

import os
from pathlib import Path

import pytest

from stackscope.capture import files
from stackscope.capture.take import Options, Taken, take
from stackscope.facts import Listing, Why
from stackscope.facts.daemon import DockerInfo
from stackscope.facts.needs import EVERYTHING, Needs
from stackscope.facts.process import Process
from stackscope.facts.socket import Endpoint, Listener, SocketHolder
from stackscope.sources import addresses
from tests.sources.docker.replay import dockerd
from tests.sources.proc.fake import NO_SOCKETS, SOCKET_INODE, FakeProc
from tests.transports.servers import says_nothing, serving


@pytest.fixture(autouse=True)
def no_usual_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engines of the machine that runs the tests are no part of them."""
    monkeypatch.setattr(addresses, "USUAL", ())


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    (tmp_path / "proc").mkdir()
    return FakeProc(tmp_path / "proc")


def listens(proc: FakeProc, *paths: Path) -> None:
    rows = NO_SOCKETS
    for number, path in enumerate(paths, 1):
        rows += f"0: 00000002 00000000 00010000 0001 01 {SOCKET_INODE + number} {path}\n".encode()
    (proc.root / "net" / "unix").write_bytes(rows)


def taken(proc: FakeProc, seconds: float = 3, needs: Needs = EVERYTHING, **environment: str) -> Taken:
    environment.setdefault("HOME", str(proc.root.parent))
    return take(Options(needs=needs, seconds=seconds, environment=environment, proc=str(proc.root)))


def endpoints(result: Taken) -> dict[str, Endpoint]:
    return {fact.path: fact for fact in result.capture.facts if isinstance(fact, Endpoint)}


def test_an_engine_is_found_by_the_socket_that_it_holds_whatever_its_name(proc: FakeProc, tmp_path: Path) -> None:
    path = tmp_path / "any.name"
    listens(proc, path)
    proc.process(10, "dockerd", fds=(1,))
    with dockerd(path):
        result = taken(proc)
    assert result.all_ended
    assert endpoints(result)[str(path)].state == "listening"
    kinds = [type(fact) for fact in result.capture.facts]
    assert kinds.count(DockerInfo) == 1
    assert {fact.what for fact in result.capture.facts if isinstance(fact, Listing)} >= {"containers", "images"}
    assert files.decode(files.encode(result.capture), "x") == result.capture


def test_an_ordinary_user_asks_a_running_engine_whose_files_are_hidden(proc: FakeProc, tmp_path: Path) -> None:
    """Only the socket's name, and that a dockerd runs, tell that it is awake."""
    path = tmp_path / "docker.sock"
    listens(proc, path)
    proc.process(10, "dockerd")
    with dockerd(path):
        result = taken(proc)
    assert endpoints(result)[str(path)].state == "listening"


def test_a_socket_that_init_alone_holds_is_left_asleep(proc: FakeProc, tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    listens(proc, path)
    (proc.root / "1" / "fd" / "5").symlink_to(f"socket:[{SOCKET_INODE + 1}]")
    with dockerd(path) as asked:
        result = taken(proc)
    assert endpoints(result)[str(path)].state == "asleep"
    assert [gap.why for gap in result.capture.gaps] == [Why.NOT_ASKED]
    assert asked == []


def test_a_hung_engine_costs_its_time_and_not_the_others_answers(proc: FakeProc, tmp_path: Path) -> None:
    good, hung = tmp_path / "a" / "docker.sock", tmp_path / "b" / "docker.sock"
    for path in (good, hung):
        path.parent.mkdir()
    listens(proc, good, hung)
    proc.process(10, "dockerd", fds=(1,))
    proc.process(11, "dockerd", fds=(2,))
    with dockerd(good), serving(hung, says_nothing):
        result = taken(proc, seconds=0.7)
    assert {fact.origin.witness for fact in result.capture.facts if isinstance(fact, DockerInfo)} == {f"dockerd:{good}"}
    (gap,) = result.capture.gaps
    assert (gap.subject, gap.why) == (f"dockerd:{hung}", Why.TIMEOUT)


def test_one_daemon_at_two_sockets_is_told_of_once(proc: FakeProc, tmp_path: Path) -> None:
    one, two = tmp_path / "1.sock", tmp_path / "2.sock"
    listens(proc, one, two)
    proc.process(10, "dockerd", fds=(1, 2))
    with dockerd(one), dockerd(two):
        result = taken(proc)
    assert {path: fact.state for path, fact in endpoints(result).items()} == {
        str(one): "listening",
        str(two): "listening",
    }
    assert [type(fact) for fact in result.capture.facts].count(DockerInfo) == 1


def test_sockets_and_holders_of_others_are_left_out(proc: FakeProc, tmp_path: Path) -> None:
    path, other = tmp_path / "docker.sock", tmp_path / "mail.sock"
    listens(proc, path, other)
    proc.process(10, "dockerd", fds=(1,))
    proc.process(11, "postfix", fds=(2,))
    with dockerd(path):
        facts = taken(proc).capture.facts
    assert {fact.path for fact in facts if isinstance(fact, Listener)} == {str(path)}
    assert {fact.pid for fact in facts if isinstance(fact, SocketHolder | Process)} == {10}


def test_two_captures_of_an_unchanged_host_are_equal(proc: FakeProc, tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    listens(proc, path)
    proc.process(10, "dockerd", fds=(1,))
    with dockerd(path):
        first, second = taken(proc).capture, taken(proc).capture
    assert first.facts == second.facts
    assert first.gaps == second.gaps


def test_nothing_of_a_host_makes_it_raise(proc: FakeProc, tmp_path: Path) -> None:
    """Bytes that are no UTF-8 in the environment, a home that is a file, a bundle that is gone."""
    (tmp_path / "home").write_text("")
    odd = os.fsdecode(b"unix://" + os.fsencode(tmp_path) + b"/\xff.sock")
    shim = proc.process(20, "containerd-shim", argv=("containerd-shim-runc-v2", "-namespace", "x", "-id", "y"))
    (shim / "cwd").unlink()
    (shim / "cwd").symlink_to(tmp_path / "gone")
    result = taken(proc, HOME=str(tmp_path / "home"), DOCKER_HOST=odd, DOCKER_CONFIG=os.fsdecode(b"/\xfe"))
    assert f"{tmp_path}/\\xff.sock" in endpoints(result)
    assert files.decode(files.encode(result.capture), "x") == result.capture


def test_secrets_stay_where_that_is_asked_for(proc: FakeProc, tmp_path: Path) -> None:
    proc.process(10, "dockerd", argv=("dockerd", "--http-proxy", "http://u:hunter2@p"))
    options = Options(needs=EVERYTHING, environment={"HOME": "/none"}, proc=str(proc.root), redact=False)
    assert "hunter2" in str(take(options).capture)
    assert "hunter2" not in str(taken(proc).capture)


def test_an_address_by_two_names_is_one_endpoint_with_both(proc: FakeProc, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    path, by_link = tmp_path / "real" / "containerd.sock", tmp_path / "link" / "containerd.sock"
    proc.process(30, "containerd-shim", argv=("containerd-shim-runc-v2", "-id", "x", "-address", str(by_link)))
    result = taken(proc, CONTAINERD_ADDRESS=str(path))
    found = endpoints(result)[str(path)]
    assert {found.named, *found.names} == {str(path), str(by_link)}
