"""Is it a Docker Engine, and which API version do both speak? Asked before the SDK is imported, which takes its time."""

from __future__ import annotations

from stackscope.errors import Malformed
from stackscope.sources.docker import read
from stackscope.sources.docker.read import Version
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach
from stackscope.transports.http_unix import HttpUnix

NEWEST_API = (1, 51)
"""The newest API version whose replies these readers were tried with (Docker 28.5)."""

OLDEST_API = (1, 24)
"""What the Docker SDK speaks at least."""


class ApiError(Exception):
    """dockerd answered with an error."""


def probe(reach: Reach, budget: Budget) -> Version | None:
    """What answers `GET /version` here; None where it is an HTTP server that is no Docker Engine.

    Raises CannotReach, Malformed (no HTTP at all), LimitHit or OutOfTime.
    """
    http = HttpUnix(reach, budget)
    try:
        status, _, body = http.get("/version")
    finally:
        http.close()
    if status != 200:
        return None
    version = read.decode(body, Version)
    return version if version.api_version else None


def negotiated(version: Version) -> str:
    """The API version to speak: the newest that both know.

    Raises Malformed where a version is not two numbers, and ApiError where both know none.
    """
    newest = _numbers(version.api_version)
    oldest = _numbers(version.min_api_version or "1.24")
    chosen = min(newest, NEWEST_API)
    if chosen < oldest or chosen < OLDEST_API:
        raise ApiError(
            f"speaks API {version.min_api_version or '?'} to {version.api_version}; "
            f"stackscope speaks {_dotted(OLDEST_API)} to {_dotted(NEWEST_API)}"
        )
    return _dotted(chosen)


def _numbers(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and len(text) < 12):
        raise Malformed(f"API version {text[:40]!r}")
    return int(major), int(minor)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
