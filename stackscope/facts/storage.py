"""Volumes, networks and directories that hold state."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class Volume(Fact, frozen=True, kw_only=True, tag="volume"):
    """One entry of `GET /volumes`."""

    name: str
    driver: str = ""
    mountpoint: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class Network(Fact, frozen=True, kw_only=True, tag="network"):
    """One entry of `GET /networks`. `id` has 64 hex digits."""

    id: str
    name: str
    driver: str = ""
    scope: str = ""


class Bundle(Fact, frozen=True, kw_only=True, tag="bundle"):
    """A bundle directory, `STATE/io.containerd.runtime.v2.task/NS/ID`. `init_pid` is its `init.pid` (0 if it was not
    there), `address` the shim's address in it."""

    path: str
    namespace: str
    id: str
    init_pid: int = 0
    address: str = ""
