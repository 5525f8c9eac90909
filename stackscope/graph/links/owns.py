"""daemon → containerd namespace: who put it there."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts import Origin
from stackscope.facts.argv import option
from stackscope.facts.container import ContainerdContainer
from stackscope.facts.daemon import ContainerdNamespace
from stackscope.graph import ids
from stackscope.graph.index import Daemon, Index
from stackscope.graph.links import uses
from stackscope.graph.model import Evidence, Link, Relation, evidence
from stackscope.graph.rule import LinkRule

CRI_PLUGINS = frozenset({"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"})
"""The CRI plugin of 1.x and of 2.x."""


def find(index: Index) -> Iterator[Link]:
    """A dockerd owns the namespace in which containerd has its containers, by equal ids; where it has none running,
    the one that `/info` or its command line names, or `moby`, in the containerd that it works with. `k8s.io` is the
    CRI plugin's, where that is loaded."""
    for witness, facts in index.namespaces.items():
        for fact in facts:
            yield from _docker(index, witness, fact)
            if fact.name == "k8s.io":
                yield from _cri(index, witness, fact)


def _docker(index: Index, witness: str, fact: ContainerdNamespace) -> Iterator[Link]:
    target = ids.namespace(witness, fact.name)
    for daemon in index.daemons:
        if daemon.program != "dockerd":
            continue
        shared = _shared(index, daemon, witness, fact.name)
        if shared:
            docker, record = shared[0]
            because = f"{len(shared)} of its containers are this dockerd's, by equal ids"
            proof: tuple[Evidence, ...] = (evidence(docker, record.id), evidence(record.origin, record.id))
        else:
            name, why, proof = _named(index, daemon)
            if name != fact.name or not _works_with(index, daemon, witness):
                continue
            because = f"{why}, and this dockerd works with this containerd"
        yield Link(daemon.id, Relation.OWNS, target, because, proof)


def _shared(index: Index, daemon: Daemon, witness: str, name: str) -> list[tuple[Origin, ContainerdContainer]]:
    return [
        (docker.origin, record)
        for (said, namespace, container), record in index.containerd_containers.items()
        if said == witness and namespace == name
        for docker in index.docker_containers.get(container, ())
        if docker.origin.witness == daemon.witness
    ]


def _named(index: Index, daemon: Daemon) -> tuple[str, str, tuple[Evidence, ...]]:
    """The namespace that this dockerd keeps its containers in, why, and the proof."""
    info, process = daemon.docker, daemon.process
    if info is not None and info.containerd_namespace:
        url = f"http://localhost/v{info.api_version}/info"
        proof = evidence(info.origin, info.containerd_namespace, "curl", "-s", "--unix-socket", daemon.path, url)
        return info.containerd_namespace, f'its /info says "{info.containerd_namespace}"', (proof,)
    if process is not None:
        ps = ("ps", "-ww", "-o", "args=", "-p", str(process.pid))
        if name := option(process.argv, "--containerd-namespace"):
            proof = evidence(process.origin, name, *ps)
            return name, f"its command line says --containerd-namespace {name}", (proof,)
        config = index.docker_configs.get(process.pid)
        proof = evidence(process.origin, "dockerd", *ps)
        if config is not None and config.containerd_namespace:
            read = evidence(config.origin, config.containerd_namespace)
            return config.containerd_namespace, f'{config.path} says "{config.containerd_namespace}"', (read,)
        if config is not None and config.state != "unreadable":
            why = f"it is dockerd's default, and neither its command line nor {config.path} names another"
            return "moby", why, (proof,)
    # A default is only believed where everything that could change it was read.
    return "", "", ()


def _works_with(index: Index, daemon: Daemon, witness: str) -> bool:
    target = index.daemon_by_witness.get(witness)
    return target is not None and any(link.target == target.id for link in uses.of_daemon(index, daemon))


def _cri(index: Index, witness: str, fact: ContainerdNamespace) -> Iterator[Link]:
    daemon = index.daemon_by_witness.get(witness)
    for plugin in index.plugins.get(witness, ()):
        if f"{plugin.type}.{plugin.id}" in CRI_PLUGINS and plugin.status == "ok" and daemon is not None:
            because = "the CRI plugin of this containerd is loaded, and k8s.io is the namespace that it works in"
            yield Link(
                daemon.id,
                Relation.OWNS,
                ids.namespace(witness, fact.name),
                because,
                (evidence(plugin.origin, plugin.type),),
            )
            return


RULE = LinkRule(id="owns", relation=Relation.OWNS, find=find)
