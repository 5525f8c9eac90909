"""The pass over /proc in a child. Each test is a program of its own: this one has threads, and does not fork."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from stackscope.capture.proc_child import ProcChild
from stackscope.facts.needs import Needs
from stackscope.facts.process import Process
from tests.sources.proc.fake import FakeProc

START = """
import json, os, signal, sys, time
from stackscope.capture.proc_child import ProcChild
from stackscope.facts.needs import Needs
root = sys.argv[1]
def children():
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
def words(stage):
    return [type(f).__name__ for f in stage.found], [(str(g.why), g.detail) for g in stage.gaps]
"""


def run(root: Path, program: str) -> Any:
    """What the program printed as JSON."""
    code = START + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return json.loads(done.stdout)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    fake = FakeProc(tmp_path)
    fake.listen(docker=1)
    fake.process(10, "dockerd", fds=(1,))
    fake.process(20, "containerd-shim")
    return fake


def test_a_child_that_leaves_no_zombie(proc: FakeProc) -> None:
    forked, first, second, left = run(
        proc.root,
        """
        sys.stdout.write("")
        child = ProcChild(root, Needs.KERNEL, 10)
        pid = child._pid
        first, second = child.first(), child.second()
        print(json.dumps([pid > 0, words(first), words(second), children()]))
        """,
    )
    assert forked
    assert first == [["Process", "Listener", "SocketHolder", "Listing"], []]
    assert second == [["Process"], []]
    assert left is None


def test_a_child_that_nobody_asked_is_ended_and_leaves_no_zombie(proc: FakeProc) -> None:
    before, after = run(
        proc.root,
        """
        child = ProcChild(root, Needs.KERNEL, 10)
        before = children()
        child.close()
        child.close()
        print(json.dumps([before is not None, children()]))
        """,
    )
    assert before
    assert after is None


def test_a_child_that_dies_early_is_a_gap(proc: FakeProc) -> None:
    first, second, left = run(
        proc.root,
        """
        child = ProcChild("/proc", Needs.KERNEL, 10)
        os.kill(child._pid, signal.SIGKILL)
        first, second = child.first(), child.second()
        print(json.dumps([words(first), words(second), children()]))
        """,
    )
    assert first == [[], [["failed", "the pass over /proc ended early"]]]
    assert second == [[], []]
    assert left is None


def test_a_child_that_hangs_is_a_gap_and_is_ended(proc: FakeProc) -> None:
    took, first, second, left = run(
        proc.root,
        """
        # Nobody ever writes it: opening it for reading waits.
        os.unlink(root + "/net/unix")
        os.mkfifo(root + "/net/unix")
        start = time.monotonic()
        child = ProcChild(root, Needs.KERNEL, 0.3)
        first, second = child.first(), child.second()
        print(json.dumps([time.monotonic() - start, words(first), words(second), children()]))
        """,
    )
    assert took < 5
    assert first == [[], [["timeout", "the pass over /proc did not end within 0.3 s"]]]
    assert second == [[], []]
    assert left is None


def test_after_a_failure_nothing_is_read_from_the_middle(proc: FakeProc) -> None:
    """The first stage comes in two parts, the second of them after the deadline."""
    first, second, left = run(
        proc.root,
        """
        child = ProcChild(root, Needs.KERNEL, 0.2)
        os.kill(child._pid, signal.SIGKILL)
        reading, writing = os.pipe()
        os.dup2(reading, child._pipe)
        os.write(writing, (100).to_bytes(8, sys.byteorder) + b"x" * 50)
        first = child.first()
        os.write(writing, b"x" * 50)
        second = child.second()
        print(json.dumps([words(first), words(second), children()]))
        """,
    )
    assert first[1][0][0] == "timeout"
    assert second == [[], []]
    assert left is None


def test_a_program_with_threads_does_not_fork(proc: FakeProc) -> None:
    pid, first, left = run(
        proc.root,
        """
        import threading
        over = threading.Event()
        threading.Thread(target=over.wait, daemon=True).start()
        child = ProcChild(root, Needs.KERNEL, 10)
        first = child.first()
        over.set()
        print(json.dumps([child._pid, words(first), children()]))
        """,
    )
    assert pid == 0
    assert first[0] == ["Process", "Listener", "SocketHolder", "Listing"]
    assert left is None


def test_what_was_buffered_is_printed_once(proc: FakeProc) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            START + "print('once', end='')\nchild = ProcChild(root, Needs.KERNEL, 10)\nchild.second()",
            str(proc.root),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "once"


def test_without_a_fork_the_stages_are_the_same(proc: FakeProc) -> None:
    sys.modules.setdefault("grpc", __import__("grpc"))
    child = ProcChild(str(proc.root), Needs.KERNEL, 10)
    first, second = child.first(), child.second()
    roles = [fact.role for stage in (first, second) for fact in stage.found if isinstance(fact, Process)]
    assert roles == ["engine", "shim"]
    assert (first.gaps, second.gaps) == ((), ())
