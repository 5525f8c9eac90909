"""Small hosts for the graph's tests, fact by fact."""

from stackscope.facts import AnyFact, Origin
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Task
from stackscope.facts.daemon import ContainerdInfo, ContainerdNamespace, DockerInfo
from stackscope.facts.process import Process
from stackscope.facts.socket import Connection, Endpoint, Listener, SocketHolder
from stackscope.facts.storage import Bundle
from stackscope.graph.build import Built, build
from stackscope.graph.model import Link, Relation
from tests.capture.captures import capture

DOCKER, CONTAINERD = "/run/docker.sock", "/run/containerd/containerd.sock"
KERNEL = Origin(witness="kernel", call="x")
WEB, DB = "a1" * 32, "b2" * 32


def graph(*facts: AnyFact) -> Built:
    return build(capture(*facts))


def links(relation: Relation, *facts: AnyFact) -> list[Link]:
    return list(graph(*facts).topology.links(relation))


def ends(found: list[Link]) -> list[tuple[str, str]]:
    return [(link.source, link.target) for link in found]


def said_by(witness: str, call: str = "List") -> Origin:
    return Origin(witness=witness, call=call)


def process(
    pid: int, comm: str = "app", *argv: str, role: str = "process", ppid: int = 1, cwd: str = "", cgroup: str = "/"
) -> Process:
    return Process(
        origin=Origin(witness="kernel", call=f"/proc/{pid}"), pid=pid, starttime=pid * 10, ppid=ppid, comm=comm,
        role=role, argv=argv or (comm,), cwd=cwd, cgroups={"": cgroup},
    )  # fmt: skip


def engine(pid: int, comm: str, *argv: str, ppid: int = 1) -> Process:
    return process(pid, comm, comm, *argv, role="engine", ppid=ppid)


def shim(pid: int, name: str, container: str, address: str = CONTAINERD, cwd: str = "") -> Process:
    argv = ("containerd-shim-runc-v2", "-namespace", name, "-id", container, "-address", address)
    return process(pid, "containerd-shim", *argv, role="shim", cwd=cwd)


def endpoint(path: str, expected: str, *, state: str = "listening", peer: int = 0, named: str = "") -> Endpoint:
    return Endpoint(
        origin=KERNEL, path=path, named=named or path, named_by=("usual path",), state=state, expected=expected,
        peer_pid=peer, inode=7,
    )  # fmt: skip


def held(path: str, *pids: int, inode: int) -> list[AnyFact]:
    """A listening socket and its holders."""
    holders = [SocketHolder(origin=KERNEL, socket_inode=inode, pid=pid, starttime=pid * 10) for pid in pids]
    return [Listener(origin=KERNEL, path=path, socket_inode=inode), *holders]


def dockerd_says(path: str = DOCKER, **members: str) -> DockerInfo:
    return DockerInfo(
        origin=said_by(f"dockerd:{path}", "GET /info"), socket=path, engine_id=f"E:{path}", version="28.0",
        api_version="1.48", root="/var/lib/docker", driver="overlay2", **members,
    )  # type: ignore[arg-type]  # the members given are texts  # fmt: skip


def containerd_says(path: str = CONTAINERD) -> ContainerdInfo:
    return ContainerdInfo(origin=said_by(f"containerd:{path}", "Version"), socket=path, version="1.7.0")


def dockerd(pid: int, *argv: str, path: str = DOCKER, inode: int = 1, **members: str) -> list[AnyFact]:
    """A dockerd that answers at a socket that it holds."""
    return [
        engine(pid, "dockerd", *argv), endpoint(path, "docker"), *held(path, pid, inode=inode),
        dockerd_says(path, **members),
    ]  # fmt: skip


def containerd(pid: int, path: str = CONTAINERD, inode: int = 2, ppid: int = 1) -> list[AnyFact]:
    """A containerd that answers at a socket that it holds."""
    return [
        engine(pid, "containerd", ppid=ppid), endpoint(path, "containerd"), *held(path, pid, inode=inode),
        containerd_says(path),
    ]  # fmt: skip


def docker_container(container: str, name: str = "web", path: str = DOCKER) -> DockerContainer:
    return DockerContainer(
        origin=said_by(f"dockerd:{path}"), id=container, names=(name,), image="web", image_id="sha256:" + "c" * 64
    )


def record(container: str, name: str = "moby", path: str = CONTAINERD, **members: str) -> ContainerdContainer:
    return ContainerdContainer(origin=said_by(f"containerd:{path}"), namespace=name, id=container, **members)  # type: ignore[arg-type]  # texts


def namespace(name: str, path: str = CONTAINERD) -> ContainerdNamespace:
    return ContainerdNamespace(origin=said_by(f"containerd:{path}"), name=name)


def task(container: str, pid: int, name: str = "moby", status: str = "running", path: str = CONTAINERD) -> Task:
    return Task(origin=said_by(f"containerd:{path}"), namespace=name, id=container, pid=pid, status=status)


def connection(pid: int, path: str, inode: int = 900) -> Connection:
    return Connection(origin=KERNEL, path=path, socket_inode=inode, pid=pid, starttime=pid * 10)


def bundle(path: str, name: str, container: str, init_pid: int) -> Bundle:
    return Bundle(
        origin=Origin(witness="disk", call=f"{path}/init.pid"), path=path, namespace=name, id=container,
        init_pid=init_pid,
    )  # fmt: skip


def variable(name: str, value: str) -> ClientVariable:
    return ClientVariable(origin=Origin(witness="client:environment", call=f"${name}"), name=name, value=value)


def file(client: str, path: str, state: str = "read", **settings: str) -> ClientFile:
    return ClientFile(
        origin=Origin(witness=f"client:{client}", call=path), client=client, path=path, state=state, settings=settings
    )
