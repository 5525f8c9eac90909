"""Runs stackscope as a person would, against the engines of a lab."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.live.programs import SEARCH_PATH

LIMIT = 60.0  # seconds


def environment(**variables: str) -> dict[str, str]:
    """Without what the tests' own caller had set for docker, nerdctl and ctr."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DOCKER_", "CONTAINERD_", "NERDCTL_", "COLUMNS"))
    }
    return own | {"PATH": f"{SEARCH_PATH}:{own.get('PATH', '')}"} | variables


def stackscope(*words: str, code: int | None = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a command prints; its exit code must be `code` (None: any)."""
    done = subprocess.run(
        [sys.executable, "-m", "stackscope", *words],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert code is None or done.returncode == code, done
    return done


def graph(**variables: str) -> dict[str, Any]:
    """`stackscope graph -f json`."""
    document: dict[str, Any] = json.loads(stackscope("graph", "-f", "json", **variables).stdout)
    return document


def shell(line: str, **variables: str) -> str:
    """The output of a command line that stackscope printed, run by bash as a person would paste it."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout
