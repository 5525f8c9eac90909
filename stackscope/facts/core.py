"""What every fact has (an origin), what a failed look leaves (a gap), and the host they speak of."""

from __future__ import annotations

import enum

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a fact comes from.

    `witness` is who says so (`dockerd:/run/docker.sock`, `containerd:PATH`, `kernel`, `client:nerdctl` …), `call`
    is the API call or the file, and `command` a shell command, quoted for pasting, that shows the same again
    (None where no client has one).
    """

    witness: str
    call: str
    command: str | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="fact"):
    """One statement of one witness. Subclasses set their tag; equal facts of an unchanged host are equal data."""

    origin: Origin


def node_id(kind: str, witness: str, key: str) -> str:
    """The id of a node: `kind|witness|local key`. Never a pid, but for processes and shims (`pid@starttime`)."""
    return f"{kind}|{witness}|{key}"


class Why(enum.StrEnum):
    """Why something could not be looked at."""

    DENIED = "denied"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    VANISHED = "vanished"
    MALFORMED = "malformed"
    FAILED = "failed"
    NOT_ASKED = "not_asked"
    LIMIT = "limit"


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A look that failed. It is never an absence.

    `subject` is a witness or a node id; `lifts` says in words what would make the look succeed.
    """

    subject: str
    why: Why
    detail: str
    origin: Origin
    lifts: str = ""


class Listing(Fact, frozen=True, kw_only=True, tag="listing"):
    """A listing that came to its end: only this makes "not there" sayable.

    `what` is `containers`, `tasks`, `images`, `snapshots`, `namespaces` …; `namespace` the containerd namespace
    ("" where the witness has none), `part` the snapshotter for snapshots. `count` is the number of entries.
    """

    what: str
    namespace: str = ""
    part: str = ""
    count: int


class Host(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine, as the process that looked saw it. `cgroup_mode` is `unified`, `hybrid`, `legacy` or `unknown`
    (the rule of opencontainers/cgroups utils.go); `uid` is the looker's effective user id."""

    hostname: str
    kernel: str
    machine: str
    cgroup_mode: str
    uid: int
