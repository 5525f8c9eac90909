"""Nodes of containers, tasks, sandboxes and shims."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.container import ContainerdContainer, DockerContainer, Sandbox, Task
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Node

_NAME_LABELS = ("nerdctl/name", "io.kubernetes.container.name", "io.kubernetes.pod.name")


def containers(index: Index) -> Iterator[Node]:
    for fact in index.all(DockerContainer):
        yield Node(
            id=ids.container(fact),
            kind="container",
            name=fact.names[0] if fact.names else fact.id[:12],
            witness=fact.origin.witness,
            attrs={
                "id": fact.id,
                "names": list(fact.names),
                "status": fact.state,
                "image_ref": fact.image,
                "image_id": fact.image_id,
                "command": fact.command,
                "created": fact.created,
                "labels": fact.labels,
                "networks": list(fact.networks),
            },
        )
    for record in index.all(ContainerdContainer):
        yield _record(index, record)


def _record(index: Index, fact: ContainerdContainer) -> Node:
    key = (fact.origin.witness, fact.namespace, fact.id)
    task = index.tasks.get(key)
    process = index.init_of.get(key)
    if task is not None:
        status = task.status
    elif index.listed(fact.origin.witness, "tasks", fact.namespace):
        status = "no task"
    else:
        status = ""
    name = next((fact.labels[label] for label in _NAME_LABELS if fact.labels.get(label)), "")
    return Node(
        id=ids.container(fact),
        kind="container",
        name=name or fact.id,
        witness=fact.origin.witness,
        attrs={
            "id": fact.id,
            "namespace": fact.namespace,
            "status": status,
            "pid": process[0].pid if process else 0,
            "runtime": fact.runtime,
            "image_ref": fact.image,
            "snapshotter": fact.snapshotter,
            "snapshot_key": fact.snapshot_key,
            "sandbox": fact.sandbox,
            "created": fact.created,
            "labels": fact.labels,
            "cgroups_path": fact.cgroups_path,
            "root_path": fact.root_path,
            "args": list(fact.args),
        },
    )


def tasks(index: Index) -> Iterator[Node]:
    for fact in index.all(Task):
        yield Node(
            id=ids.task(fact),
            kind="task",
            name=fact.id,
            witness=fact.origin.witness,
            attrs={"id": fact.id, "namespace": fact.namespace, "status": fact.status, "pid": fact.pid},
        )


def sandboxes(index: Index) -> Iterator[Node]:
    for fact in index.all(Sandbox):
        yield Node(
            id=ids.sandbox_of(fact),
            kind="sandbox",
            name=fact.id,
            witness=fact.origin.witness,
            attrs={
                "id": fact.id,
                "namespace": fact.namespace,
                "runtime": fact.runtime,
                "sandboxer": fact.sandboxer,
                "created": fact.created,
                "labels": fact.labels,
            },
        )


def shims(index: Index) -> Iterator[Node]:
    for shim in index.shims:
        yield Node(
            id=shim.id,
            kind="shim",
            name=shim.process.comm,
            witness="kernel",
            attrs={
                "id": shim.container,
                "namespace": shim.namespace,
                "address": shim.address,
                "pid": shim.process.pid,
                "starttime": shim.process.starttime,
                "argv": list(shim.process.argv),
                "bundle": shim.process.cwd,
                "state": shim.process.state,
            },
        )
