"""What a person sees: the tree at 80 columns, the same from a capture, and an ordinary user's part of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import look
from tests.live.standard_host import StandardHost

NOBODY = 65534


def test_tree_fits_80_columns(host: StandardHost) -> None:
    for words in (("tree",), ("tree", "--all"), ("tree", "--evidence"), ()):
        text = look.stackscope(*words, COLUMNS="80").stdout
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text
        assert "namespace moby" in text


def test_the_capture_tells_the_same(host: StandardHost, tmp_path: Path) -> None:
    for name in ("host.json", "host.json.gz", "host.json.zst"):
        file = str(tmp_path / name)
        look.stackscope("capture", "-o", file)
        from_file = look.stackscope("--from", file, "tree", COLUMNS="80").stdout
        assert _mine(host, look.stackscope("tree", COLUMNS="80").stdout) == _mine(host, from_file)
        ps = look.stackscope("ps", "--json", "--from", file)
        assert json.loads(ps.stdout)["containers"] == json.loads(look.stackscope("ps", "--json").stdout)["containers"]


def _mine(host: StandardHost, text: str) -> str:
    """Without the count of what other labs on this machine run."""
    if text.count("containerd 1.6") > 1:
        pytest.skip("another lab runs on this machine: its containers come and go")
    return text


def test_graphviz_renders(host: StandardHost, tmp_path: Path) -> None:
    file = tmp_path / "host.dot"
    look.stackscope("graph", "-f", "dot", "-o", str(file))
    svg = look.shell(f"dot -Tsvg {file}")
    assert "<svg" in svg
    assert "dockerd" in svg


# Lazily imported modules lie where an ordinary user may not read: one look as root loads them first.
AS_NOBODY = f"""
import contextlib, io, os, sys
from stackscope.cli.main import main
words = sys.argv[1:]
with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.redirect_stderr(io.StringIO()):
    main(words)
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
code = main(words)
sys.stdout.flush()
os._exit(code)
"""


def as_nobody(host: StandardHost, *words: str) -> subprocess.CompletedProcess[str]:
    variables = look.environment(
        DOCKER_HOST=f"unix://{host.dockerd.socket}",
        CONTAINERD_ADDRESS=str(host.containerd.address),
        HOME="/nonexistent",
        COLUMNS="80",
    )
    return subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *words],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_ordinary_user_gets_a_part_and_is_told_what_is_missing(host: StandardHost) -> None:
    done = as_nobody(host, "tree")
    text = done.stdout
    assert done.returncode == 3, done
    # The processes and their command lines are there for everyone to see.
    assert f"pid {host.dockerd.pid}" in text
    assert f"pid {host.containerd.pid}" in text
    assert "denied" in text
    assert "run as root" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_ordinary_users_client_cannot_reach_the_socket(host: StandardHost) -> None:
    done = as_nobody(host, "why", "acme/pause:1", "--client", "docker", "--json")
    reply = json.loads(done.stdout)
    assert reply["verdict"] == "does-not-see"
    assert [cause["id"] for cause in reply["causes"]] == ["socket-unreachable"]
    assert done.returncode == 1


def test_nothing_is_left_behind(host: StandardHost) -> None:
    before = {name for name in os.listdir("/proc") if name.isdigit()}
    look.stackscope("tree")
    after = {name for name in os.listdir("/proc") if name.isdigit()}
    ours = [pid for pid in after - before if b"stackscope" in _cmdline(pid)]
    assert not ours


def _cmdline(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
