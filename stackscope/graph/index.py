"""The facts of a capture, once, in the shapes that links and nodes look things up in."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from stackscope.facts import Capture, Fact, Listing, Origin, node_id
from stackscope.facts.argv import option
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Task
from stackscope.facts.daemon import ContainerdInfo, ContainerdNamespace, DockerConfig, DockerInfo, DockerVersion, Plugin
from stackscope.facts.image import ContainerdImage, DockerImage, ImageManifests
from stackscope.facts.process import Process
from stackscope.facts.socket import Endpoint, Listener, SocketHolder
from stackscope.facts.storage import Bundle

F = TypeVar("F", bound=Fact)

_PROGRAMS = {"docker": "dockerd", "containerd": "containerd"}


@dataclass(kw_only=True)
class Daemon:
    """An engine process with what its API says of itself; either part may be missing.

    `path` is its primary API socket ("" where none was found), `how` why that socket is this process's.
    """

    id: str
    witness: str
    program: str
    path: str = ""
    process: Process | None = None
    docker: DockerInfo | None = None
    containerd: ContainerdInfo | None = None
    sockets: list[SocketOf] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SocketOf:
    """A socket of a daemon, why it is its, and the facts that say so."""

    endpoint: Endpoint
    because: str
    proof: tuple[tuple[Origin, str], ...]


class Index:
    """Look-ups over the facts of one capture, each made when it is first needed."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._by_type: dict[type[Fact], list[Fact]] = {}
        for fact in capture.facts:
            self._by_type.setdefault(type(fact), []).append(fact)

    def all(self, kind: type[F]) -> list[F]:
        """The facts of one class, in the capture's order."""
        return self._by_type.get(kind, [])  # type: ignore[return-value]  # filed under its own class

    @cached_property
    def processes(self) -> dict[int, Process]:
        """By pid."""
        return {fact.pid: fact for fact in self.all(Process)}

    @cached_property
    def daemons(self) -> list[Daemon]:
        """One for each engine process, and one for each API that answered without its process being seen."""
        return _daemons(self)

    @cached_property
    def daemon_by_pid(self) -> dict[int, Daemon]:
        return {daemon.process.pid: daemon for daemon in self.daemons if daemon.process is not None}

    @cached_property
    def daemon_by_witness(self) -> dict[str, Daemon]:
        return {daemon.witness: daemon for daemon in self.daemons if daemon.path}

    @cached_property
    def shims(self) -> list[Shim]:
        """The shim processes, with what their argv says."""
        return [_shim(self, fact) for fact in self.all(Process) if fact.role == "shim"]

    @cached_property
    def shim_by_pid(self) -> dict[int, Shim]:
        return {shim.process.pid: shim for shim in self.shims}

    @cached_property
    def containerd_containers(self) -> dict[tuple[str, str, str], ContainerdContainer]:
        """By witness, namespace, id."""
        return {(f.origin.witness, f.namespace, f.id): f for f in self.all(ContainerdContainer)}

    @cached_property
    def docker_containers(self) -> dict[str, list[DockerContainer]]:
        """By id: two daemons may have the same."""
        return _grouped((fact.id, fact) for fact in self.all(DockerContainer))

    @cached_property
    def tasks(self) -> dict[tuple[str, str, str], Task]:
        """By witness, namespace, id."""
        return {(f.origin.witness, f.namespace, f.id): f for f in self.all(Task)}

    @cached_property
    def namespaces(self) -> dict[str, list[ContainerdNamespace]]:
        """The containerd namespaces, by witness."""
        return _grouped((fact.origin.witness, fact) for fact in self.all(ContainerdNamespace))

    @cached_property
    def plugins(self) -> dict[str, list[Plugin]]:
        """By witness."""
        return _grouped((fact.origin.witness, fact) for fact in self.all(Plugin))

    @cached_property
    def images_by_digest(self) -> dict[str, list[ContainerdImage | DockerImage]]:
        """By every digest that is known to be the image's: target and config."""
        pairs: list[tuple[str, ContainerdImage | DockerImage]] = []
        for image in self.all(ContainerdImage):
            pairs += [(digest, image) for digest in self.digests(image)]
        for docker in self.all(DockerImage):
            pairs += [(digest, docker) for digest in self.digests(docker)]
        return _grouped(pairs)

    @cached_property
    def manifests(self) -> dict[tuple[str, str], ImageManifests]:
        """By witness and target digest."""
        return {(f.origin.witness, f.target_digest): f for f in self.all(ImageManifests)}

    def digests(self, image: ContainerdImage | DockerImage) -> list[str]:
        """The digests that name this image's content: of its target, and of its configs where a manifest was read."""
        if isinstance(image, ContainerdImage):
            read = self.manifests.get((image.origin.witness, image.target_digest))
            configs = [m.config_digest for m in read.manifests if m.config_digest] if read else []
            return list(dict.fromkeys((image.target_digest, *configs)))
        return list(dict.fromkeys(digest for digest in (image.id, image.target_digest) if digest))

    @cached_property
    def listings(self) -> set[tuple[str, str, str, str]]:
        """What came to its end: witness, what, containerd namespace, part."""
        return {(f.origin.witness, f.what, f.namespace, f.part) for f in self.all(Listing)}

    def listed(self, witness: str, what: str, namespace: str = "", part: str = "") -> bool:
        """Whether a listing came to its end: without that, nothing of it may be called absent."""
        return (witness, what, namespace, part) in self.listings

    @cached_property
    def bundles(self) -> dict[str, Bundle]:
        """By path."""
        return {fact.path: fact for fact in self.all(Bundle)}

    @cached_property
    def variables(self) -> dict[str, ClientVariable]:
        """The environment's, by name."""
        return {fact.name: fact for fact in self.all(ClientVariable)}

    @cached_property
    def client_files(self) -> dict[str, list[ClientFile]]:
        """By client."""
        return _grouped((fact.client, fact) for fact in self.all(ClientFile))

    @cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        """By resolved path; where two APIs were looked for at one, that which answered."""
        found: dict[str, Endpoint] = {}
        for fact in self.all(Endpoint):
            if fact.path not in found or _witness(fact) in self.daemon_by_witness:
                found[fact.path] = fact
        return found

    @cached_property
    def _resolved(self) -> dict[str, str]:
        return {name: fact.path for fact in self.all(Endpoint) for name in (fact.named, *fact.names)}

    def canonical(self, address: str) -> str:
        """A socket address as a witness's path: without its scheme, symlinks followed where that was looked up.

        Engines write `/var/run` where everything else writes `/run`; it is the same on every host that has both.
        """
        path = address.removeprefix("unix://")
        if path in self._resolved:
            return self._resolved[path]
        path = posixpath.normpath(path) if path else ""
        return "/run" + path[len("/var/run") :] if path.startswith("/var/run/") else path

    def primary(self, api: str, path: str) -> str:
        """The socket that names the daemon behind this one: a daemon may listen on several."""
        return self._primary.get((api, path), path)

    @cached_property
    def _primary(self) -> dict[tuple[str, str], str]:
        return {
            (socket.endpoint.expected, socket.endpoint.path): daemon.path
            for daemon in self.daemons
            for socket in daemon.sockets
        }

    def node_of_pid(self, pid: int) -> str | None:
        """The node that stands for a process: a daemon, a shim or a process."""
        if pid in self.daemon_by_pid:
            return self.daemon_by_pid[pid].id
        if pid in self.shim_by_pid:
            return self.shim_by_pid[pid].id
        process = self.processes.get(pid)
        return process_id(process) if process is not None else None

    @cached_property
    def docker_configs(self) -> dict[int, DockerConfig]:
        """The daemon.json of each dockerd, by its pid."""
        return {fact.pid: fact for fact in self.all(DockerConfig)}

    @cached_property
    def init_of(self) -> dict[tuple[str, str, str], tuple[Process, str]]:
        """The first process of a task, by witness, namespace and id, and why it is that.

        A pid alone proves nothing: it may be of another pid namespace, or another's by now. So the process must be a
        child of the task's shim, or lie in the cgroup that the container's spec names. Where containerd does not know
        the pid, the bundle's `init.pid` counts if that process is the shim's child.
        """
        shims = {(f"containerd:{shim.address}", shim.namespace, shim.container): shim for shim in self.shims}
        found: dict[tuple[str, str, str], tuple[Process, str]] = {}
        for key, task in self.tasks.items():
            if task.status == "stopped":
                continue
            shim = shims.get(key)
            process = self.processes.get(task.pid)
            if process is not None and self._placed(key, process, shim):
                found[key] = (process, "containerd's task has this pid, and its place agrees")
            elif shim is not None and (child := self._only_child(shim)) is not None:
                found[key] = child
        return found

    def _placed(self, key: tuple[str, str, str], process: Process, shim: Shim | None) -> bool:
        if shim is not None and process.ppid == shim.process.pid:
            return True
        # One shim serves a whole pod, and is named by its first container alone.
        parent = self.shim_by_pid.get(process.ppid)
        record = self.containerd_containers.get(key)
        place = record.cgroups_path.rpartition(":")[2] if record is not None else ""
        inside = bool(place) and any(place in path for path in process.cgroups.values())
        return inside and (parent is None or parent.namespace == key[1])

    def _only_child(self, shim: Shim) -> tuple[Process, str] | None:
        children = self._children.get(shim.process.pid, [])
        bundle = self.bundles.get(shim.process.cwd)
        if bundle is not None and bundle.init_pid:
            because = "the bundle's init.pid names this child of the shim, which did not answer"
            return next(((child, because) for child in children if child.pid == bundle.init_pid), None)
        if len(children) == 1:
            return children[0], "it is the only child of the task's shim, whose pids containerd sees otherwise"
        return None

    @cached_property
    def _children(self) -> dict[int, list[Process]]:
        children: dict[int, list[Process]] = {}
        for process in self.all(Process):
            children.setdefault(process.ppid, []).append(process)
        return children


