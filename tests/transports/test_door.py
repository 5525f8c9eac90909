"""Paths that would lead elsewhere, and sockets in every state."""

import fcntl
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackscope.errors import CannotReach, LimitHit
from stackscope.transports.door import Reach, Root
from tests.rights import as_nobody, needs_root


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """The root of another host, beside a decoy that must not be reached."""
    (tmp_path / "outside").write_text("decoy")
    (tmp_path / "root" / "run").mkdir(parents=True)
    (tmp_path / "root" / "var").mkdir()
    found = Root(str(tmp_path / "root"))
    yield found
    found.close()


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    return tmp_path / "root"


def listen(path: Path) -> socket.socket:
    """A listening socket at any path, however long."""
    folder = os.open(path.parent, os.O_PATH)
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"/proc/self/fd/{folder}/{path.name}")
    server.listen()
    os.close(folder)
    return server


def test_an_absolute_symlink_stays_below_the_root(root: Root, inside: Path, tmp_path: Path) -> None:
    (inside / "run" / "docker.conf").write_text("inner")
    (inside / "var" / "run").symlink_to("/run")
    assert root.read("/var/run/docker.conf", 100) == b"inner"
    assert root.resolve("/var/run/docker.conf") == "/run/docker.conf"
    # As strings the same path leads to this host's /run.
    assert not os.path.exists(f"{inside}/var/run/docker.conf")


@pytest.mark.parametrize("path", ["/leak", "/../outside", "../outside", "/run/../../outside", "/up/outside"])
def test_nothing_outside_is_read(root: Root, inside: Path, tmp_path: Path, path: str) -> None:
    (inside / "leak").symlink_to(tmp_path / "outside")
    (inside / "up").symlink_to("..")
    with pytest.raises(FileNotFoundError):
        root.read(path, 100)


def test_a_decoy_below_the_root_is_what_an_outer_path_means_there(root: Root, inside: Path) -> None:
    (inside / "outside").write_text("inner")
    (inside / "leak").symlink_to("../../outside")
    assert root.read("/leak", 100) == b"inner"


@pytest.mark.parametrize("path", ["/proc/self/root/etc/hostname", "/proc/self/cwd", "/proc/self/fd/0"])
def test_magic_links_are_refused(path: str) -> None:
    host = Root("/")
    with pytest.raises(OSError, match="symbolic links"):
        host.open(path, os.O_PATH)
    assert host.resolve(path) == path
    # That is no absence: the path leads somewhere.
    with pytest.raises(CannotReach) as caught:
        Reach(host, path)
    assert caught.value.reason == "failed"
    host.close()


def test_what_is_no_regular_file_is_refused_at_once(root: Root, inside: Path) -> None:
    os.mkfifo(inside / "fifo")
    with pytest.raises(OSError, match="not a regular file"):
        root.read("/fifo", 100)
    with pytest.raises(OSError, match="not a regular file"):
        root.read("/run", 100)
    server = listen(inside / "run" / "s.sock")
    with pytest.raises(OSError, match="No such device"):
        root.read("/run/s.sock", 100)
    server.close()


def test_a_file_of_the_limit_is_read_and_a_longer_one_is_not(root: Root, inside: Path) -> None:
    (inside / "file").write_bytes(b"x" * 100)
    assert len(root.read("/file", 100)) == 100
    with pytest.raises(LimitHit, match="/file"):
        root.read("/file", 99)


def test_a_file_without_a_size_is_limited_too() -> None:
    host = Root("/")
    with pytest.raises(LimitHit):
        host.read("/proc/self/status", 10)
    assert host.read("/proc/self/status", 1 << 20).startswith(b"Name:")
    host.close()


def test_a_nul_in_a_path_is_an_error_like_others(root: Root) -> None:
    with pytest.raises(OSError, match="NUL"):
        root.open("/run\0/x", os.O_PATH)
    assert root.resolve("/run\0/x") == "/run\0/x"


@pytest.mark.timeout(5)
def test_a_file_with_a_lease_is_given_up(root: Root, inside: Path) -> None:
    """open(2) says EAGAIN until its holder lets go, which takes 45 s."""
    path = inside / "leased"
    path.write_text("x")
    fd = os.open(path, os.O_RDWR)
    # The kernel tells a holder that somebody waits with this signal; its default is to end the process.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    try:
        with pytest.raises(BlockingIOError):
            root.read("/leased", 100)
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, before)


def test_resolve_follows_links_and_keeps_what_is_not_there(root: Root, inside: Path) -> None:
    (inside / "var" / "run").symlink_to("/run")
    (inside / "run" / "here").write_text("")
    assert root.resolve("/var/run/here") == "/run/here"
    assert root.resolve("/var/run/../run/gone") == "/run/gone"
    assert root.resolve("/") == "/"
    assert root.resolve("/var/run") == "/run"


