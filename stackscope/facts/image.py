"""Images: names in stores, and what a manifest says of its config."""

from __future__ import annotations

import msgspec

from stackscope.facts.core import Fact


class DockerImage(Fact, frozen=True, kw_only=True, tag="docker-image"):
    """One entry of `GET /images/json`. `id` is the config digest with the graphdriver store and the target digest
    with the containerd store; `size` in bytes, `created` in seconds since 1970. `target_digest` is
    `Descriptor.digest` (API 1.48, containerd store)."""

    id: str
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    created: int = 0
    size: int = 0
    target_digest: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class ContainerdImage(Fact, frozen=True, kw_only=True, tag="containerd-image"):
    """One name in one containerd namespace (Images.List), with its target descriptor. `size` is the descriptor's,
    that is of the manifest or index alone, in bytes."""

    namespace: str
    name: str
    target_digest: str
    media_type: str = ""
    size: int = 0
    created: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class PlatformManifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One manifest of an image: its digest, its config's digest, its platform (`linux/amd64`) and its size, the sum
    of the config and the layers in bytes."""

    digest: str
    config_digest: str
    platform: str = ""
    size: int = 0
    layers: tuple[str, ...] = ()


class ImageManifests(Fact, frozen=True, kw_only=True, tag="image-manifests"):
    """The manifests behind a target digest, read from containerd's content store (Content.Read). The digest of what
    was read was checked."""

    namespace: str
    target_digest: str
    manifests: tuple[PlatformManifest, ...]


class ContentTotal(Fact, frozen=True, kw_only=True, tag="content-total"):
    """Number and bytes of the blobs that one namespace can see (Content.List)."""

    namespace: str
    blobs: int
    bytes: int


class UnpackedTo(Fact, frozen=True, kw_only=True, tag="unpacked-to"):
    """A config blob's label `containerd.io/gc.ref.snapshot.<snapshotter>`: the chain id of the image's top layer."""

    namespace: str
    config_digest: str
    snapshotter: str
    chain_id: str
