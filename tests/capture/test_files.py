"""Captures on disk: what is read back, what is refused and how, and that nothing half-written is left."""

import contextlib
import gzip
import os
import random
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from stackscope.capture import files
from stackscope.capture.take import _sorted
from stackscope.errors import CannotWrite, UnreadableCapture
from stackscope.facts import Capture, Gap, Listing, Why
from stackscope.facts.container import DockerContainer, Mount
from stackscope.facts.process import Process
from stackscope.facts.socket import Listener
from tests.capture.captures import ORIGIN, capture
from tests.rights import needs_root

GAP = Gap(subject="kernel", why=Why.DENIED, detail="no", origin=ORIGIN, lifts="run as root")
FACTS = (
    DockerContainer(
        origin=ORIGIN,
        id="a" * 64,
        names=("web", "\x1b[31mred", "ünï\u202ecode", "\\xff"),
        image="web",
        image_id="sha256:" + "b" * 64,
        labels={"b": "2", "a": "1"},
        mounts=(Mount(type="bind", source="/a", destination="/b"),),
    ),
    Process(
        origin=ORIGIN, pid=1, starttime=0, ppid=0, comm="init", role="holder",
        cgroups={"": "/", "cpu": "/x"}, namespaces={"net": 2, "mnt": 1},
    ),
    Listing(origin=ORIGIN, what="containers", count=1),
)  # fmt: skip
WHOLE = capture(*FACTS, gaps=(GAP,))
NAMES = ("host.json", "host.json.gz", "host.json.zst", "host")


