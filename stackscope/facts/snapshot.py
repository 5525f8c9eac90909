"""Snapshots and leases."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class Snapshot(Fact, frozen=True, kw_only=True, tag="snapshot"):
    """One entry of Snapshots.List. `kind` is `active`, `view` or `committed`; `parent` is "" for a base layer."""

    namespace: str
    snapshotter: str
    key: str
    parent: str = ""
    kind: str
    created: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class LeaseResource(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is `content`, `ingests`, `images` or `snapshots/<snapshotter>`; `id` a digest, a ref, a name, a key."""

    type: str
    id: str


class Lease(Fact, frozen=True, kw_only=True, tag="lease"):
    """One entry of Leases.List with its resources (Leases.ListResources)."""

    namespace: str
    id: str
    created: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    resources: tuple[LeaseResource, ...] = ()
