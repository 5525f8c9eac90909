"""A made-up host with a dockerd, a containerd and every kind of node; its names may be anything."""

from stackscope.facts import SCHEMA, AnyFact, Capture, Gap, Host, Listing, Origin, Why
from stackscope.facts.client import ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Mount, Sandbox, Task
from stackscope.facts.daemon import ContainerdInfo, ContainerdNamespace, DockerInfo, Plugin
from stackscope.facts.image import ContainerdImage, ContentTotal, DockerImage, ImageManifests, PlatformManifest
from stackscope.facts.needs import EVERYTHING
from stackscope.facts.process import Process
from stackscope.facts.snapshot import Lease, LeaseResource, Snapshot
from stackscope.facts.socket import Connection, Endpoint, Listener, SocketHolder
from stackscope.facts.storage import Bundle, Network, Volume
from stackscope.graph import Topology
from stackscope.graph.build import build

DOCKER = "/run/docker.sock"
CONTAINERD = "/run/containerd/containerd.sock"
KERNEL = Origin(witness="kernel", call="/proc")
SAYS_DOCKER = Origin(witness=f"dockerd:{DOCKER}", call="GET /info", command="docker info")
SAYS_CONTAINERD = Origin(witness=f"containerd:{CONTAINERD}", call="Version.Version")
CONFIG = f"sha256:{'c' * 64}"
TARGET = f"sha256:{'d' * 64}"


def topology(name: str = "web", count: int = 1, hostname: str = "vm") -> Topology:
    """`count` containers of docker's, the first called `name`; one of each other thing, all called `name`."""
    return build(capture(name, count, hostname)).topology


def capture(name: str = "web", count: int = 1, hostname: str = "vm") -> Capture:
    facts: list[AnyFact] = [*_engines(name), *_stores(name)]
    for number in range(count):
        facts += _container(name if not number else f"{name}-{number}", number)
    gap = Gap(subject="kernel", why=Why.DENIED, detail=f"the open files of {name}", origin=KERNEL, lifts="run as root")
    return Capture(
        schema=SCHEMA,
        stackscope="0",
        taken_at="2026-11-22T12:00:00Z",
        host=Host(hostname=hostname, kernel="6.1", machine="x86_64", cgroup_mode="hybrid", uid=0),
        redacted=True,
        needs=EVERYTHING.words,
        looked_at=(DOCKER, CONTAINERD),
        facts=tuple(facts),
        gaps=(gap,),
    )


def container_id(number: int) -> str:
    return f"{number:02x}" * 32


def _engines(name: str) -> list[AnyFact]:
    facts: list[AnyFact] = []
    for pid, path, api in ((10, CONTAINERD, "containerd"), (20, DOCKER, "docker")):
        program = "dockerd" if api == "docker" else api
        facts += [
            Endpoint(origin=KERNEL, path=path, named=path, named_by=("usual path",), state="listening", expected=api),
            Listener(origin=KERNEL, path=path, socket_inode=pid * 100),
            SocketHolder(origin=KERNEL, socket_inode=pid * 100, pid=pid, starttime=1),
            Process(origin=KERNEL, pid=pid, starttime=1, ppid=1, comm=program, role="engine", argv=(program, name)),
        ]
    return [
        *facts,
        Connection(origin=KERNEL, path=CONTAINERD, socket_inode=7, pid=20, starttime=1),
        DockerInfo(
            origin=SAYS_DOCKER, socket=DOCKER, engine_id="E", version="20.10", api_version="1.41",
            root=f"/var/lib/{name}", driver="overlay2", warnings=(name,),
        ),
        ContainerdInfo(origin=SAYS_CONTAINERD, socket=CONTAINERD, version="1.6", root=f"/var/lib/containerd-{name}"),
        Plugin(origin=SAYS_CONTAINERD, type="io.containerd.grpc.v1", id="cri", status="ok"),
        *(ContainerdNamespace(origin=SAYS_CONTAINERD, name=each, labels={name: name}) for each in ("moby", "k8s.io")),
        ClientVariable(origin=KERNEL, name="CONTAINERD_NAMESPACE", value="moby"),
    ]  # fmt: skip


def _stores(name: str) -> list[AnyFact]:
    listed = [
        Listing(origin=SAYS_CONTAINERD, what=what, namespace="k8s.io", count=1)
        for what in ("containers", "tasks", "images", "snapshots", "leases")
    ]
    manifest = PlatformManifest(digest=TARGET, config_digest=CONFIG, platform=name, size=3, layers=("sha256:1",))
    return [
        *listed,
        DockerImage(origin=SAYS_DOCKER, id=CONFIG, repo_tags=(f"{name}:1",), size=1 << 20, labels={"a": name}),
        DockerImage(origin=SAYS_DOCKER, id="sha256:" + "e" * 64),
        ContainerdImage(origin=SAYS_CONTAINERD, namespace="k8s.io", name=f"{name}:1", target_digest=TARGET),
        ImageManifests(origin=SAYS_CONTAINERD, namespace="k8s.io", target_digest=TARGET, manifests=(manifest,)),
        ContentTotal(origin=SAYS_CONTAINERD, namespace="k8s.io", blobs=3, bytes=4),
        Snapshot(origin=SAYS_CONTAINERD, namespace="k8s.io", snapshotter="overlayfs", key="base", kind="committed"),
        Snapshot(
            origin=SAYS_CONTAINERD, namespace="k8s.io", snapshotter="overlayfs", key=name, parent="base", kind="active"
        ),
        Lease(
            origin=SAYS_CONTAINERD, namespace="k8s.io", id=name,
            resources=(LeaseResource(type="snapshots/overlayfs", id=name),),
        ),
        ContainerdContainer(
            origin=SAYS_CONTAINERD, namespace="k8s.io", id=name, image=f"{name}:1", snapshotter="overlayfs",
            snapshot_key=name, sandbox=name, cgroups_path=name, args=(name,), labels={"a": name},
        ),
        Sandbox(origin=SAYS_CONTAINERD, namespace="k8s.io", id=name),
        Volume(origin=SAYS_DOCKER, name=name, mountpoint=f"/{name}"),
        Network(origin=SAYS_DOCKER, id="f" * 64, name=name),
        Bundle(origin=Origin(witness="disk", call=name), path=f"/bundle/{name}", namespace="moby", id=name),
    ]  # fmt: skip


def _container(name: str, number: int) -> list[AnyFact]:
    whole, shim, init = container_id(number), 1000 + 10 * number, 1001 + 10 * number
    argv = ("shim", "-namespace", "moby", "-id", whole, "-address", CONTAINERD)
    return [
        DockerContainer(
            origin=SAYS_DOCKER, id=whole, names=(name,), image="x:1", image_id=CONFIG, state="running", command=name,
            mounts=(Mount(type="volume", name=name, destination="/data"),), networks=(name,),
        ),
        ContainerdContainer(origin=SAYS_CONTAINERD, namespace="moby", id=whole, runtime="runc", root_path=f"/{name}"),
        Task(origin=SAYS_CONTAINERD, namespace="moby", id=whole, pid=init, status="running"),
        Process(origin=KERNEL, pid=shim, starttime=1, ppid=1, comm="shim", role="shim", argv=argv, cwd=f"/b/{name}"),
        Process(
            origin=KERNEL, pid=init, starttime=1, ppid=shim, comm=name, role="container", argv=(name,),
            cgroups={"": f"/docker/{name}"}, namespaces={"net": 5},
        ),
    ]  # fmt: skip
