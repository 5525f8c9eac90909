"""The tasks of one containerd, whatever its shims do.

For its listing containerd asks one shim after another and waits 2 s for each that hangs. So a listing that takes longer
than a healthy one could is given up, and every task is asked for by itself, side by side: a shim that hangs is a gap of
its own task, and the others are complete.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts import Fact, Gap, Listing, Origin, Why, node_id
from stackscope.facts.text import command
from stackscope.sources.containerd import read
from stackscope.transports.budget import Budget
from stackscope.transports.grpc_channel import CallFailed, GrpcChannel
from stackscope.wire.containerd import task_types_pb2, tasks_pb2

_SERVICE = "/containerd.services.tasks.v1.Tasks"

_PATIENCE = 1.0
_PATIENCE_PER_TASK = 0.002
"""Seconds that a listing may take from its start, and for each container more."""

_RESERVE = 0.2
"""Seconds of the budget that are kept for saying what was found."""


class Tasks:
    """The listings of all namespaces, under way from the moment this is made."""

    def __init__(self, witness: str, channel: GrpcChannel, budget: Budget, names: list[str]) -> None:
        self._witness = witness
        self._path = witness.partition(":")[2]
        self._channel = channel
        self._budget = budget
        self._names = list(names)
        self._lists = channel.start_all(
            f"{_SERVICE}/List",
            [(tasks_pb2.ListTasksRequest(), name) for name in names],
            tasks_pb2.ListTasksResponse,
        )

    def collect(self, ids: dict[str, list[str]], listed: set[str]) -> Iterator[Fact | Gap]:
        """The tasks; `ids` are the containers of each namespace, for asking one by one, `listed` the namespaces whose
        containers were listed to the end."""
        patience = _PATIENCE + _PATIENCE_PER_TASK * sum(map(len, ids.values()))
        slow = []
        for name, reply in zip(self._names, self._lists.results(patience), strict=True):
            if not isinstance(reply, CallFailed):
                yield from self._listed(name, list(reply.tasks))
            elif reply.why is Why.TIMEOUT and name in listed:
                slow.append(name)
            else:
                detail = f"Tasks.List namespace={name}: {reply.detail}"
                yield Gap(subject=self._witness, why=reply.why, detail=detail, origin=self._origin(name))
        if slow:
            yield from self._one_by_one(slow, ids)

    def _one_by_one(self, names: list[str], ids: dict[str, list[str]]) -> Iterator[Fact | Gap]:
        asked = [(name, each) for name in names for each in ids[name]]
        started = self._channel.start_all(
            f"{_SERVICE}/Get",
            [(tasks_pb2.GetRequest(container_id=each), name) for name, each in asked],
            tasks_pb2.GetResponse,
        )
        found: dict[str, list[task_types_pb2.Process]] = {name: [] for name in names}
        replies = started.results(max(0.0, self._budget.left() - _RESERVE))
        for (name, each), reply in zip(asked, replies, strict=True):
            if not isinstance(reply, CallFailed):
                found[name].append(reply.process)
            elif not reply.not_found:
                found[name].append(task_types_pb2.Process(id=each))
        for name, processes in found.items():
            # Every container was asked for: together that is a listing.
            yield from self._listed(name, processes)

    def _listed(self, name: str, replies: list[task_types_pb2.Process]) -> Iterator[Fact | Gap]:
        for entry in replies:
            fact = read.task(entry, name, self._origin(name))
            yield fact
            if fact.pid == 0 and fact.status == "unknown":
                yield Gap(
                    subject=node_id("task", self._witness, f"{name}/{fact.id}"),
                    why=Why.TIMEOUT,
                    detail="its shim did not answer containerd, which does not know its status and pid",
                    origin=self._origin(name),
                    lifts="ask again when the shim answers",
                )
        yield Listing(origin=self._origin(name), what="tasks", namespace=name, count=len(replies))

    def _origin(self, name: str) -> Origin:
        return Origin(
            witness=self._witness,
            call=f"Tasks.List namespace={name}",
            command=command("ctr", "-a", self._path, "-n", name, "tasks", "ls"),
        )
