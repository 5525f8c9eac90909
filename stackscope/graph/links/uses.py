"""dockerd → containerd: which containerd a dockerd works with."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.argv import option
from stackscope.facts.process import Process
from stackscope.facts.socket import Connection
from stackscope.graph.index import Daemon, Index
from stackscope.graph.model import Evidence, Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """Strongest first: what dockerd says in `/info` (since API 1.46), the connection that the kernel shows, the
    `--containerd` of its command line, a containerd that is its child. If they disagree, the strongest makes the link
    and `because` says what the others say."""
    for daemon in index.daemons:
        if daemon.program == "dockerd":
            yield from of_daemon(index, daemon)


def of_daemon(index: Index, daemon: Daemon) -> Iterator[Link]:
    """The link of one dockerd; none where nothing tells, or where that containerd was not found."""
    said: dict[str, list[tuple[str, Evidence]]] = {}
    for path, because, proof in _statements(index, daemon):
        said.setdefault(path, []).append((because, proof))
    if not said:
        return
    (path, reasons), *others = said.items()
    target = index.daemon_by_witness.get(f"containerd:{path}")
    if target is not None:
        because = "; ".join(reason for reason, _ in reasons)
        if others:
            because += "; but: " + "; ".join(reason for _, contrary in others for reason, _ in contrary)
        yield Link(daemon.id, Relation.USES, target.id, because, tuple(proof for _, proof in reasons))


def _statements(index: Index, daemon: Daemon) -> Iterator[tuple[str, str, Evidence]]:
    """Path of a containerd socket, why, and the proof; the strongest first."""
    info, process = daemon.docker, daemon.process
    if info is not None and info.containerd_address:
        url = f"http://localhost/v{info.api_version}/info"
        proof = evidence(info.origin, info.containerd_address, "curl", "-s", "--unix-socket", daemon.path, url)
        yield index.canonical(info.containerd_address), f"its /info names {info.containerd_address}", proof
    if process is None:
        return
    for connection in index.all(Connection):
        path = index.canonical(connection.path)
        if connection.pid == process.pid and f"containerd:{path}" in index.daemon_by_witness:
            proof = evidence(connection.origin, str(connection.socket_inode))
            yield path, f"the kernel shows it connected to {path}", proof
            break
    if address := option(process.argv, "--containerd"):
        yield index.canonical(address), f"its command line says --containerd {address}", _argv(process, address)
    for child in index.daemons:
        if child.program == "containerd" and child.process is not None and child.process.ppid == process.pid:
            proof = evidence(child.process.origin, str(process.pid), "ps", "-o", "ppid=", "-p", str(child.process.pid))
            yield child.path, f"containerd (pid {child.process.pid}) is its child", proof


def _argv(process: Process, shows: str) -> Evidence:
    return evidence(process.origin, shows, "ps", "-ww", "-o", "args=", "-p", str(process.pid))


RULE = LinkRule(id="uses", relation=Relation.USES, find=find)
