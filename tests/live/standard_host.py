"""The standard host of the live tests: two engines, three namespaces, every container state."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.live.lab import Containerd, Dockerd, Lab, LabError

PAUSE = "docker.io/acme/pause:1"
ONLY_CTR = "docker.io/acme/only-ctr:1"
ONLY_K8S = "docker.io/acme/only-k8s:1"
LEASE = "held-by-hand"
EMPTY_NAMESPACE = "empty-one"
STOPPED_EXIT_STATUS = 3
CRI_LABEL = "io.cri-containerd.image=managed"
CRI_LIMIT = 10.0  # seconds


@dataclass(frozen=True, kw_only=True)
class StandardHost:
    """What was staged, by name.

    Docker ids are 64 digits, image ids and digests `sha256:` and 64 digits. Containers of ctr have
    free ids: those carry the lab's name, so that their cgroups collide with nobody's.
    """

    lab: Lab
    containerd: Containerd
    dockerd: Dockerd
    docker_containers: Mapping[str, str]
    """Name to id: web, db, cache (network none), worker (restarted) run; job exited, asleep is
    paused, later was only created."""
    docker_images: Mapping[str, str]
    """Reference to image id; acme/pause:1 and acme/pause:2 share one."""
    dangling_image: str
    docker_volumes: Mapping[str, str]
    """Volume name to the container that mounts it."""
    containers: Mapping[str, Mapping[str, str]]
    """containerd namespace to (name to id) of ctr's own: default has tool-a and tool-b running
    and draft without a task, k8s.io has kube running. Docker's are in `moby` by their ids."""
    images: Mapping[str, Mapping[str, str]]
    """containerd namespace to (whole name to target digest); PAUSE is equal in default and
    k8s.io, the others are in one namespace each. In k8s.io the CRI plugin has named each image
    again by its config digest."""
    lease: str
    """A lease in default that pins nothing."""
    empty_namespace: str
    """A containerd namespace with the label team=a and nothing in it."""


def stage_standard_host(lab: Lab) -> StandardHost:
    """Start the engines in `lab` and bring everything up; it takes some seconds."""
    containerd = lab.containerd()
    dockerd = lab.dockerd(containerd)
    docker_images, dangling = _docker_images(lab, dockerd)
    lab.copy_image(dockerd, "acme/pause:1", containerd, "default", "k8s.io")
    lab.containerd_image(containerd, ONLY_CTR, "only-ctr")
    lab.containerd_image(containerd, ONLY_K8S, "only-k8s", namespace="k8s.io")
    _wait_for_cri(containerd)
    containers = _ctr_containers(lab, containerd)
    containerd.ctr("leases", "create", "--id", LEASE, "--expires", "24h", "why=test")
    containerd.ctr("namespaces", "create", EMPTY_NAMESPACE, "team=a")
    return StandardHost(
        lab=lab,
        containerd=containerd,
        dockerd=dockerd,
        docker_containers=_docker_containers(dockerd),
        docker_images=docker_images,
        dangling_image=dangling,
        docker_volumes={"webdata": "web", "dbdata": "db"},
        containers=containers,
        images={name: digests(containerd, name) for name in ("default", "k8s.io")},
        lease=LEASE,
        empty_namespace=EMPTY_NAMESPACE,
    )


def digests(containerd: Containerd, namespace: str) -> dict[str, str]:
    """Image name to target digest, as `ctr images ls` lists them."""
    rows = containerd.ctr("images", "ls", namespace=namespace).stdout.splitlines()[1:]
    return {row.split()[0]: row.split()[2] for row in rows}


def _wait_for_cri(containerd: Containerd) -> None:
    """Return once the CRI plugin has marked and named again what was imported for it."""
    deadline = time.monotonic() + CRI_LIMIT
    while time.monotonic() < deadline:
        rows = containerd.ctr("images", "ls", namespace="k8s.io").stdout.splitlines()[1:]
        again = [row for row in rows if row.startswith("sha256:")]
        if 2 * len(again) == len(rows) and all(CRI_LABEL in row for row in rows):
            return
        time.sleep(0.02)
    raise LabError("the CRI plugin did not take up the images in k8s.io")


def _docker_images(lab: Lab, dockerd: Dockerd) -> tuple[dict[str, str], str]:
    pause = lab.docker_image(dockerd, "acme/pause:1", "pause")
    dockerd.docker("tag", "acme/pause:1", "acme/pause:2")
    only_docker = lab.docker_image(dockerd, "acme/only-docker:1", "only-docker")
    dangling = lab.docker_image(dockerd, None, "dangling")
    named = {"acme/pause:1": pause, "acme/pause:2": pause, "acme/only-docker:1": only_docker}
    return named, dangling


def _docker_containers(dockerd: Dockerd) -> dict[str, str]:
    docker = dockerd.docker
    ids: dict[str, str] = {}

    def start(name: str, *options: str, image: str = "acme/pause:1", command: Sequence[str] = ()) -> None:
        labels = ("--label", f"app={name}")
        ids[name] = dockerd.run_container(image, name, *labels, *options, command=command)

    start("web", "--label", "tier=front", "-v", "webdata:/data", "-e", "TOKEN=not-for-show")
    start("db", "--label", "tier=back", "-v", "dbdata:/data", "--memory", "64m")
    start("cache", "--network=none", image="acme/only-docker:1")
    start("worker", "--restart", "unless-stopped")
    start("job", command=("/bin/sh", "-c", f"exit {STOPPED_EXIT_STATUS}"))
    start("asleep")
    created = docker("create", "--name", "later", "--label", "app=later", "acme/pause:2")
    ids["later"] = created.stdout.strip()
    docker("restart", "worker")
    docker("pause", "asleep")
    docker("wait", "job")
    return ids


def _ctr_containers(lab: Lab, containerd: Containerd) -> dict[str, dict[str, str]]:
    def unique(name: str) -> str:
        return f"{name}-{lab.base.name}"

    containerd.run_container(PAUSE, unique("tool-a"))
    containerd.run_container(ONLY_CTR, unique("tool-b"))
    containerd.ctr("containers", "create", PAUSE, unique("draft"))
    containerd.run_container(PAUSE, unique("kube"), namespace="k8s.io")
    return {
        "default": {name: unique(name) for name in ("tool-a", "tool-b", "draft")},
        "k8s.io": {"kube": unique("kube")},
    }
