"""Takes a capture of this host."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from stackscope import __version__
from stackscope.capture.proc_child import ProcChild
from stackscope.capture.redact import redacted
from stackscope.capture.run import Look
from stackscope.errors import LimitHit
from stackscope.facts import SCHEMA, AnyFact, Capture, Fact, Gap, Host, Origin, Why
from stackscope.facts.container import Task
from stackscope.facts.daemon import ContainerdInfo, DockerInfo
from stackscope.facts.needs import Needs
from stackscope.facts.process import Process
from stackscope.facts.socket import Connection, Endpoint, Listener, SocketHolder
from stackscope.facts.storage import Bundle
from stackscope.facts.text import command, decoded
from stackscope.sources import addresses, endpoint
from stackscope.sources.addresses import Candidate
from stackscope.sources.clients import client as clients
from stackscope.sources.docker import config
from stackscope.sources.proc.client import ProcPass
from stackscope.sources.proc.read import SHIM_COMM
from stackscope.transports.budget import Budget
from stackscope.transports.door import Root


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to look: `seconds` is the budget of each endpoint; `addresses` are sockets that the question
    itself names, as API and path; `meanwhile` is called while the engines are waited for."""

    needs: Needs
    seconds: float = 5.0
    redact: bool = True
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    proc: str = "/proc"
    addresses: tuple[tuple[str, str], ...] = ()
    meanwhile: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Taken:
    """A capture, and whether any thread had to be left behind (then the process must end without waiting)."""

    capture: Capture
    all_ended: bool


def take(options: Options) -> Taken:
    """Look at this host. What could not be looked at is in the capture's gaps; this raises for nothing on the host."""
    # Bytes that are no UTF-8 cannot be told in a capture; they are shown as escapes, as everywhere.
    environment = {name: decoded(os.fsencode(value)) for name, value in options.environment.items()}
    options = replace(options, environment=environment)
    taken_at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    child = ProcChild(options.proc, options.needs, options.seconds)
    try:
        root = Root("/")
        host = _host(root)
        home = options.environment.get("HOME", "") or ("/root" if host.uid == 0 else "/")
        found: list[Fact | Gap] = list(clients.look(root, options.environment, home, host.uid))
        endpoint.load()
        first = child.first()
        found += [*first.found, *first.gaps]
        complete = not any(gap.why is Why.DENIED for gap in first.gaps)
        candidates = _candidates(found, first.found, options, root, complete=complete)
        looks = [_start(candidate, root, options) for candidate in candidates]
        second = child.second()
        found += [*second.found, *second.gaps]
        named_by_shims = _of_shims(second.found, root, candidates)
        candidates += named_by_shims
        looks += [_start(candidate, root, options) for candidate in named_by_shims]
    finally:
        child.close()
    options.meanwhile()
    results = [look.result() for look in looks]
    answers = [
        (candidate, [_with_names(item, candidate) for item in result[0]])
        for candidate, result in zip(candidates, results, strict=True)
    ]
    for answer in _one_per_daemon(answers, found):
        found += answer
    found += _missing_processes(found, options)
    found = _with_bundles(found, options, root)
    found += _configurations(found, options)
    facts, gaps = _sorted(_relevant(found))
    capture = Capture(
        schema=SCHEMA,
        stackscope=__version__,
        taken_at=taken_at,
        host=host,
        redacted=options.redact,
        needs=options.needs.words,
        looked_at=tuple(candidate.path for candidate in candidates),
        facts=facts,
        gaps=gaps,
    )
    return Taken(redacted(capture) if options.redact else capture, all(ended for _, ended in results))


def _start(candidate: Candidate, root: Root, options: Options) -> Look:
    def source() -> Iterator[Fact | Gap]:
        return endpoint.look(candidate, root, Budget(options.seconds), options.needs)

    return Look(endpoint.witness(candidate), options.seconds, source)


def _candidates(
    found: list[Fact | Gap], first: Iterable[AnyFact], options: Options, root: Root, *, complete: bool
) -> list[Candidate]:
    facts = [item for item in found if not isinstance(item, Gap)]
    engines = {f.pid: f.comm for f in first if isinstance(f, Process) and f.role == "engine"}
    paths = [path for path, _, _ in addresses.named_paths(facts, options.environment, options.addresses)]
    paths += [f.path for f in facts if isinstance(f, Listener)]
    resolve = {path: root.resolve(path) for path in paths}
    return addresses.candidates(
        facts, engines, options.environment, resolve, options.addresses, all_processes_seen=complete
    )


