"""What more than one view says of containers and engines: one line for each, from the graph."""

from __future__ import annotations

from dataclasses import dataclass

from stackscope.graph import Node, Relation, Topology

_RUNNING_FIRST = ("running", "paused", "restarting", "unknown", "stopped", "created", "exited", "dead", "no task", "")


@dataclass(frozen=True, kw_only=True)
class ContainerLine:
    """A container, docker's and containerd's record of it folded. `docker` or `record` is None where that witness
    has none; `shim_pid` and `pid` are 0 where there is none or it is not known."""

    name: str
    id: str
    status: str
    image: str
    docker: Node | None
    record: Node | None
    namespace: str
    pid: int
    argv: tuple[str, ...]
    shim: Node | None
    cgroup: str
    trouble: str

    @property
    def order(self) -> tuple[bool, int, str, str]:
        """Trouble first, then running ones, then by name."""
        rank = _RUNNING_FIRST.index(self.status) if self.status in _RUNNING_FIRST else len(_RUNNING_FIRST)
        return (not self.trouble, rank, self.name, self.id)


def container_lines(topology: Topology) -> list[ContainerLine]:
    """Every container of the host once."""
    lines = []
    folded: set[str] = set()
    for node in topology.of_kind("container"):
        if "namespace" not in node.attrs:
            continue
        dockers = [topology.nodes[link.source] for link in topology.into(node.id, Relation.SAME_CONTAINER)]
        folded.update(docker.id for docker in dockers)
        lines.append(_line(topology, dockers[0] if dockers else None, node))
    for node in topology.of_kind("container"):
        if "namespace" not in node.attrs and node.id not in folded:
            lines.append(_line(topology, node, None))
    return sorted(lines, key=lambda line: line.order)


def _line(topology: Topology, docker: Node | None, record: Node | None) -> ContainerLine:
    main = docker or record
    assert main is not None
    pid, cgroup, trouble = 0, "", ""
    argv: tuple[str, ...] = ()
    status = main.attrs["status"]
    shim = _first(topology, main if record is None else record, Relation.SHIM_OF)
    if record is not None:
        pid, argv = _process(topology, record)
        cgroup = _cgroup(topology, record)
        trouble = _trouble(record, docker, shim, pid)
    return ContainerLine(
        name=main.name,
        id=main.attrs["id"],
        status=status,
        image=main.attrs["image_ref"],
        docker=docker,
        record=record,
        namespace=record.attrs["namespace"] if record else "",
        pid=pid,
        argv=argv,
        shim=shim,
        cgroup=cgroup,
        trouble=trouble,
    )


def _first(topology: Topology, node: Node, relation: Relation) -> Node | None:
    links = topology.into(node.id, relation)
    return topology.nodes[links[0].source] if links else None


def _process(topology: Topology, record: Node) -> tuple[int, tuple[str, ...]]:
    for task in topology.out(record.id, Relation.HAS_TASK):
        for run in topology.out(task.target, Relation.RUNS):
            process = topology.nodes[run.target]
            return process.attrs["pid"], tuple(process.attrs["argv"])
        return topology.nodes[task.target].attrs["pid"], ()
    return 0, ()


def _cgroup(topology: Topology, record: Node) -> str:
    """The deepest path: in hybrid mode a hierarchy without the runtime's controllers keeps the root."""
    paths = [topology.nodes[link.target].attrs["path"] for link in topology.out(record.id, Relation.IN_CGROUP)]
    return max(paths, key=len, default="")


def _trouble(record: Node, docker: Node | None, shim: Node | None, pid: int) -> str:
    """What does not fit together, in words; "" where all does."""
    status = record.attrs["status"]
    if status == "unknown":
        if shim is None:
            return "its shim does not answer containerd, and no such shim process was found"
        stopped = " (the process is stopped)" if shim.attrs["state"] == "T" else ""
        return f"shim {shim.attrs['pid']} does not answer containerd{stopped}"
    if docker is not None and docker.attrs["status"] == "running" and status in ("stopped", "no task"):
        return f"docker says running, containerd says {status}"
    if status == "running" and shim is None:
        return "no shim process was found for it"
    if status == "running" and not pid:
        return "its process was not found"
    return ""


def engines(topology: Topology) -> list[Node]:
    """The daemons: containerds, then dockerds, then the others."""
    order = {"containerd": 0, "dockerd": 1}
    return sorted(topology.of_kind("daemon"), key=lambda d: (order.get(d.attrs["program"], 2), d.name, d.id))


def _release(kernel: str) -> str:
    """`6.18.44` of `6.18.44-some-vendor`."""
    return kernel.partition("-")[0]


def host_words(topology: Topology, containers: int) -> list[str]:
    """`vm`, `Linux 6.18.44`, `cgroup hybrid`, `11 containers by 2 engines`."""
    host = topology.host
    count = len(engines(topology))
    by = f"{count} engine{'' if count == 1 else 's'}"
    asked = any(engine.attrs["answered"] for engine in engines(topology))
    listed = all(
        "containers" in node.attrs
        for node in topology.nodes.values()
        if node.kind == "namespace" or (node.kind == "daemon" and "api_version" in node.attrs)
    )
    known = f"{containers} container{'' if containers == 1 else 's'}{'' if listed else ' known'} by {by}"
    words = known if asked or not count else f"{by}, none answered"
    return [host.hostname, f"Linux {_release(host.kernel)}", f"cgroup {host.cgroup_mode}", words]
