"""The pass over /proc, on a directory that stands for it."""

import fcntl
import os
import shutil
import struct
import termios
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from stackscope.facts import Fact, Gap, Listing, Why
from stackscope.facts.needs import Needs
from stackscope.facts.process import Process
from stackscope.facts.socket import Listener, SocketHolder
from stackscope.sources.proc.client import ProcPass
from tests.rights import as_nobody, needs_root
from tests.sources.proc.fake import NO_SOCKETS, SOCKET_INODE, FakeProc


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def whole(proc: FakeProc, needs: Needs = Needs.KERNEL) -> list[Fact | Gap]:
    looked = ProcPass(str(proc.root), needs)
    return [*looked.first(), *looked.second()]


def roles(found: Iterable[Fact | Gap]) -> dict[int, str]:
    return {fact.pid: fact.role for fact in found if isinstance(fact, Process)}


def gaps(found: Iterable[Fact | Gap]) -> list[Gap]:
    return [item for item in found if isinstance(item, Gap)]


def test_roles_of_a_host(proc: FakeProc) -> None:
    proc.process(10, "dockerd")
    proc.process(11, "containerd", ppid=10)
    proc.process(20, "containerd-shim", ppid=1)
    proc.process(21, "nginx", ppid=20)
    proc.process(22, "nginx", ppid=21)
    proc.process(23, "sh", ppid=22)
    proc.process(30, "conmon")
    proc.process(31, "app", ppid=30)
    proc.process(40, "bash")
    assert roles(whole(proc)) == {
        10: "engine",
        11: "engine",
        20: "shim",
        21: "container",
        22: "process",
        23: "process",
        30: "monitor",
        31: "container",
    }


def test_an_engine_or_a_shim_that_has_ended_is_none(proc: FakeProc) -> None:
    for pid, comm in ((10, "dockerd"), (20, "containerd-shim"), (21, "containerd-shim")):
        proc.process(pid, comm)
    for pid in (10, 20):
        file = proc.root / str(pid) / "stat"
        file.write_text(file.read_text().replace(") S ", ") Z "))
    assert roles(whole(proc)) == {21: "shim"}


def test_an_engine_in_a_container_stays_one_and_what_is_below_its_shim_is_its_shims(proc: FakeProc) -> None:
    proc.process(20, "containerd-shim")
    proc.process(21, "dockerd", ppid=20)
    proc.process(22, "containerd", ppid=21)
    proc.process(23, "containerd-shim", ppid=21)
    proc.process(24, "nginx", ppid=23)
    proc.process(25, "sh", ppid=24)
    found = roles(whole(proc))
    assert (found[21], found[22], found[23]) == ("engine", "engine", "shim")
    assert found[25] == "process"
    # The first process of a container of the inner engine, which is also below the outer shim.
    assert found[24] == "container"


def test_a_kernel_thread_named_like_an_engine_is_none(proc: FakeProc) -> None:
    proc.process(50, "dockerd", ppid=2)
    proc.stat(50, "dockerd", ppid=2, starttime=1, flags=0x208040)
    assert roles(whole(proc)) == {}


def test_a_child_of_pid_2_may_be_an_engine(proc: FakeProc) -> None:
    """In a pid namespace of its own pid 2 is anyone."""
    proc.process(2, "start.sh")
    proc.process(50, "dockerd", ppid=2)
    assert roles(whole(proc)) == {50: "engine"}


def test_the_facts_of_an_engine(proc: FakeProc) -> None:
    proc.process(
        10, "dockerd", starttime=777, argv=("dockerd", "-H", "fd://"), cgroup=b"0::/system.slice/docker.service\n",
        namespaces={"mnt": 11, "net": 12},
    )  # fmt: skip
    (engine,) = [fact for fact in whole(proc) if isinstance(fact, Process)]
    assert (engine.pid, engine.starttime, engine.ppid, engine.state) == (10, 777, 1, "S")
    assert engine.argv == ("dockerd", "-H", "fd://")
    assert engine.cgroups == {"": "/system.slice/docker.service"}
    assert engine.namespaces == {"mnt": 11, "net": 12}
    assert (engine.exe, engine.root, engine.uid) == ("/usr/bin/dockerd", "/", os.geteuid())


def test_namespaces_are_read_only_where_they_are_asked_for(proc: FakeProc) -> None:
    proc.process(10, "dockerd", namespaces={"mnt": 11})
    (engine,) = [fact for fact in whole(proc, Needs.CONTAINERS) if isinstance(fact, Process)]
    assert engine.namespaces == {}


