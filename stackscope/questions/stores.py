"""Every place on the host that holds image names, with its names: what `why` searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from stackscope.facts.image import ContainerdImage, DockerImage
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence, evidence
from stackscope.graph.nodes.engines import image_store
from stackscope.questions.reference import Reference, canonical


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One image name in one store. `digests` are those that are known to be its content's; `proof` a listing that
    shows it."""

    store: Store
    name: str
    canonical: str
    digests: tuple[str, ...]
    proof: Evidence


@dataclass(kw_only=True)
class Store:
    """A dockerd's images, or those of one containerd namespace.

    `kind` is `graphdriver`, `docker` (in containerd), `unknown` (a dockerd whose /info did not answer) or `containerd`.
    `complete` says whether its listing came to its end: without that nothing may be called absent.
    """

    witness: str
    namespace: str = ""
    kind: str
    driver: str = ""
    complete: bool = False
    ambiguous: bool = False
    exists: bool = True
    entries: list[Entry] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The socket of its engine."""
        return self.witness.partition(":")[2]

    @property
    def words(self) -> str:
        """The store in a few words; with its socket where the host has more than one engine of its kind."""
        at = f" at {self.path}" if self.ambiguous else ""
        match self.kind:
            case "graphdriver":
                return f"docker's own store (graphdriver {self.driver}){at}"
            case "docker":
                return f"docker's images, kept in the containerd image store{at}"
            case "unknown":
                return f"docker's images{at} (in which store is not known: its /info did not answer)"
            case _:
                missing = "" if self.exists else ", which does not exist"
                return f'containerd namespace "{self.namespace}"{at}{missing}'


def stores(index: Index) -> list[Store]:
    """Every store that an engine told of, sorted by engine and namespace."""
    found = [*_docker(index), *_containerd(index)]
    for store in found:
        store.ambiguous = any(
            other.witness != store.witness and (other.kind == "containerd") == (store.kind == "containerd")
            for other in found
        )
    return found


def _docker(index: Index) -> Iterator[Store]:
    for daemon in index.daemons:
        if daemon.docker is None:
            continue
        kind = {"containerd": "docker", "graphdriver": "graphdriver"}.get(image_store(daemon.docker), "unknown")
        store = Store(
            witness=daemon.witness,
            kind=kind,
            driver=daemon.docker.driver,
            complete=index.listed(daemon.witness, "images"),
        )
        for image in index.all(DockerImage):
            if image.origin.witness == daemon.witness:
                proof = evidence(image.origin, image.id)
                digests = tuple(index.digests(image))
                # A name@digest does to ask for it, but `docker save` would write no name with it.
                for name in (*image.repo_tags, *image.repo_digests) or ("",):
                    store.entries.append(
                        Entry(store=store, name=name, canonical=canonical(name), digests=digests, proof=proof)
                    )
        yield store


def _containerd(index: Index) -> Iterator[Store]:
    images: dict[tuple[str, str], list[ContainerdImage]] = {}
    for image in index.all(ContainerdImage):
        images.setdefault((image.origin.witness, image.namespace), []).append(image)
    for witness, namespaces in sorted(index.namespaces.items()):
        for fact in namespaces:
            store = Store(
                witness=witness,
                namespace=fact.name,
                kind="containerd",
                complete=index.listed(witness, "images", fact.name),
            )
            for image in images.get((witness, fact.name), ()):
                store.entries.append(
                    Entry(
                        store=store,
                        name=image.name,
                        canonical=canonical(image.name),
                        digests=tuple(index.digests(image)),
                        proof=evidence(image.origin, image.name),
                    )
                )
            yield store


def resolves(client: str, reference: Reference, entry: Entry) -> bool:
    """Whether this client, given this reference, takes this entry.

    ctr takes names as they are in the store. nerdctl asks for the canonical name or the name as typed, and for digests
    of targets. docker normalises both sides, and takes any digest or id that it has.
    """
    match client:
        case "ctr":
            return entry.name == reference.typed
        case "nerdctl":
            named = bool(entry.name) and entry.name in (reference.typed, reference.canonical)
            return named or _by_id(reference, entry.digests[:1])
        case _:
            named = bool(reference.canonical) and entry.canonical == reference.canonical
            return named or _by_id(reference, entry.digests)


def _by_id(reference: Reference, digests: tuple[str, ...]) -> bool:
    if reference.digest and not reference.canonical:
        return reference.digest in digests
    if not reference.id_prefix:
        return False
    return any(digest.partition(":")[2].startswith(reference.id_prefix) for digest in digests)


def means(reference: Reference, entry: Entry) -> bool:
    """Whether a person who typed this reference would call this entry it: by docker's reading, or to the letter."""
    return entry.name == reference.typed or resolves("docker", reference, entry)
