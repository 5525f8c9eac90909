"""task → process: the first process of a container."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index, process_id
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the pid in containerd's task; where the shim did not answer, by the bundle's init.pid, if that process is
    the shim's child."""
    for key, (process, because) in index.init_of.items():
        task = index.tasks.get(key)
        if task is None:
            continue
        proof = [evidence(process.origin, f"{process.pid} (")]
        if task.pid:
            proof.insert(0, evidence(task.origin, str(task.pid)))
        yield Link(ids.task(task), Relation.RUNS, process_id(process), because, tuple(proof))


RULE = LinkRule(id="runs", relation=Relation.RUNS, find=find)