@dataclass(frozen=True, kw_only=True)
class Shim:
    """A shim process: `namespace`, `container` (the first of its group) and `address` (of its containerd, resolved)
    are from its argv."""

    id: str
    process: Process
    namespace: str
    container: str
    address: str


def process_id(process: Process) -> str:
    """`process|kernel|pid@starttime`."""
    return node_id("process", "kernel", f"{process.pid}@{process.starttime}")


def _grouped(pairs: Iterable[tuple[str, F]]) -> dict[str, list[F]]:
    groups: dict[str, list[F]] = {}
    for key, fact in pairs:
        groups.setdefault(key, []).append(fact)
    return groups


def _shim(index: Index, process: Process) -> Shim:
    return Shim(
        id=node_id("shim", "kernel", f"{process.pid}@{process.starttime}"),
        process=process,
        namespace=option(process.argv, "-namespace", "--namespace"),
        container=option(process.argv, "-id", "--id"),
        address=index.canonical(option(process.argv, "-address", "--address")),
    )


def _daemons(index: Index) -> list[Daemon]:
    infos: dict[str, DockerInfo | ContainerdInfo] = {}
    for version in index.all(DockerVersion):
        # What /info would say is not known where it did not answer.
        infos[version.origin.witness] = DockerInfo(
            origin=version.origin,
            socket=version.socket,
            engine_id="",
            version=version.version,
            api_version=version.api_version,
            root="",
            driver="",
        )
    for said in index.all(DockerInfo):
        infos[said.origin.witness] = said
    for told in index.all(ContainerdInfo):
        infos[told.origin.witness] = told
    engines = {f.pid: f for f in index.all(Process) if f.role == "engine"}
    daemons: dict[str, Daemon] = {}
    of_process: dict[int, Daemon] = {}
    # Endpoints that answered come first: the first of a process names its daemon.
    endpoints = sorted(index.all(Endpoint), key=lambda e: (_witness(e) not in infos, e.path))
    for endpoint in endpoints:
        if endpoint.state in ("absent", "dead", "asleep", "not-a-socket"):
            # Nobody is behind it, whoever's command line names it.
            continue
        process, socket = _holder(index, endpoint, engines)
        witness = _witness(endpoint)
        if process is not None and process.pid in of_process:
            of_process[process.pid].sockets.append(socket)
            continue
        if process is None and witness not in infos:
            continue
        program = process.comm if process is not None else _PROGRAMS[endpoint.expected]
        info = infos.get(witness)
        daemon = Daemon(
            id=node_id("daemon", witness, program),
            witness=witness,
            program=program,
            path=endpoint.path,
            process=process,
            docker=info if isinstance(info, DockerInfo) else None,
            containerd=info if isinstance(info, ContainerdInfo) else None,
            sockets=[socket],
        )
        daemons[daemon.id] = daemon
        if process is not None:
            of_process[process.pid] = daemon
    for process in sorted(engines.values(), key=lambda p: (p.comm, p.argv, p.starttime)):
        if process.pid not in of_process:
            _add_bare(process, daemons)
    return sorted(daemons.values(), key=lambda d: (d.program, d.witness, d.id))


