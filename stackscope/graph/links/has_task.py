"""container → task."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the id, in the same namespace."""
    for key, task in index.tasks.items():
        record = index.containerd_containers.get(key)
        if record is not None:
            because = "containerd lists a task with the container's id"
            yield Link(
                ids.container(record), Relation.HAS_TASK, ids.task(task), because, (evidence(task.origin, task.id),)
            )


RULE = LinkRule(id="has_task", relation=Relation.HAS_TASK, find=find)
