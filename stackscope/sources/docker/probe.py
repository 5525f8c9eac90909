"""Is it a Docker Engine, and which API version do both speak? Asked before anything else."""

from __future__ import annotations

import re
from typing import NamedTuple

from stackscope.errors import Malformed
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach
from stackscope.transports.http_unix import HttpUnix

NEWEST_API = (1, 51)
"""The newest API version whose replies these readers were tried with (Docker 28.5)."""

OLDEST_API = (1, 24)
"""Docker 1.12: no older engine runs containers through containerd."""

_SERVER = re.compile(r"Docker/(\S{1,80})")


class ApiError(Exception):
    """dockerd answered with an error, or speaks no API version that stackscope does."""


class Version(NamedTuple):
    """`version` is the engine's ("" where it does not say), `api` the newest API version that it speaks."""

    version: str
    api: str


def probe(reach: Reach, budget: Budget) -> Version | None:
    """What the headers of `GET /_ping` say; None where it is an HTTP server that is no Docker Engine.

    `/_ping` asks nothing of containerd: `/version` waits for one that hangs (seen with 20.10).
    Raises CannotReach, Malformed (no HTTP at all), LimitHit or OutOfTime.
    """
    http = HttpUnix(reach, budget)
    try:
        status, headers, _ = http.get("/_ping")
    finally:
        http.close()
    api = headers.get("api-version", "")
    if status != 200 or not api or "libpod-api-version" in headers:
        return None
    server = _SERVER.match(headers.get("server", ""))
    return Version(server.group(1) if server else "", api)


def negotiated(api: str) -> str:
    """The API version to speak: the newest that both know. dockerd's own minimum shows in its answers.

    Raises Malformed where `api` is not two numbers, and ApiError where it is too old.
    """
    major, _, minor = api.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and len(api) < 12):
        raise Malformed(f"API version {api[:40]!r}")
    chosen = min((int(major), int(minor)), NEWEST_API)
    if chosen < OLDEST_API:
        raise ApiError(f"speaks API {api} at most; stackscope speaks {_dotted(OLDEST_API)} to {_dotted(NEWEST_API)}")
    return _dotted(chosen)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