def test_resolve_of_this_host() -> None:
    host = Root("/")
    assert host.resolve("/proc/self/status") == f"/proc/{os.getpid()}/status"
    assert host.resolve("/") == "/"
    host.close()


def test_a_socket_is_reached(root: Root, inside: Path) -> None:
    server = listen(inside / "run" / "s.sock")
    with Reach(root, "/run/s.sock") as reach:
        client = reach.connect(2)
        accepted, _ = server.accept()
        client.sendall(b"hello")
        assert accepted.recv(5) == b"hello"
        assert reach.stat.st_ino == (inside / "run" / "s.sock").stat().st_ino
        for each in (client, accepted, server):
            each.close()


def test_a_socket_below_an_absolute_symlink_is_the_inner_one(root: Root, inside: Path, tmp_path: Path) -> None:
    (inside / "var" / "run").symlink_to("/run")
    inner = listen(inside / "run" / "docker.sock")
    with Reach(root, "/var/run/docker.sock") as reach:
        client = reach.connect(2)
        inner.settimeout(2)
        accepted, _ = inner.accept()
        for each in (client, accepted, inner):
            each.close()


def test_a_path_longer_than_an_address(root: Root, inside: Path) -> None:
    folder = inside / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    server = listen(folder / "s.sock")
    path = f"/{'d' * 100}/{'e' * 100}/s.sock"
    assert len(path) > 108
    with Reach(root, path) as reach:
        reach.connect(2).close()
    server.close()


def test_a_socket_is_the_one_that_was_opened_though_another_took_its_place(root: Root, inside: Path) -> None:
    path = inside / "run" / "s.sock"
    first = listen(path)
    with Reach(root, "/run/s.sock") as reach:
        path.unlink()
        second = listen(path)
        first.settimeout(2)
        client = reach.connect(2)
        accepted, _ = first.accept()
        for each in (client, accepted, first, second):
            each.close()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/run/none.sock", "absent"),
        ("/none/s.sock", "absent"),
        ("/run/file/s.sock", "absent"),
        ("/" + "x" * 300, "absent"),
        ("/run/file", "not-a-socket"),
        ("/run", "not-a-socket"),
        ("/loop", "failed"),
    ],
)
def test_what_cannot_be_opened_as_a_socket(root: Root, inside: Path, path: str, reason: str) -> None:
    (inside / "run" / "file").write_text("")
    (inside / "loop").symlink_to("/loop")
    with pytest.raises(CannotReach) as caught:
        Reach(root, path)
    assert caught.value.reason == reason
    assert caught.value.path == path


def test_a_socket_that_nobody_serves(root: Root, inside: Path) -> None:
    listen(inside / "run" / "s.sock").close()
    with Reach(root, "/run/s.sock") as reach, pytest.raises(CannotReach) as caught:
        reach.connect(1)
    assert (caught.value.reason, caught.value.detail) == ("refused", "connection refused")


def test_a_datagram_socket_takes_no_stream(root: Root, inside: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(inside / "d"))
        with Reach(root, "/d") as reach, pytest.raises(CannotReach) as caught:
            reach.connect(1)
    assert caught.value.reason == "failed"


def test_a_full_queue_is_a_timeout(root: Root, inside: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(inside / "s"))
    server.listen(0)
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect(str(inside / "s"))
    with Reach(root, "/s") as reach, pytest.raises(CannotReach) as caught:
        reach.connect(0.05)
    assert caught.value.reason == "timeout"
    waiting.close()
    server.close()


@needs_root
def test_sockets_of_others_are_denied() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0o700)
        hidden, shown = listen(folder / "closed" / "s"), listen(folder / "s")
        (folder / "s").chmod(0o600)
        root = Root(name)
        with as_nobody():
            with pytest.raises(CannotReach) as caught:
                Reach(root, "/closed/s")
            assert caught.value.reason == "denied"
            with Reach(root, "/s") as reach, pytest.raises(CannotReach) as caught:
                reach.connect(1)
            assert caught.value.reason == "denied"
        root.close()
        hidden.close()
        shown.close()


def test_no_descriptor_is_left_open(root: Root, inside: Path) -> None:
    (inside / "file").write_text("")
    os.mkfifo(inside / "fifo")
    server = listen(inside / "s")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("/file", "/none", "/fifo", "/run"):
        for look in (lambda path=path: root.read(path, 10), lambda path=path: Reach(root, path)):
            try:
                look()
            except (OSError, CannotReach):
                continue
        root.resolve(path)
    with Reach(root, "/s") as reach:
        reach.connect(1).close()
    assert len(os.listdir("/proc/self/fd")) == before
    server.close()


def test_threads_share_a_root(root: Root, inside: Path) -> None:
    (inside / "file").write_text("x")
    wrong: list[bytes] = []

    def look() -> None:
        wrong.extend(data for _ in range(50) if (data := root.read("/run/../file", 10)) != b"x")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
