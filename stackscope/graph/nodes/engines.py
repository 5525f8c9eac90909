"""Nodes of daemons, sockets and containerd namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from stackscope.facts.argv import option
from stackscope.facts.container import ContainerdContainer, DockerContainer, Task
from stackscope.facts.daemon import DockerInfo
from stackscope.facts.image import ContainerdImage, ContentTotal, DockerImage
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.graph import ids
from stackscope.graph.index import Daemon, Index
from stackscope.graph.model import Node

CONTAINERD_STORE = "io.containerd.snapshotter.v1"
"""`driver-type` of a dockerd with the containerd image store (moby: daemon/containerd/service.go)."""


def daemons(index: Index) -> Iterator[Node]:
    for daemon in index.daemons:
        yield Node(
            id=daemon.id, kind="daemon", name=daemon.program, witness=daemon.witness, attrs=_attrs(index, daemon)
        )


def _attrs(index: Index, daemon: Daemon) -> dict[str, Any]:
    process, docker, containerd = daemon.process, daemon.docker, daemon.containerd
    attrs: dict[str, Any] = {"program": daemon.program, "socket": daemon.path, "answered": bool(docker or containerd)}
    if process is not None:
        attrs |= {
            "pid": process.pid,
            "starttime": process.starttime,
            "argv": list(process.argv),
            "exe": process.exe,
            "uid": process.uid,
            "started_by": started_by(index, daemon),
        }
    if docker is not None:
        attrs |= {
            "version": docker.version,
            "api_version": docker.api_version,
            "engine_id": docker.engine_id,
            "root": docker.root,
            "image_store": image_store(docker),
            "driver": docker.driver,
            "cgroup_driver": docker.cgroup_driver,
            "cgroup_version": docker.cgroup_version,
            "default_runtime": docker.default_runtime,
            "live_restore": docker.live_restore,
            "rootless": "name=rootless" in docker.security,
            "warnings": list(docker.warnings),
        }
        # A count that no listing gave is missing, not zero.
        for what, count in (
            ("containers", sum(f.origin.witness == daemon.witness for f in index.all(DockerContainer))),
            ("images", sum(f.origin.witness == daemon.witness for f in index.all(DockerImage))),
        ):
            if index.listed(daemon.witness, what):
                attrs[what] = count
    if containerd is not None:
        attrs |= {
            "version": containerd.version,
            "revision": containerd.revision,
            "uuid": containerd.uuid,
            "root": containerd.root,
            "content_policy": containerd.content_policy,
            "plugins": dict(Counter(plugin.status for plugin in index.plugins.get(daemon.witness, ()))),
            "snapshotters": sorted(
                plugin.id
                for plugin in index.plugins.get(daemon.witness, ())
                if plugin.type == "io.containerd.snapshotter.v1" and plugin.status == "ok"
            ),
        }
    return attrs


def image_store(info: DockerInfo) -> str:
    """`containerd` or `graphdriver`; "" where /info did not answer."""
    if not info.driver:
        return ""
    return "containerd" if info.driver_type == CONTAINERD_STORE else "graphdriver"


def started_by(index: Index, daemon: Daemon) -> str:
    """`supervised` (its parent is a dockerd, or its configuration is one that dockerd writes), `system` (its cgroup
    is a service's) or `manual`."""
    process = daemon.process
    if process is None:
        return ""
    parent = index.daemon_by_pid.get(process.ppid)
    if daemon.program == "containerd" and (
        (parent is not None and parent.program == "dockerd")
        or option(process.argv, "--config", "-c").endswith("/containerd/containerd.toml")
    ):
        return "supervised"
    return "system" if any(".service" in path for path in process.cgroups.values()) else "manual"


def sockets(index: Index) -> Iterator[Node]:
    for endpoint in index.endpoints.values():
        witness = f"{'dockerd' if endpoint.expected == 'docker' else 'containerd'}:{endpoint.path}"
        daemon = index.daemon_by_witness.get(witness)
        answered = daemon is not None and (daemon.docker or daemon.containerd)
        yield Node(
            id=ids.socket(endpoint.path),
            kind="socket",
            name=endpoint.path,
            witness="kernel",
            attrs={
                "path": endpoint.path,
                "named": endpoint.named,
                "named_by": list(endpoint.named_by),
                "state": endpoint.state,
                "apis": [endpoint.expected] if answered else [],
                "expected": endpoint.expected,
                "device": endpoint.device,
                "inode": endpoint.inode,
                "mode": f"{endpoint.mode:04o}" if endpoint.inode else "",
                "owner": f"{endpoint.uid}:{endpoint.gid}" if endpoint.inode else "",
                "group": endpoint.group,
            },
        )


def namespaces(index: Index) -> Iterator[Node]:
    """With what each holds; a count that no listing gave is missing, not zero."""
    counts = {
        "containers": _count(index.all(ContainerdContainer)),
        "tasks": _count(index.all(Task)),
        "images": _count(index.all(ContainerdImage)),
        "snapshots": _count(index.all(Snapshot)),
        "leases": _count(index.all(Lease)),
    }
    totals = {(fact.origin.witness, fact.namespace): fact for fact in index.all(ContentTotal)}
    listed = {(witness, what, name) for witness, what, name, _ in index.listings}
    for witness, found in index.namespaces.items():
        for fact in found:
            attrs: dict[str, Any] = {"labels": fact.labels}
            for what, counter in counts.items():
                if (witness, what, fact.name) in listed:
                    attrs[what] = counter[(witness, fact.name)]
            if total := totals.get((witness, fact.name)):
                attrs |= {"content_blobs": total.blobs, "content_bytes": total.bytes}
            yield Node(
                id=ids.namespace(witness, fact.name), kind="namespace", name=fact.name, witness=witness, attrs=attrs
            )


def _count(
    facts: Iterable[ContainerdContainer | Task | ContainerdImage | Snapshot | Lease],
) -> Counter[tuple[str, str]]:
    return Counter((fact.origin.witness, fact.namespace) for fact in facts)