def _of_shims(facts: Iterable[AnyFact], root: Root, candidates: list[Candidate]) -> list[Candidate]:
    """The containerds that shims name and that nothing else led to: they ended, or are in another namespace.

    An address that was looked at under another name gets this name too.
    """
    known = {(candidate.path, candidate.api): candidate for candidate in candidates}
    named = {
        (path, api, by)
        for fact in facts
        if isinstance(fact, Process) and fact.role == "shim"
        for path, api, by in addresses.process_addresses(fact)
    }
    found = []
    for path, api, by in sorted(named):
        real = root.resolve(path)
        if (real, api) not in known:
            known[real, api] = Candidate(path=real, named=path, api=api, named_by=[by])
            found.append(known[real, api])
        known[real, api].names.add(path)
    return found


def _with_names(item: Fact | Gap, candidate: Candidate) -> Fact | Gap:
    """An endpoint with every name that its address turned out to have: shims are read while it is looked at."""
    if not isinstance(item, Endpoint):
        return item
    return msgspec.structs.replace(item, names=tuple(sorted(candidate.names - {candidate.named})))


def _one_per_daemon(
    looks: list[tuple[Candidate, list[Fact | Gap]]], found: list[Fact | Gap]
) -> Iterator[list[Fact | Gap]]:
    """The facts of every look, but of a daemon that answered at two sockets only those of the first: of the others
    the endpoint stays. One daemon is one process with one identity: a forwarder may serve two from one process."""
    engines = {f.pid for f in found if isinstance(f, Process) and f.role == "engine"}
    paths = {f.socket_inode: f.path for f in found if isinstance(f, Listener)}
    holders = {
        paths[f.socket_inode]: f.pid
        for f in found
        if isinstance(f, SocketHolder) and f.pid in engines and f.socket_inode in paths
    }
    seen: set[tuple[str, int, str]] = set()
    for candidate, facts in looks:
        endpoints = [fact for fact in facts if isinstance(fact, Endpoint)]
        held = next((holders[name] for name in (candidate.path, *candidate.names) if name in holders), 0)
        pid = next((fact.peer_pid for fact in endpoints if fact.peer_pid in engines), held)
        identity = next(
            (
                f.engine_id if isinstance(f, DockerInfo) else f.uuid
                for f in facts
                if isinstance(f, DockerInfo | ContainerdInfo)
            ),
            "",
        )
        key = (str(candidate.api), pid, identity)
        answered = any(isinstance(fact, DockerInfo | ContainerdInfo) for fact in facts)
        if answered and pid and key in seen:
            yield list(endpoints)
            continue
        if answered:
            seen.add(key)
        yield facts


def _missing_processes(found: list[Fact | Gap], options: Options) -> list[Fact | Gap]:
    """Processes that a task names and the pass did not see or mark: of a container that was started since, with its
    shim, or of one whose shim died. A pid that leads elsewhere, because it is another's by now, is left alone."""
    known = {f.pid for f in found if isinstance(f, Process)}
    again = ProcPass(options.proc, options.needs)
    added: list[Fact | Gap] = []
    for task in found:
        if not isinstance(task, Task) or task.status == "stopped" or not task.pid or task.pid in known:
            continue
        for item in again.process(task.pid, "container"):
            if isinstance(item, Gap):
                continue
            shims = [shim for shim in again.process(item.ppid, "shim") if isinstance(shim, Process)]
            of_shim = [shim for shim in shims if shim.comm.startswith(SHIM_COMM)]
            if of_shim or any(task.id in path for path in item.cgroups.values()):
                added += [item, *(shim for shim in of_shim if shim.pid not in known)]
                known |= {item.pid, *(shim.pid for shim in of_shim)}
    return added


