"""shim → container."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.container import ContainerdContainer, DockerContainer
from stackscope.graph import ids
from stackscope.graph.index import Index, Shim
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule

_WHOLE_ID = 64
"""Digits of an id that docker drew by chance."""

_GROUP_ANNOTATIONS = ("io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id")
"""One shim serves all containers of a group (containerd: manager_linux.go groupLabels)."""


def find(index: Index) -> Iterator[Link]:
    """By namespace, id and address in the shim's argv; the other containers of a group by their annotation."""
    groups: dict[tuple[str, str, str], list[ContainerdContainer]] = {}
    for record in index.containerd_containers.values():
        for name in _GROUP_ANNOTATIONS:
            if group := record.annotations.get(name):
                groups.setdefault((record.origin.witness, record.namespace, group), []).append(record)
                break
    for shim in index.shims:
        key = (f"containerd:{shim.address}", shim.namespace, shim.container)
        first = index.containerd_containers.get(key)
        if first is not None:
            yield _link(shim, first, "its argv names namespace, id and containerd")
        elif len(shim.container) == _WHOLE_ID:
            # containerd has no record, or could not be asked.
            for docker in index.docker_containers.get(shim.container, ()):
                yield _of_docker(shim, docker)
        for member in groups.get(key, ()):
            if member is not first:
                yield _link(shim, member, f"it serves the group {shim.container}, which the spec names")


def _of_docker(shim: Shim, docker: DockerContainer) -> Link:
    ps = ("ps", "-ww", "-o", "args=", "-p", str(shim.process.pid))
    proof = (evidence(shim.process.origin, f"-id {shim.container}", *ps), evidence(docker.origin, docker.id))
    because = "its argv names the 64-digit id of docker's container; containerd told of no such record"
    return Link(shim.id, Relation.SHIM_OF, ids.container(docker), because, proof)


def _link(shim: Shim, record: ContainerdContainer, because: str) -> Link:
    shows = f"-namespace {shim.namespace} -id {shim.container}"
    ps = ("ps", "-ww", "-o", "args=", "-p", str(shim.process.pid))
    proof = (evidence(shim.process.origin, shows, *ps), evidence(record.origin, record.id))
    return Link(shim.id, Relation.SHIM_OF, ids.container(record), because, proof)


RULE = LinkRule(id="shim_of", relation=Relation.SHIM_OF, find=find)
