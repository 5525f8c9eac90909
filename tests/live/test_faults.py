"""Real engines in trouble: what is left is complete, what is missing is a gap that says so, and the program ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live import look
from tests.live.conftest import require
from tests.live.lab import Lab
from tests.live.standard_host import StandardHost, stage_standard_host

DEADLINE = 3.0
SLACK = 1.0 + 1.0
"""Seconds: one that the issue of deadlines allows, one for the interpreter to start on two busy cores."""


@pytest.fixture(scope="module")
def own() -> Iterator[StandardHost]:
    """A host that these tests stop, kill and start again."""
    require(Lab.missing())
    with Lab() as lab:
        yield stage_standard_host(lab)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def graph(host: StandardHost, seconds: float = DEADLINE) -> dict[str, Any]:
    """The graph within the deadline and its slack."""
    started = time.monotonic()
    done = look.stackscope("graph", "-f", "json", "--timeout", str(seconds), code=None)
    assert time.monotonic() - started < seconds + SLACK
    assert done.returncode in (0, 3), done
    assert "Traceback" not in done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def of(document: dict[str, Any], kind: str, witness: str) -> list[dict[str, Any]]:
    return [node for node in document["nodes"] if node["kind"] == kind and node["witness"] == witness]


def gaps(document: dict[str, Any], subject: str) -> list[tuple[str, str]]:
    return [(gap["subject"], gap["why"]) for gap in document["gaps"] if subject in gap["subject"]]


def names(host: StandardHost) -> tuple[str, str]:
    return f"dockerd:{host.dockerd.socket}", f"containerd:{host.containerd.address}"


def test_containerd_stopped(own: StandardHost) -> None:
    docker, containerd = names(own)
    with stopped(own.containerd.pid):
        document = graph(own)
    assert (containerd, "timeout") in gaps(document, containerd)
    # docker's own lists are complete, and the daemon is there with its process.
    assert len(of(document, "container", docker)) == len(own.docker_containers)
    assert [node["attrs"]["pid"] for node in of(document, "daemon", containerd)] == [own.containerd.pid]
    assert of(document, "container", containerd) == []


def test_dockerd_stopped(own: StandardHost) -> None:
    docker, containerd = names(own)
    with stopped(own.dockerd.pid):
        document = graph(own)
    assert gaps(document, docker) == [(docker, "timeout")]
    assert of(document, "container", docker) == []
    assert len(of(document, "task", containerd)) == len(own.lab.shims())
    owners = [link["source"] for link in document["links"] if link["relation"] == "owns"]
    assert f"daemon|{docker}|dockerd" in owners


@pytest.mark.parametrize("count", [1, 3])
def test_shims_stopped(own: StandardHost, count: int) -> None:
    _, containerd = names(own)
    shims = own.lab.shims()
    chosen = sorted((key, pid) for key, pid in shims.items() if key[0] == "moby")[:count]
    healthy = {node["attrs"]["id"]: node["attrs"]["pid"] for node in of(graph(own), "task", containerd)}
    with stopped(*(pid for _, pid in chosen)):
        document = graph(own, 5.0)
    hung = {container for (_, container), _ in chosen}
    tasks = {node["attrs"]["id"]: node["attrs"] for node in of(document, "task", containerd)}
    assert set(tasks) == set(healthy)
    for container, attrs in tasks.items():
        if container in hung:
            assert (attrs["status"], attrs["pid"]) == ("unknown", 0)
        else:
            assert attrs["pid"] == healthy[container]
            assert attrs["status"] in ("running", "paused", "created")
    # Each is a gap of its own task, and its process is told from the bundle's init.pid.
    told = {subject for subject, why in gaps(document, "task|") if why == "timeout" and containerd in subject}
    assert told == {f"task|{containerd}|moby/{container}" for container in hung}
    runs = {link["source"]: link["target"] for link in document["links"] if link["relation"] == "runs"}
    for container in hung:
        assert f"|{healthy[container]}@" in runs[f"task|{containerd}|moby/{container}"]
    # Nothing else of this containerd is missing.
    assert [gap for gap in gaps(document, containerd) if gap[0] == containerd and gap[1] != "unsupported"] == []


def test_killed_and_restarted_while_we_look(own: StandardHost) -> None:
    docker, containerd = names(own)
    ended = threading.Event()

    def kill_and_start() -> None:
        for _ in range(3):
            time.sleep(0.15)
            own.containerd.kill()
            own.containerd.start()
        ended.set()

    thread = threading.Thread(target=kill_and_start)
    thread.start()
    scans = 0
    while not ended.is_set():
        document = graph(own)
        scans += 1
        listed = [node for node in document["nodes"] if node["kind"] == "namespace" and node["witness"] == containerd]
        asked = {gap["subject"] for gap in document["gaps"]}
        dead = [
            node
            for node in document["nodes"]
            if node["kind"] == "socket"
            and node["attrs"]["state"] in ("dead", "absent")
            and own.lab.base.name in node["name"]
        ]
        # Listed, or a gap, or a socket that nobody served: never silence.
        assert listed or containerd in asked or dead
    thread.join()
    assert scans
    own.dockerd.docker("ps")
    assert of(graph(own), "container", docker)


def test_a_mistyped_namespace_is_not_an_empty_answer(own: StandardHost) -> None:
    done = look.stackscope(
        "why", "docker.io/acme/pause:1", "--client", f"ctr -a {own.containerd.address} -n defualt", "--json", code=1
    )
    reply = json.loads(done.stdout)
    assert reply["causes"][0]["id"] == "another-namespace"
    assert any('"defualt", which does not exist' in cause["because"] for cause in reply["causes"])


def test_few_file_descriptors(own: StandardHost) -> None:
    done = subprocess.run(
        ["bash", "-c", f"ulimit -n 64; exec {sys.executable} -m stackscope ps --json"],
        env=look.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    docker, _ = names(own)
    rows = [row for row in json.loads(done.stdout)["containers"] if row["engine"] == docker]
    assert len(rows) == len(own.docker_containers)


def test_processes_come_and_go_by_the_thousand(own: StandardHost) -> None:
    _, containerd = names(own)
    storm = subprocess.Popen(
        ["bash", "-c", "for i in $(seq 20); do for j in $(seq 100); do (exec true) & done; wait; done"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        scans = 0
        while storm.poll() is None or scans < 2:
            document = graph(own)
            scans += 1
            assert len(of(document, "task", containerd)) == len(own.lab.shims())
            assert gaps(document, "process|") == []
    finally:
        storm.wait()
    assert scans >= 2


def test_two_scans_at_once(own: StandardHost) -> None:
    docker, containerd = names(own)
    results: list[list[str]] = []

    def scan() -> None:
        document = graph(own, 5.0)
        results.append([node["id"] for node in document["nodes"] if node["witness"] in (docker, containerd)])

    threads = [threading.Thread(target=scan) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert results[0] == results[1] == results[2]


def test_what_hangs_leaves_nothing_behind(own: StandardHost) -> None:
    before = set(Path("/tmp").iterdir())
    with stopped(own.containerd.pid, own.dockerd.pid):
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "stackscope", "tree", "--timeout", "2"],
            env=look.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        output, _ = process.communicate(timeout=30)
        assert time.monotonic() - started < 2 + SLACK
    assert b"did not answer" in output
    session = [
        pid for pid in os.listdir("/proc") if pid.isdigit() and pid != str(process.pid) and _session(pid) == process.pid
    ]
    assert session == []
    left = {path for path in set(Path("/tmp").iterdir()) - before if "stackscope" in path.name}
    assert left == set()


def _session(pid: str) -> int:
    try:
        return os.getsid(int(pid))
    except OSError:
        return -1
