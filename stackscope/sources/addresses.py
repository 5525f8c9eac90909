"""Where an engine may be: what the user and the clients name, the usual paths, and what the kernel shows listening.

Pure: facts in, candidates out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stackscope.facts import Fact
from stackscope.facts.argv import option, options
from stackscope.facts.client import ClientFile
from stackscope.facts.process import Process
from stackscope.facts.socket import Listener, SocketHolder

USUAL = (
    ("/run/docker.sock", "docker"),
    ("/run/containerd/containerd.sock", "containerd"),
    ("/run/docker/containerd/containerd.sock", "containerd"),
    ("/run/k3s/containerd/containerd.sock", "containerd"),
)
"""moby: contrib/init/systemd/docker.socket; containerd: defaults/defaults_unix.go; k3s: pkg/agent/config."""

# Sockets that an engine holds for purposes of its own (moby: daemon/libnetwork, daemon/metrics_unix.go; containerd:
# config.go). They are not asked.
_INTERNAL_ENDINGS = (".ttrpc", "debug.sock", "metrics.sock", "nri.sock")
_INITS = frozenset({"systemd", "init"})
"""`comm` of those that hold sockets for sleeping services: pid 1, and each user's manager."""

_INTERNAL_PARTS = ("/libnetwork/", "/plugins/", "/swarm/")


class Api(enum.StrEnum):
    """What is looked for at an address."""

    DOCKER = "docker"
    CONTAINERD = "containerd"


class Holding(enum.Enum):
    """Who holds a listening socket, as far as that can be seen."""

    ENGINE = "engine"
    INIT_ONLY = "init only"
    UNSEEN = "unseen"
    NOBODY = "nobody"


@dataclass(kw_only=True)
class Candidate:
    """An address to look at. `path` has its symlinks followed; `named` is the address as first given."""

    path: str
    named: str
    api: Api
    named_by: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    holding: Holding = Holding.NOBODY

    @property
    def sure(self) -> bool:
        """Whether somebody named it as this API; a socket that the kernel alone shows may be anything."""
        return self.named_by != ["kernel"]


def candidates(
    facts: Iterable[Fact],
    engines: Mapping[int, str],
    environment: Mapping[str, str],
    resolve: Mapping[str, str],
    asked: Sequence[tuple[str, str]] = (),
    *,
    all_processes_seen: bool,
) -> list[Candidate]:
    """Every address to look at, in the order of looking, each once.

    `engines` maps the pid of each engine process to its comm; `resolve` maps an address to its resolved path, for
    every path that `named_paths` yields.
    """
    found: dict[tuple[str, Api], Candidate] = {}
    facts = list(facts)
    listeners = {f.socket_inode: f.path for f in facts if isinstance(f, Listener)}
    holders: dict[str, set[int]] = {}
    inits = {1} | {f.pid for f in facts if isinstance(f, SocketHolder) and f.comm in _INITS}
    for fact in facts:
        if isinstance(fact, SocketHolder):
            holders.setdefault(listeners[fact.socket_inode], set()).add(fact.pid)
    for path, api, named_by in named_paths(facts, environment, asked):
        real = resolve.get(path, path)
        candidate = found.setdefault((real, api), Candidate(path=real, named=path, api=api))
        candidate.names.add(path)
        if named_by not in candidate.named_by:
            candidate.named_by.append(named_by)
    for path in sorted(set(listeners.values())):
        held_by = {engines[pid] for pid in holders.get(path, ()) if pid in engines}
        shown = _shown(path, held_by)
        real = resolve.get(path, path)
        if shown is not None:
            candidate = found.setdefault((real, shown), Candidate(path=real, named=path, api=shown))
            candidate.names.add(path)
            if "kernel" not in candidate.named_by:
                candidate.named_by.append("kernel")
    # One file may have been bound by two names, and by an older server that still runs: together they hold it.
    holding: dict[str, set[int]] = {}
    for path in listeners.values():
        holding.setdefault(resolve.get(path, path), set()).update(holders.get(path, ()))
    for (real, api), candidate in found.items():
        if real in holding:
            candidate.holding = _holding(api, holding[real], engines, inits, all_processes_seen)
    return list(found.values())