def test_holders_of_listening_sockets(proc: FakeProc) -> None:
    proc.listen(docker=1, other=2)
    proc.process(10, "dockerd", fds=(1, 5))
    proc.process(11, "socat", fds=(2,))
    proc.process(12, "bash", fds=(6,))
    (proc.root / "1" / "fd" / "9").symlink_to(f"socket:[{SOCKET_INODE + 1}]")
    found = whole(proc)
    held = {(fact.socket_inode - SOCKET_INODE, fact.pid) for fact in found if isinstance(fact, SocketHolder)}
    assert held == {(1, 10), (1, 1), (2, 11)}
    assert roles(found) == {1: "holder", 10: "engine", 11: "holder"}
    assert [fact.count for fact in found if isinstance(fact, Listing)] == [2]


def test_a_holder_of_the_same_socket_twice_is_told_of_once(proc: FakeProc) -> None:
    proc.listen(docker=1)
    proc.process(10, "dockerd", fds=(1, 1))
    assert len([fact for fact in whole(proc) if isinstance(fact, SocketHolder)]) == 1


def test_the_sockets_of_shims_are_left_out(proc: FakeProc) -> None:
    name = "a" * 64
    rows = NO_SOCKETS + f"0: 00000002 00000000 00010000 0001 01 9 /run/containerd/s/{name}\n".encode()
    (proc.root / "net" / "unix").write_bytes(rows)
    assert [fact for fact in whole(proc) if isinstance(fact, Listener)] == []


def test_entries_that_are_no_process_are_passed_over(proc: FakeProc) -> None:
    proc.process(10, "dockerd")
    (proc.root / "99").write_text("a file")
    (proc.root / "98").mkdir()
    (proc.root / "97").symlink_to("gone")
    (proc.root / "96" / "stat").mkdir(parents=True)
    (proc.root / "95").mkdir()
    (proc.root / "95" / "stat").write_bytes(b"\xff\x00garbage")
    (proc.root / "94").mkdir()
    (proc.root / "94" / "stat").write_bytes(b"")
    (proc.root / "10x").mkdir()
    (proc.root / "sys").mkdir()
    found = whole(proc)
    assert roles(found) == {10: "engine"}
    assert gaps(found) == []


def test_a_process_that_ends_between_the_stages_is_left_out(proc: FakeProc) -> None:
    proc.process(20, "containerd-shim")
    proc.process(21, "nginx", ppid=20)
    looked = ProcPass(str(proc.root))
    list(looked.first())
    shutil.rmtree(proc.root / "21")
    found = list(looked.second())
    assert roles(found) == {20: "shim"}
    assert gaps(found) == []


def test_a_process_that_ends_while_it_is_read_is_left_out(proc: FakeProc) -> None:
    base = proc.process(10, "dockerd")
    (base / "cgroup").unlink()
    assert roles(whole(proc)) == {}


def test_a_pid_that_another_process_got_is_left_out(proc: FakeProc) -> None:
    proc.process(20, "containerd-shim", starttime=100)
    proc.process(30, "conmon", starttime=100)
    looked = ProcPass(str(proc.root))
    list(looked.first())
    proc.stat(20, "containerd-shim", starttime=200)
    assert roles(looked.second()) == {30: "monitor"}


def test_the_engines_are_told_of_before_the_rest(proc: FakeProc) -> None:
    """Which sockets are asked depends on them."""
    proc.process(10, "dockerd")
    proc.process(20, "containerd-shim")
    looked = ProcPass(str(proc.root))
    assert roles(looked.first()) == {10: "engine"}
    assert roles(looked.second()) == {20: "shim"}


def test_a_pid_asked_for_by_itself(proc: FakeProc) -> None:
    proc.process(60, "app", starttime=5)
    looked = ProcPass(str(proc.root))
    (fact,) = looked.process(60, "container")
    assert isinstance(fact, Process)
    assert (fact.pid, fact.role, fact.starttime) == (60, "container", 5)
    assert list(looked.process(61, "container")) == []


def test_broken_links_of_a_process_leave_the_rest(proc: FakeProc) -> None:
    base = proc.process(10, "dockerd", namespaces={"mnt": 11})
    (base / "exe").unlink()
    (base / "ns" / "net").symlink_to("nonsense")
    (base / "fd" / "3").write_text("no link")
    (engine,) = [fact for fact in whole(proc) if isinstance(fact, Process)]
    assert engine.exe == ""
    assert engine.namespaces == {"mnt": 11}


