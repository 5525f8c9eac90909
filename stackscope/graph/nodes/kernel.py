"""Nodes of processes, cgroups and kernel namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.process import Process
from stackscope.graph import ids
from stackscope.graph.index import Index, process_id
from stackscope.graph.model import Node


def processes(index: Index) -> Iterator[Node]:
    """Daemons and shims are nodes of their own kinds."""
    for fact in index.all(Process):
        if fact.pid in index.daemon_by_pid or fact.role == "shim":
            continue
        yield Node(
            id=process_id(fact),
            kind="process",
            name=fact.comm,
            witness="kernel",
            attrs={
                "pid": fact.pid,
                "starttime": fact.starttime,
                "comm": fact.comm,
                "argv": list(fact.argv),
                "uid": fact.uid,
                "role": fact.role,
            },
        )


def cgroups(index: Index) -> Iterator[Node]:
    """One for each path; `hierarchies` are the controller lists of the hierarchies in which it was seen ("" is v2)."""
    found: dict[str, set[str]] = {}
    for fact in index.all(Process):
        for controllers, path in fact.cgroups.items():
            found.setdefault(path, set()).add(controllers)
    for path, hierarchies in found.items():
        yield Node(
            id=ids.cgroup(path),
            kind="cgroup",
            name=path,
            witness="kernel",
            attrs={"path": path, "hierarchies": sorted(hierarchies)},
        )


def kernel_namespaces(index: Index) -> Iterator[Node]:
    seen = {(kind, inode) for fact in index.all(Process) for kind, inode in fact.namespaces.items()}
    for kind, inode in seen:
        yield Node(
            id=ids.kernel_namespace(kind, inode),
            kind="kernel_namespace",
            name=f"{kind}:[{inode}]",
            witness="kernel",
            attrs={"type": kind, "inode": inode},
        )