def named_paths(
    facts: Iterable[Fact], environment: Mapping[str, str], asked: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, Api, str]]:
    """The unix addresses that somebody names: path, API, and who names it."""
    named: list[tuple[str, Api, str]] = [(path, Api(api), "the question") for api, path in asked]
    for variable, api in (("DOCKER_HOST", Api.DOCKER), ("CONTAINERD_ADDRESS", Api.CONTAINERD)):
        if path := unix_path(environment.get(variable, ""), bare=api is Api.CONTAINERD):
            named.append((path, api, variable))
    for fact in facts:
        if isinstance(fact, ClientFile):
            key, api = ("address", Api.CONTAINERD) if fact.client == "nerdctl" else ("host", Api.DOCKER)
            if path := unix_path(fact.settings.get(key, ""), bare=api is Api.CONTAINERD):
                named.append((path, api, fact.path))
        elif isinstance(fact, Process):
            named.extend(process_addresses(fact))
    named.extend((path, Api(api), "usual path") for path, api in USUAL)
    if runtime := environment.get("XDG_RUNTIME_DIR", ""):
        named.append((f"{runtime}/docker.sock", Api.DOCKER, "usual path"))
        named.append((f"{runtime}/docker/containerd/containerd.sock", Api.CONTAINERD, "usual path"))
    return named


def process_addresses(process: Process) -> list[tuple[str, Api, str]]:
    """The addresses in an engine's or a shim's argv: its own, and the containerd that it names. They are of interest
    above all where nobody serves them any more, or where the listener is in another network namespace."""
    given: list[tuple[str, Api]] = []
    if process.comm == "dockerd":
        given = [(option(process.argv, "--containerd"), Api.CONTAINERD)]
        given += [(value, Api.DOCKER) for value in options(process.argv, "-H", "--host") if value.startswith("unix://")]
    elif process.comm == "containerd":
        given = [(option(process.argv, "-a", "--address"), Api.CONTAINERD)]
    elif process.role == "shim":
        given = [(option(process.argv, "-address", "--address"), Api.CONTAINERD)]
    named = [(unix_path(address, bare=True), api) for address, api in given]
    return [(path, api, f"argv of {process.comm}") for path, api in named if path]


def unix_path(address: str, *, bare: bool) -> str:
    """The path of a unix address; "" for any other. `bare` lets a path without a scheme count, as containerd's
    clients do."""
    if address.startswith("unix://"):
        return address.removeprefix("unix://")
    return address if bare and address.startswith("/") else ""


def _shown(path: str, held_by: set[str]) -> Api | None:
    """The API that a listening socket may serve; None for one that is no engine's."""
    if path.endswith(_INTERNAL_ENDINGS) or any(part in path for part in _INTERNAL_PARTS):
        return None
    if "containerd" in held_by or ("dockerd" in held_by and path.endswith("containerd.sock")):
        return Api.CONTAINERD
    if "dockerd" in held_by or path.endswith("/docker.sock"):
        return Api.DOCKER
    return Api.CONTAINERD if path.endswith("/containerd.sock") else None


def _holding(
    api: Api, pids: set[int], engines: Mapping[int, str], inits: set[int], all_processes_seen: bool
) -> Holding:
    if any(pid in engines for pid in pids):
        return Holding.ENGINE
    if pids and pids <= inits:
        return Holding.INIT_ONLY
    program = "dockerd" if api is Api.DOCKER else "containerd"
    if not pids and all_processes_seen and program not in engines.values():
        # Somebody whose files we may not see listens, and no such engine runs: that is how a socket unit looks to an
        # ordinary user.
        return Holding.INIT_ONLY
    return Holding.UNSEEN