def _with_bundles(found: list[Fact | Gap], options: Options, root: Root) -> list[Fact | Gap]:
    """The same, with the bundle directories of the tasks whose shim did not answer: a shim works in its bundle."""
    unknown = {f.id for f in found if isinstance(f, Task) and f.status == "unknown"}
    if not unknown:
        return found
    again = ProcPass(options.proc, options.needs)
    more: list[Fact | Gap] = []
    for item in found:
        if isinstance(item, Process) and item.role == "shim" and unknown.intersection(item.argv):
            for shim in again.process(item.pid, "shim", whole=True):
                more.append(shim)
                if isinstance(shim, Process) and shim.cwd:
                    more.append(_bundle(shim.cwd, root))
        else:
            more.append(item)
    return more


def _bundle(path: str, root: Root) -> Bundle | Gap:
    """A bundle, `STATE/io.containerd.runtime.v2.task/NAMESPACE/ID`, with its init.pid."""
    *_, namespace, task = ("", "", *path.split("/"))
    file = f"{path}/init.pid"
    origin = Origin(witness="disk", call=file, command=command("cat", file))
    try:
        pid = int(root.read(file, 64))
    except (OSError, ValueError, LimitHit) as error:
        detail = getattr(error, "strerror", "") or "not a number"
        return Gap(subject="disk", why=Why.FAILED, detail=f"{file}: {detail}", origin=origin)
    return Bundle(origin=origin, path=path, namespace=namespace, id=task, init_pid=pid)


def _configurations(found: list[Fact | Gap], options: Options) -> list[Fact | Gap]:
    """The daemon.json of every dockerd, read in that process's own root."""
    facts: list[Fact | Gap] = []
    for item in found:
        if isinstance(item, Process) and item.role == "engine" and item.comm == "dockerd":
            facts += config.look(item, f"{options.proc}/{item.pid}/root")
    return facts


def _relevant(found: list[Fact | Gap]) -> list[Fact | Gap]:
    """Without the listening sockets and their holders that have nothing to do with an engine."""
    engines = {f.pid for f in found if isinstance(f, Process) and f.role == "engine"}
    wanted = {path for f in found if isinstance(f, Endpoint) for path in (f.path, f.named)}
    kept = {f.socket_inode for f in found if isinstance(f, SocketHolder) and f.pid in engines}
    kept |= {f.socket_inode for f in found if isinstance(f, Listener) and f.path in wanted}
    paths = {f.path for f in found if isinstance(f, Listener) and f.socket_inode in kept}
    holders = {f.pid for f in found if isinstance(f, SocketHolder) and f.socket_inode in kept}

    def keep(item: Fact | Gap) -> bool:
        match item:
            case Listener() | SocketHolder():
                return item.socket_inode in kept
            case Connection():
                # Our own connections are no part of the host.
                return item.path in paths and item.pid in engines
            case Process(role="holder"):
                return item.pid in holders
            case _:
                return True

    return [item for item in found if keep(item)]


def _sorted(found: list[Fact | Gap]) -> tuple[tuple[AnyFact, ...], tuple[Gap, ...]]:
    """Facts and gaps by their whole content, so that equal hosts give equal captures."""
    encode: Callable[[object], bytes] = msgspec.json.Encoder(order="deterministic").encode
    facts = sorted((item for item in found if not isinstance(item, Gap)), key=encode)
    gaps = sorted((item for item in found if isinstance(item, Gap)), key=encode)
    return tuple(facts), tuple(gaps)  # type: ignore[arg-type]  # the union has every subclass of Fact


def _host(root: Root) -> Host:
    name = os.uname()
    uid = os.geteuid()
    return Host(
        hostname=decoded(os.fsencode(name.nodename)),
        kernel=name.release,
        machine=name.machine,
        cgroup_mode=_cgroup_mode(root),
        uid=uid,
    )


def _cgroup_mode(root: Root) -> str:
    """opencontainers/cgroups utils.go: unified iff /sys/fs/cgroup is a cgroup2 mount, hybrid iff its `unified` is."""
    try:
        mounts = root.read("/proc/self/mounts", 16 << 20)
    except (OSError, LimitHit):
        return "unknown"
    kinds = {}
    for line in mounts.split(b"\n"):
        parts = line.split(b" ")
        if len(parts) > 2:
            kinds[parts[1]] = parts[2]
    if kinds.get(b"/sys/fs/cgroup") == b"cgroup2":
        return "unified"
    if kinds.get(b"/sys/fs/cgroup/unified") == b"cgroup2":
        return "hybrid"
    return "legacy" if b"cgroup" in kinds.values() else "unknown"