def test_a_malformed_cgroup_file_is_a_gap_and_the_process_stays(proc: FakeProc) -> None:
    proc.process(10, "dockerd", cgroup=b"nonsense\n")
    found = whole(proc)
    assert roles(found) == {10: "engine"}
    assert [gap.why for gap in gaps(found)] == [Why.MALFORMED]


def test_without_process_1_others_are_hidden(proc: FakeProc) -> None:
    shutil.rmtree(proc.root / "1")
    proc.process(10, "dockerd")
    found = whole(proc)
    assert roles(found) == {10: "engine"}
    assert [(gap.why, "hidepid" in gap.detail) for gap in gaps(found)] == [(Why.DENIED, True)]


def test_no_proc_at_all_is_a_gap(tmp_path: Path) -> None:
    looked = ProcPass(str(tmp_path / "none"))
    found = [*looked.first(), *looked.second()]
    assert [type(item) for item in found] == [Gap]


@pytest.mark.parametrize(
    ("table", "why"),
    [(None, Why.UNSUPPORTED), (b"", Why.MALFORMED), (b"other columns\n", Why.MALFORMED)],
)
def test_a_table_of_sockets_that_cannot_be_read_is_a_gap_and_no_listing(
    proc: FakeProc, table: bytes | None, why: Why
) -> None:
    path = proc.root / "net" / "unix"
    path.unlink()
    if table is not None:
        path.write_bytes(table)
    proc.process(10, "dockerd")
    found = whole(proc)
    assert [gap.why for gap in gaps(found)] == [why]
    assert [fact for fact in found if isinstance(fact, Listing)] == []
    assert roles(found) == {10: "engine"}


def test_a_table_that_comes_in_short_pieces_is_read_to_its_end(proc: FakeProc) -> None:
    """The kernel ends a read of /proc/net/unix at a row, long before the buffer is full."""
    proc.listen(**{f"s{number}": number for number in range(100)})
    path = proc.root / "net" / "unix"
    table = path.read_bytes()
    path.unlink()
    os.mkfifo(path)

    def write() -> None:
        fd = os.open(path, os.O_WRONLY)
        for at in range(0, len(table), 777):
            os.write(fd, table[at : at + 777])
            # Each piece by itself: the next when this one was read.
            while struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]:
                time.sleep(0.0005)
        os.close(fd)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    found = whole(proc)
    writer.join()
    assert len([fact for fact in found if isinstance(fact, Listener)]) == 100


@needs_root
def test_what_other_users_have_open_is_one_gap(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    proc.root.chmod(0o755)
    proc.listen(docker=1)
    for pid in (10, 11):
        base = proc.process(pid, "dockerd", fds=(1,))
        (base / "fd").chmod(0o700)
    monkeypatch.chdir(proc.root)  # The directories above are closed to others.
    looked = ProcPass(".", Needs.KERNEL)
    with as_nobody():
        found = [*looked.first(), *looked.second()]
    assert roles(found) == {10: "engine", 11: "engine"}
    assert [fact for fact in found if isinstance(fact, SocketHolder)] == []
    (gap,) = gaps(found)
    assert (gap.why, gap.lifts) == (Why.DENIED, "run as root")


@needs_root
def test_a_process_whose_argv_is_denied_is_a_gap_of_its_own(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    base = proc.process(10, "dockerd", starttime=9)
    proc.root.chmod(0o755)
    (base / "cmdline").chmod(0o600)
    monkeypatch.chdir(proc.root)
    looked = ProcPass(".", Needs.KERNEL)
    with as_nobody():
        found = [*looked.first(), *looked.second()]
    assert [(gap.subject, gap.why) for gap in gaps(found)] == [("process|kernel|10@9", Why.DENIED)]
    assert roles(found) == {10: "engine"}


def test_this_very_host() -> None:
    looked = ProcPass("/proc", Needs.KERNEL)
    first = list(looked.first())
    assert [fact.what for fact in first if isinstance(fact, Listing)] == ["listeners"]
    (me,) = looked.process(os.getpid(), "container")
    assert isinstance(me, Process)
    assert me.ppid == os.getppid()
    assert me.namespaces["mnt"] == os.stat("/proc/self/ns/mnt").st_ino
