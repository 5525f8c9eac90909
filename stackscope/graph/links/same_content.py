"""image ↔ image: names of the same content in different places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence, Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By an equal digest: of the target, or of the config where containerd's manifest was read (docker's graphdriver
    store knows an image by its config's digest alone). Each group of equal images is chained, not meshed."""
    for digest, images in index.images_by_digest.items():
        nodes: dict[str, tuple[Evidence, str]] = {}
        for image in images:
            for node in _nodes(image):
                nodes.setdefault(node, _proof(index, image, digest))
        for left, right in pairwise(sorted(nodes)):
            (one, what), (other, of_what) = nodes[left], nodes[right]
            because = (
                f"equal digest {digest}" if what == of_what else f"the {what} of one is the {of_what} of the other"
            )
            yield Link(left, Relation.SAME_CONTENT, right, because, (one, other))


def _nodes(image: ContainerdImage | DockerImage) -> list[str]:
    return ids.docker_images(image) if isinstance(image, DockerImage) else [ids.containerd_image(image)]


def _proof(index: Index, image: ContainerdImage | DockerImage, digest: str) -> tuple[Evidence, str]:
    if isinstance(image, DockerImage):
        return evidence(image.origin, image.id), "image id"
    if image.target_digest == digest:
        return evidence(image.origin, digest), "target digest"
    read = index.manifests[(image.origin.witness, image.target_digest)]
    return evidence(read.origin, digest), "config digest"


RULE = LinkRule(id="same_content", relation=Relation.SAME_CONTENT, find=find)
