"""image → content: the blobs that its manifests name."""

from __future__ import annotations

from collections.abc import Iterator

from stackscope.facts.image import ContainerdImage
from stackscope.graph import ids
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence, Link, Relation, evidence
from stackscope.graph.rule import LinkRule


def find(index: Index) -> Iterator[Link]:
    """By the manifests that were read; a blob that a manifest names may be missing from the store."""
    for image in index.all(ContainerdImage):
        read = index.manifests.get((image.origin.witness, image.target_digest))
        if read is None:
            continue
        named = {image.target_digest: "the image name points to it"}
        for manifest in read.manifests:
            named.setdefault(manifest.digest, "the index names this manifest")
            for digest in (manifest.config_digest, *manifest.layers):
                named.setdefault(digest, f"the manifest {manifest.digest} names it")
        for digest, because in named.items():
            # A manifest below an index is read by itself; only the target's own text is this fact's.
            direct = digest == image.target_digest
            command = read.origin.command if len(read.manifests) == 1 else None
            proof = evidence(image.origin, digest) if direct else evidence(read.origin, digest)
            yield Link(
                ids.containerd_image(image),
                Relation.CONSISTS_OF,
                ids.content(image.origin.witness, image.namespace, digest),
                because,
                (proof if direct or command else Evidence(proof.origin, digest),),
            )


RULE = LinkRule(id="consists_of", relation=Relation.CONSISTS_OF, find=find)