@pytest.mark.parametrize("name", NAMES)
def test_what_was_saved_is_loaded(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    size = files.save(WHOLE, str(path))
    assert files.load(str(path)) == WHOLE
    assert size == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [name]


def test_an_empty_capture_is_loaded(tmp_path: Path) -> None:
    files.save(capture(), str(tmp_path / "c"))
    assert files.load(str(tmp_path / "c")) == capture()


def test_a_capture_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    files.save(WHOLE, str(tmp_path / "c.zst"))
    (tmp_path / "c.zst").rename(tmp_path / "renamed.json")
    assert files.load(str(tmp_path / "renamed.json")) == WHOLE


def test_equal_captures_are_equal_bytes(tmp_path: Path) -> None:
    for name in NAMES:
        files.save(WHOLE, str(tmp_path / f"1{name}"))
        files.save(WHOLE, str(tmp_path / f"2{name}"))
        assert (tmp_path / f"1{name}").read_bytes() == (tmp_path / f"2{name}").read_bytes()


def test_a_capture_is_one_fact_a_line() -> None:
    lines = files.encode(WHOLE).decode().splitlines()
    assert [line for line in lines if '"fact":"docker-container"' in line] != []
    assert sum('"fact":' in line for line in lines) == len(FACTS)


def test_the_order_in_which_a_host_was_seen_is_not_in_its_capture() -> None:
    seen = [
        *FACTS,
        GAP,
        *(Listener(origin=ORIGIN, path=f"/run/{number}", socket_inode=number) for number in range(30)),
        *(Gap(subject="kernel", why=Why.TIMEOUT, detail=str(number), origin=ORIGIN) for number in range(10)),
    ]
    chance = random.Random(7)  # noqa: S311  for another order, not for secrets
    results = set()
    for _ in range(10):
        chance.shuffle(seen)
        shuffled = [_with_other_order(item, chance) for item in seen]
        facts, gaps = _sorted(shuffled)
        results.add(files.encode(capture(*facts, gaps=gaps)))
    assert len(results) == 1


def _with_other_order(item: object, chance: random.Random) -> object:
    """The same fact, its dictionary filled in another order."""
    if isinstance(item, Process):
        pairs = list(item.cgroups.items())
        chance.shuffle(pairs)
        return Process(
            origin=item.origin, pid=item.pid, starttime=item.starttime, ppid=item.ppid, comm=item.comm,
            role=item.role, cgroups=dict(pairs), namespaces=dict(reversed(item.namespaces.items())),
        )  # fmt: skip
    return item


JSON = files.encode(WHOLE)


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not a capture"),
    "text": (b"hello", "not a capture"),
    "an image": (b"\x89PNG\r\n\x1a\n", "not a capture"),
    "a list": (b"[]", "not a capture"),
    "other JSON": (b'{"a": 1}', "JSON, but not a capture"),
    "another schema": (b'{"schema": "stackscope.graph/1"}', "JSON, but not a capture"),
    "a schema that is no text": (b'{"schema": 7}', "not a capture"),
    "a newer version": (JSON.replace(b"capture/1", b"capture/2"), "has the version 'stackscope.capture/2'"),
    "a schema as long as a book": (b'{"schema": "stackscope.capture/' + b"9" * 10_000 + b'"}', "has the version"),
    "cut short": (JSON[: len(JSON) // 2], "host"),
    "cut by one byte": (JSON[:-3], "host"),
    "more after its end": (JSON + b"{}", "host"),
    "no UTF-8": (JSON.replace(b'"lab"', b'"\xff\xfe"'), "damaged"),
    "no UTF-8 in the schema": (JSON.replace(b"stackscope.capture/1", b"stackscope.\xff"), "not a capture"),
    "a member missing": (JSON.replace(b'"taken_at"', b'"taken"'), "damaged: Object missing required field"),
    "an unknown fact": (JSON.replace(b'"fact":"listing"', b'"fact":"rumour"'), "damaged: Invalid value 'rumour'"),
    "a fact of another shape": (JSON.replace(b'"pid":1', b'"pid":"one"'), "damaged: Expected `int`, got `str`"),
    "an unknown why": (JSON.replace(b'"denied"', b'"bored"'), "damaged"),
    "nested without end": (b'{"schema": "stackscope.capture/1", "x": ' + b"[" * 100_000, "host"),
    "gzip, cut short": (gzip.compress(JSON)[:-20], "cut short"),
    "gzip, cut in its head": (gzip.compress(JSON)[:5], "cut short"),
    "gzip, damaged": (gzip.compress(JSON)[:-8] + b"\0" * 8, "damaged"),
    "gzip of no capture": (gzip.compress(b"hello"), "not a capture"),
    "zstd, cut short": (zst(JSON)[:-20], "cut short"),
    "zstd, damaged": (zst(JSON)[:6] + b"\xff" * 40, "damaged"),
    "zstd of no capture": (zst(b"hello"), "not a capture"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_capture_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    data, says = BAD[kind]
    path = tmp_path / "host"
    path.write_bytes(data)
    with pytest.raises(UnreadableCapture) as caught:
        files.load(str(path))
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 500
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", ["none", "folder", "file/below"])
def test_a_file_that_cannot_be_opened_is_refused_with_its_reason(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreadableCapture, match="directory"):
        files.load(str(tmp_path / path))


def test_a_file_that_unpacks_to_more_than_a_capture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_CAPTURE", 1000)
    for pack in (bytes, gzip.compress, zst):
        (tmp_path / "bomb").write_bytes(pack(b" " * 1_000_000))
        with pytest.raises(UnreadableCapture, match="longer than 1000 bytes"):
            files.load(str(tmp_path / "bomb"))


# Writing.


def refused(path: Path, what: str) -> CannotWrite:
    with pytest.raises(CannotWrite, match=what) as caught:
        files.save(WHOLE, str(path))
    assert str(path) in caught.value.message
    return caught.value


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory in which only a few bytes can be written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    (disk / "before.json").write_bytes(b"x" * 4000)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@needs_root
def test_a_full_disk_leaves_nothing(full_disk: Path) -> None:
    error = refused(full_disk / "host.json", "no space left on device; nothing was left there")
    assert error.exit_code == 2
    assert os.listdir(full_disk) == ["before.json"]


@needs_root
def test_a_full_disk_leaves_the_capture_that_was_there(full_disk: Path) -> None:
    refused(full_disk / "before.json", "no space left")
    assert (full_disk / "before.json").read_bytes() == b"x" * 4000
    assert os.listdir(full_disk) == ["before.json"]


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """No file of this process may grow beyond some bytes; no longer than that, for pytest writes too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path) -> None:
    with limited():
        refused(tmp_path / "host.json", "file too large")
    assert os.listdir(tmp_path) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.save(WHOLE, str(tmp_path / "host.json"))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "none" / "host.json", "no such file or directory")


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")],
    ids=["directory", "fifo", "device"],
)
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """As root that would put a file in the place of /dev/null."""
    path = tmp_path / "target"
    make(path)
    before = path.stat().st_ino
    refused(path, "not a regular file")
    assert path.stat().st_ino == before
    assert os.listdir(tmp_path) == ["target"]


def test_a_symlink_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("folder/real.json")
    files.save(WHOLE, str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink()
    assert files.load(str(tmp_path / "folder" / "real.json")) == WHOLE


def test_a_name_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files.save(WHOLE, "host.json")
    assert files.load("host.json") == WHOLE


def test_a_capture_keeps_its_type() -> None:
    assert isinstance(files.decode(JSON, "x"), Capture)
