"""What decides where a client looks."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class ClientVariable(Fact, frozen=True, kw_only=True, tag="client-variable"):
    """An environment variable that decides what a client sees (DOCKER_HOST, CONTAINERD_NAMESPACE …), as it was for
    the process that took the capture; credentials in URLs are removed."""

    name: str
    value: str


class ClientFile(Fact, frozen=True, kw_only=True, tag="client-file"):
    """A client's configuration file: the keys that decide where it looks (`address`, `namespace`,
    `currentContext` …). `state` is `read`, `absent` or `unreadable`; only `absent` lets a default be believed."""

    client: str
    path: str
    state: str
    settings: dict[str, str] = msgspec.field(default_factory=dict)
