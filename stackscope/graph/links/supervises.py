"""dockerd → containerd: a containerd that dockerd started itself."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.argv import option
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the parent process; or, since a supervised containerd outlives a restart of its dockerd, by a configuration
    below that dockerd's `--exec-root` (moby: supervisor/remote_daemon.go)."""
    for containerd in index.daemons:
        process = containerd.process
        if containerd.program != "containerd" or process is None:
            continue
        ps = ("ps", "-ww", "-o", "ppid=,args=", "-p", str(process.pid))
        config = option(process.argv, "--config", "-c")
        for daemon in index.daemons:
            if daemon.program != "dockerd" or daemon.process is None:
                continue
            read = index.docker_configs.get(daemon.process.pid)
            root = option(daemon.process.argv, "--exec-root") or (read.exec_root if read else "") or "/var/run/docker"
            if process.ppid == daemon.process.pid:
                because, shows = f"its parent is this dockerd, pid {process.ppid}", str(process.ppid)
            elif config and index.canonical(config) == index.canonical(f"{root}/containerd/containerd.toml"):
                because, shows = f"its configuration {config} is one that this dockerd writes", config
            else:
                continue
            yield Link(daemon.id, Relation.SUPERVISES, containerd.id, because, (evidence(process.origin, shows, *ps),))


RULE = LinkRule(id="supervises", relation=Relation.SUPERVISES, find=find)