def _add_bare(process: Process, daemons: dict[str, Daemon]) -> None:
    """An engine process at no socket that was found: its command line is all that names it."""
    digest = hashlib.sha256("\0".join(process.argv).encode()).hexdigest()[:12]
    key, number = f"{process.comm}:{digest}", 1
    while (name := node_id("daemon", "kernel", key)) in daemons:
        number += 1
        key = f"{process.comm}:{digest}:{number}"
    daemons[name] = Daemon(id=name, witness="kernel", program=process.comm, process=process)


def _witness(endpoint: Endpoint) -> str:
    return f"{_PROGRAMS[endpoint.expected]}:{endpoint.path}"


def _holder(index: Index, endpoint: Endpoint, engines: dict[int, Process]) -> tuple[Process | None, SocketOf]:
    """The engine process behind an endpoint, the strongest evidence first: its open files, then the kernel's word on
    who called listen(2). A command line proves nothing: an engine in a container names the same paths."""
    names = {endpoint.path, endpoint.named}
    inodes = {listener.socket_inode: listener for listener in index.all(Listener) if listener.path in names}
    holders = [holder for holder in index.all(SocketHolder) if holder.socket_inode in inodes and holder.pid in engines]
    if endpoint.peer_pid in engines:
        # In another mount namespace another engine may listen at a path of the same name: who answered here decides.
        holders = [holder for holder in holders if holder.pid == endpoint.peer_pid]
    if holders:
        holder = holders[0]
        listener = inodes[holder.socket_inode]
        inode = str(listener.socket_inode)
        proof = ((holder.origin, f"socket:[{inode}]"), (listener.origin, f"{inode} {listener.path}"))
        because = f"pid {holder.pid} has the listening socket {inode} open"
        return engines[holder.pid], SocketOf(endpoint=endpoint, because=because, proof=proof)
    if endpoint.peer_pid in engines and endpoint.state == "listening":
        process = engines[endpoint.peer_pid]
        because = f"the kernel names pid {process.pid} as who called listen(2) (SO_PEERCRED)"
        return process, SocketOf(endpoint=endpoint, because=because, proof=((process.origin, f"{process.pid} ("),))
    return None, SocketOf(
        endpoint=endpoint, because="its API answered there", proof=((endpoint.origin, endpoint.path),)
    )
