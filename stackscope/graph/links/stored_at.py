"""daemon → directory, shim → bundle: where its state lies."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.storage import Bundle
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By what the engine says of itself: DockerRootDir, and the exported path of containerd's metadata database."""
    for daemon in index.daemons:
        if daemon.docker is not None and daemon.docker.root:
            info = daemon.docker
            words = ("docker", "-H", f"unix://{daemon.path}", "info", "-f", "{{.DockerRootDir}}")
            proof = evidence(info.origin, info.root, *words)
            target = ids.storage(daemon.witness, info.root)
            yield Link(daemon.id, Relation.STORED_AT, target, "its /info names its data root", (proof,))
        for plugin in index.plugins.get(daemon.witness, ()):
            if daemon.containerd is not None and plugin.type == "io.containerd.metadata.v1" and daemon.containerd.root:
                target = ids.storage(daemon.witness, daemon.containerd.root)
                because = f"its metadata database is {plugin.root}"
                yield Link(daemon.id, Relation.STORED_AT, target, because, (evidence(plugin.origin, plugin.root),))
    for shim in index.shims:
        bundle = index.bundles.get(shim.process.cwd)
        if isinstance(bundle, Bundle):
            proof = evidence(shim.process.origin, bundle.path, "readlink", f"/proc/{shim.process.pid}/cwd")
            target = ids.storage(bundle.origin.witness, bundle.path)
            yield Link(shim.id, Relation.STORED_AT, target, "a shim works in its bundle", (proof,))


RULE = LinkRule(id="stored_at", relation=Relation.STORED_AT, find=find)
