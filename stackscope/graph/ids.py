"""The ids of nodes from the facts that make them. The local keys are tabled in the reference."""

from __future__ import annotations

from stackscope.facts import node_id
from stackscope.facts.container import ContainerdContainer, DockerContainer, Sandbox, Task
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.facts.snapshot import Lease, Snapshot


def namespace(witness: str, name: str) -> str:
    return node_id("namespace", witness, name)


def container(fact: ContainerdContainer | DockerContainer) -> str:
    """`NS/ID` in containerd, the 64-digit id in docker."""
    key = fact.id if isinstance(fact, DockerContainer) else f"{fact.namespace}/{fact.id}"
    return node_id("container", fact.origin.witness, key)


def task(fact: Task) -> str:
    return node_id("task", fact.origin.witness, f"{fact.namespace}/{fact.id}")


def sandbox(witness: str, name: str, sandbox_id: str) -> str:
    return node_id("sandbox", witness, f"{name}/{sandbox_id}")


def sandbox_of(fact: Sandbox) -> str:
    return sandbox(fact.origin.witness, fact.namespace, fact.id)


def image(witness: str, name: str) -> str:
    """`NS/NAME` in containerd; in docker a `name:tag`, or the digest of an image that has none."""
    return node_id("image", witness, name)


def containerd_image(fact: ContainerdImage) -> str:
    return image(fact.origin.witness, f"{fact.namespace}/{fact.name}")


def docker_names(fact: DockerImage) -> tuple[str, ...]:
    """The names that dockerd lists for an image: tags, else repository digests, else its id."""
    return fact.repo_tags or fact.repo_digests or (fact.id,)


def docker_images(fact: DockerImage) -> list[str]:
    return [image(fact.origin.witness, name) for name in docker_names(fact)]


def snapshot(witness: str, name: str, snapshotter: str, key: str) -> str:
    return node_id("snapshot", witness, f"{name}/{snapshotter}/{key}")


def snapshot_of(fact: Snapshot) -> str:
    return snapshot(fact.origin.witness, fact.namespace, fact.snapshotter, fact.key)


def content(witness: str, name: str, digest: str) -> str:
    return node_id("content", witness, f"{name}/{digest}")


def lease(fact: Lease) -> str:
    return node_id("lease", fact.origin.witness, f"{fact.namespace}/{fact.id}")


def volume(witness: str, name: str) -> str:
    return node_id("volume", witness, name)


def network(witness: str, network_id: str) -> str:
    return node_id("network", witness, network_id)


def socket(path: str) -> str:
    return node_id("socket", "kernel", path)


def cgroup(path: str) -> str:
    return node_id("cgroup", "kernel", path)


def kernel_namespace(kind: str, inode: int) -> str:
    return node_id("kernel_namespace", "kernel", f"{kind}:[{inode}]")


def storage(witness: str, path: str) -> str:
    return node_id("storage", witness, path)


def client(program: str, uid: int) -> str:
    return node_id("client", f"client:{program}", f"uid {uid}")
