"""The program against servers that answer wrongly, slowly, never, or without end, as a person would run it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.transports.servers import Talk, drips, floods, http, says, says_nothing, serving

SECONDS = 2.0
SLACK = 2.0


def http_head(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()


HTTP = says(http(b"{}"))
GRPC = says(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00")

CASES: list[tuple[str, str, Talk, set[str]]] = [
    ("garbage", "DOCKER_HOST", says(b"\x00\xff garbage \x1b[31m\n"), {"malformed"}),
    ("gRPC on an HTTP path", "DOCKER_HOST", GRPC, {"malformed"}),
    ("another HTTP server", "DOCKER_HOST", HTTP, {"malformed"}),
    ("closes at once", "DOCKER_HOST", says(), {"malformed", "vanished"}),
    ("accepts and never answers", "DOCKER_HOST", says_nothing, {"timeout"}),
    ("drips", "DOCKER_HOST", drips(http_head(1_000_000), b"["), {"timeout"}),
    ("200 MB", "DOCKER_HOST", floods(http_head(200 << 20), b" " * (1 << 20)), {"limit", "timeout"}),
    ("garbage", "CONTAINERD_ADDRESS", says(b"\x00\xff garbage\n"), {"malformed"}),
    ("HTTP on a gRPC path", "CONTAINERD_ADDRESS", HTTP, {"malformed"}),
    ("closes at once", "CONTAINERD_ADDRESS", says(), {"malformed", "vanished"}),
    ("accepts and never answers", "CONTAINERD_ADDRESS", says_nothing, {"timeout", "malformed"}),
]


@pytest.mark.parametrize(("name", "variable", "talk", "why"), CASES, ids=[f"{c[1]} {c[0]}" for c in CASES])
def test_a_server_that_is_no_engine(tmp_path: Path, name: str, variable: str, talk: Talk, why: set[str]) -> None:
    path = tmp_path / "s.sock"
    with serving(path, talk):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "stackscope", "graph", "--timeout", str(SECONDS)],
            env=dict(os.environ) | {variable: f"unix://{path}", "CONTAINERD_NAMESPACE": "default"},
            capture_output=True,
            timeout=30,
            check=False,
        )
        took = time.monotonic() - started
    assert took < SECONDS + SLACK
    assert done.returncode in (0, 3)
    assert b"Traceback" not in done.stderr
    document = json.loads(done.stdout)
    gaps = [gap for gap in document["gaps"] if str(path) in gap["subject"]]
    assert [gap["why"] for gap in gaps if gap["why"] in why], gaps
    assert "\x1b" not in done.stdout.decode()
