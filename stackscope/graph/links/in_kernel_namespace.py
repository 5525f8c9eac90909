"""process, daemon, shim or container → kernel namespace."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.process import Process
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """A process by /proc/PID/ns; a container by its first process."""
    for process in index.all(Process):
        source = index.node_of_pid(process.pid)
        if source is not None:
            yield from _links(source, process, "the kernel says so")
    for key, record in index.containerd_containers.items():
        found = index.init_of.get(key)
        if found is not None:
            because = f"its first process, pid {found[0].pid}, is in it"
            yield from _links(ids.container(record), found[0], because)


def _links(source: str, process: Process, because: str) -> Iterator[Link]:
    for kind, inode in process.namespaces.items():
        proof = evidence(process.origin, f"{kind}:[{inode}]", "ls", "-l", f"/proc/{process.pid}/ns")
        yield Link(source, Relation.IN_KERNEL_NAMESPACE, ids.kernel_namespace(kind, inode), because, (proof,))


RULE = LinkRule(id="in_kernel_namespace", relation=Relation.IN_KERNEL_NAMESPACE, find=find)
