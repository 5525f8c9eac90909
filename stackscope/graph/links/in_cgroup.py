"""process, daemon or container → cgroup."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.process import Process
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence, Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """A process by /proc/PID/cgroup. A container by its first process; `because` says whether that agrees with the
    cgroupsPath of the container's spec."""
    for process in index.all(Process):
        source = index.node_of_pid(process.pid)
        for path in dict.fromkeys(process.cgroups.values()):
            if source is not None:
                yield Link(source, Relation.IN_CGROUP, ids.cgroup(path), "the kernel says so", (_proof(process, path),))
    for key, record in index.containerd_containers.items():
        found = index.init_of.get(key)
        if found is None:
            continue
        process = found[0]
        for path in dict.fromkeys(process.cgroups.values()):
            agrees = agreement(record.cgroups_path, path)
            because = f"its first process, pid {process.pid}, is in it{agrees}"
            yield Link(ids.container(record), Relation.IN_CGROUP, ids.cgroup(path), because, (_proof(process, path),))


def agreement(cgroups_path: str, path: str) -> str:
    """How a spec's cgroupsPath compares with the kernel's path. Forms: opencontainers/cgroups systemd/common.go and
    fs2/defaultpath.go."""
    if not cgroups_path:
        return ""
    slice_, *unit = cgroups_path.split(":")
    if len(unit) == 2 and not slice_.startswith("/"):
        prefix, name = unit
        expected = f"/{name}" if name.endswith(".slice") else f"/{prefix}-{name}.scope"
    else:
        expected = f"/{cgroups_path.strip('/')}"
    # Whole names only: /default/tool is not /default/tool-b. What lies below was made by the container itself.
    if f"{expected}/" in f"{path}/":
        return f", as its spec says ({cgroups_path})"
    return "" if path == "/" else f"; its spec says {cgroups_path}"


def _proof(process: Process, path: str) -> Evidence:
    return evidence(process.origin, path, "cat", f"/proc/{process.pid}/cgroup")


RULE = LinkRule(id="in_cgroup", relation=Relation.IN_CGROUP, find=find)
