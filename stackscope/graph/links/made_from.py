"""container → image."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.container import ContainerdContainer, DockerContainer
from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """In docker by the image id that the container records (its name may have moved to another image since); in
    containerd by the image name in the record, in the same namespace."""
    names = {
        (image.origin.witness, image.namespace, image.name): ids.containerd_image(image)
        for image in index.all(ContainerdImage)
    }
    for record in index.all(ContainerdContainer):
        target = names.get((record.origin.witness, record.namespace, record.image))
        if target is not None:
            because = "containerd's record names the image"
            yield Link(
                ids.container(record), Relation.MADE_FROM, target, because, (evidence(record.origin, record.image),)
            )
    by_id = {(image.origin.witness, image.id): image for image in index.all(DockerImage)}
    for container in index.all(DockerContainer):
        image = by_id.get((container.origin.witness, container.image_id))
        if image is not None:
            yield _docker(container, image)


def _docker(container: DockerContainer, image: DockerImage) -> Link:
    path = container.origin.witness.partition(":")[2]
    inspect = ("docker", "-H", f"unix://{path}", "inspect", "-f", "{{.Image}}", container.id)
    nodes = ids.docker_images(image)
    named = ids.image(image.origin.witness, container.image)
    return Link(
        ids.container(container),
        Relation.MADE_FROM,
        named if named in nodes else nodes[0],
        "docker records this image id",
        (evidence(container.origin, image.id, *inspect),),
    )


RULE = LinkRule(id="made_from", relation=Relation.MADE_FROM, find=find)
