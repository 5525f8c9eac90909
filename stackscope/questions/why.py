"""Why does a client see, or not see, an image? Answered from a capture alone, with evidence."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stackscope.facts import Gap, Origin, Why
from stackscope.facts.image import ContainerdImage
from stackscope.facts.text import command
from stackscope.graph.index import Index
from stackscope.graph.model import Evidence
from stackscope.graph.viewpoint import CLIENTS, Viewpoint, resolve
from stackscope.questions import remedies
from stackscope.questions.reference import Reference, parse, valid
from stackscope.questions.remedies import Remedy
from stackscope.questions.stores import Entry, Store, means, resolves, stores

SEES = "sees"
DOES_NOT_SEE = "does-not-see"
CANNOT_TELL = "cannot-tell"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, with what proves it. `id` is of a closed set: `another-namespace`, `docker-graphdriver-store`,
    `another-containerd`, `another-daemon`, `another-name`, `socket-unreachable`, `not-on-this-host`."""

    id: str
    because: str
    evidence: tuple[Evidence, ...] = ()


class LooksIn(msgspec.Struct, frozen=True, kw_only=True):
    """Where the client looks, and who decided that."""

    engine: str
    address: str
    address_from: str
    namespace: str
    namespace_from: str
    store: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the image is, under the name that it has there."""

    engine: str
    namespace: str
    store: str
    name: str
    digest: str
    evidence: Evidence


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`verdict` is `sees`, `does-not-see` or `cannot-tell`; the last comes with the gaps that stand in the way."""

    ref: str
    client: str
    verdict: str
    looks_in: LooksIn
    found_in: tuple[Found, ...] = ()
    causes: tuple[Cause, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    gaps: tuple[Gap, ...] = ()


def why(index: Index, ref: str, client: str) -> Answer:
    """The answer for one client's command line. Raises InvalidReference or UnknownClient."""
    view = resolve(index, client)
    # ctr takes any name as it stands.
    reference = Reference(typed=ref) if view.client == "ctr" and not valid(ref) else parse(ref)
    return _Question(index, reference).answer(view)


def matrix(index: Index, ref: str) -> list[Answer]:
    """The answers for every viewpoint of this host: the clients as they are configured, then every dockerd and every
    containerd namespace by explicit options. Raises InvalidReference."""
    question = _Question(index, parse(ref))
    views = [resolve(index, client) for client in CLIENTS]
    defaults = {view.client: view.path for view in views}
    seen = {(view.client, view.path, view.namespace) for view in views}
    for store in question.stores:
        for line in _lines(store, defaults):
            view = resolve(index, line)
            if (view.client, view.path, view.namespace) not in seen:
                views.append(view)
    return [question.answer(view) for view in views]


def _lines(store: Store, defaults: dict[str, str]) -> Iterator[str]:
    """Command lines that lead to a store, with the options that are needed beside the client's own configuration."""
    if store.kind != "containerd":
        yield command("docker", "-H", f"unix://{store.path}")
        return
    for client in ("nerdctl", "ctr"):
        address = () if defaults[client] == store.path else ("-a", store.path)
        yield command(client, *address, "-n", store.namespace)


_NO_IMAGES = frozenset({"kubelet", "rootlesskit", "cri-dockerd"})
"""Engine programs that keep no images themselves."""

_HARMLESS_CALLS = (
    "Store.List",
    "NETLINK_SOCK_DIAG",
    "Introspection.Server",
    "Tasks.List",
    "Leases.List",
    "GET /volumes",
)
"""Calls that tell of no image and of no engine."""

_STEPS = "a step of a build has an id that dockerd finds and does not list"


def _may_hide_images(gap: Gap) -> bool:
    if gap.subject.startswith(("client:", "task|", "disk", "process|")):
        return False
    return not gap.origin.call.startswith(_HARMLESS_CALLS)


def _gap(subject: str, why: Why, detail: str) -> Gap:
    return Gap(subject=subject, why=why, detail=detail, origin=Origin(witness="stackscope", call="why"))


class _Question:
    def __init__(self, index: Index, reference: Reference) -> None:
        self._index = index
        self._reference = reference
        self.stores = stores(index)

    def answer(self, view: Viewpoint) -> Answer:
        here = self._looked_in(view)
        elsewhere = [
            entry
            for store in sorted(self.stores, key=lambda store: self._distance(store, here))
            if store is not here
            for entry in store.entries
            if means(self._reference, entry)
        ]
        blocked = self._blocked(view, here)
        if blocked is not None:
            verdict, causes, gaps, fixes = blocked
            return self._made(view, here, verdict, elsewhere, causes, fixes, gaps)
        assert here is not None
        mine = [entry for entry in here.entries if resolves(view.client, self._reference, entry)]
        if mine:
            return self._made(view, here, SEES, [*mine, *elsewhere])
        if not here.complete:
            return self._made(view, here, CANNOT_TELL, elsewhere, gaps=self._gaps(here.witness))
        if self._may_be_a_step(here):
            return self._made(view, here, CANNOT_TELL, elsewhere, gaps=(_gap(here.witness, Why.NOT_ASKED, _STEPS),))
        other_names = self._other_names(view, here, elsewhere)
        causes = list(self._name_causes(view, here, other_names))
        # What the client itself has, if only it is asked for by its name, needs no fetching from elsewhere.
        places = [] if any(means(self._reference, entry) for entry in other_names) else elsewhere
        causes += self._place_causes(view, here, places)
        gaps = () if causes else self._gaps()
        if not causes and not gaps:
            causes = [self._not_here()]
        fixes = remedies.remedies(view, here, self._reference, places, other_names)
        return self._made(view, here, DOES_NOT_SEE, [*other_names, *elsewhere], causes, fixes, gaps)

    @property
    def _is_id(self) -> bool:
        """Whether the reference may be an image's id or digest, and not only a name."""
        reference = self._reference
        return bool(reference.id_prefix or (reference.digest and not reference.canonical))

    def _may_be_a_step(self, store: Store) -> bool:
        """Whether a store may have it although it does not list it: docker finds the steps of its builds by their
        ids, and lists only what they led to."""
        return self._is_id and store.kind in ("graphdriver", "unknown")

    # where the client looks

    def _looked_in(self, view: Viewpoint) -> Store | None:
        for store in self.stores:
            if store.witness == view.witness and store.namespace == view.namespace:
                return store
        if view.namespace and self._index.listed(view.witness, "namespaces"):
            # A containerd namespace that does not exist lists as empty, without an error.
            return Store(witness=view.witness, namespace=view.namespace, kind="containerd", complete=True, exists=False)
        return None

    def _blocked(
        self, view: Viewpoint, here: Store | None
    ) -> tuple[str, list[Cause], tuple[Gap, ...], list[Remedy]] | None:
        """What keeps this client from an answer, or us from knowing it."""
        if view.unsure:
            unread = tuple(gap for gap in self._index.capture.gaps if gap.subject.startswith("client:"))
            return CANNOT_TELL, [], unread or (_gap(f"client:{view.client}", Why.NOT_ASKED, view.unsure),), []
        if here is not None:
            return None
        endpoint = self._index.endpoints.get(view.path) if view.path else None
        gaps = self._gaps(view.witness)
        denied = any(gap.why is Why.DENIED for gap in gaps)
        if endpoint is None or not (denied or endpoint.state in ("absent", "dead", "not-a-socket")):
            return CANNOT_TELL, [], gaps or self._not_looked(view), []
        words = {
            "absent": "there is no such socket",
            "dead": "nobody serves the socket",
            "not-a-socket": "that is not a socket",
        }
        what = words.get(endpoint.state, f"user id {self._index.capture.host.uid} has no rights on the socket")
        proof = Evidence(f"{endpoint.origin.witness} {endpoint.origin.call}", "", endpoint.origin.command)
        because = f"{view.client} looks at {view.address} ({view.address_from}), and {what}"
        cause = Cause(id="socket-unreachable", because=because, evidence=(proof,))
        others = [store for store in self.stores if (store.kind == "containerd") == (view.client != "docker")]
        return DOES_NOT_SEE, [cause], gaps, remedies.reach(view, others, denied=denied)

    def _not_looked(self, view: Viewpoint) -> tuple[Gap, ...]:
        where = view.address or view.address_from
        if not view.path:
            what = f"{where} is no unix socket of this host"
        elif view.path in self._index.endpoints:
            what = f"{where} listens, and did not answer this question"
        else:
            what = f"{where} was not looked at"
        return (_gap(view.witness if view.path else f"client:{view.client}", Why.NOT_ASKED, what),)

    def _gaps(self, witness: str = "") -> tuple[Gap, ...]:
        """The gaps that may hide images: of one engine, or of any, and of finding the engines at all."""
        known = [gap for gap in self._index.capture.gaps if _may_hide_images(gap)]
        if witness:
            return tuple(gap for gap in known if gap.subject == witness)
        return (*known, *self._not_asked())

    def _not_asked(self) -> Iterator[Gap]:
        """A gap for each engine that runs and was not, or not wholly, asked; and for a discovery that failed."""
        subjects = {gap.subject for gap in self._index.capture.gaps if _may_hide_images(gap)}
        for daemon in self._index.daemons:
            pid = f" (pid {daemon.process.pid})" if daemon.process else ""
            said = daemon.docker or daemon.containerd
            if daemon.program not in _NO_IMAGES and said is None and daemon.witness not in subjects - {"kernel"}:
                yield _gap(daemon.id, Why.NOT_ASKED, f"{daemon.program}{pid} runs and could not be asked for images")
            if daemon.containerd is not None and not self._index.listed(daemon.witness, "namespaces"):
                yield _gap(daemon.witness, Why.FAILED, "its namespaces were not listed")
        read = self._index.manifests
        for image in self._index.all(ContainerdImage) if self._is_id else ():
            if (image.origin.witness, image.target_digest) not in read:
                yield _gap(image.origin.witness, Why.NOT_ASKED, f"the manifest of {image.name} was not read")
        for store in self.stores:
            if self._may_be_a_step(store):
                yield _gap(store.witness, Why.NOT_ASKED, _STEPS)
            if not store.complete and store.witness not in subjects:
                yield _gap(store.witness, Why.NOT_ASKED, f"the images of {store.words} were not listed")
        if not self._index.listed("kernel", "listeners"):
            yield _gap(
                "kernel", Why.NOT_ASKED, "which sockets are listened on is not known, so an engine may be hidden"
            )

    def _distance(self, store: Store, here: Store | None) -> bool:
        """False for a store of the same engine, or of the containerd behind it: what is near is told first."""
        return here is None or self._containerd_of(store) != self._containerd_of(here)

    # causes

    def _other_names(self, view: Viewpoint, here: Store, elsewhere: list[Entry]) -> list[Entry]:
        """Names in the store that is looked in which have the same content, or differ from what was typed only in
        how this client reads it."""
        wanted = {digest for entry in elsewhere for digest in entry.digests}
        found = [
            entry
            for entry in here.entries
            if entry.name
            and not resolves(view.client, self._reference, entry)
            and (means(self._reference, entry) or wanted & set(entry.digests))
        ]
        return sorted(found, key=lambda entry: not means(self._reference, entry))

    def _name_causes(self, view: Viewpoint, here: Store, entries: list[Entry]) -> Iterator[Cause]:
        if not entries:
            return
        names = ", ".join(dict.fromkeys(entry.name for entry in entries))
        if view.client == "ctr" and any(means(self._reference, entry) for entry in entries):
            because = f"ctr takes a name to the letter, and in {here.words} it is called {names}"
        else:
            because = f"in {here.words} the same content has another name: {names}"
        yield Cause(id="another-name", because=because, evidence=tuple(entry.proof for entry in entries[:3]))

    def _place_causes(self, view: Viewpoint, here: Store, elsewhere: list[Entry]) -> Iterator[Cause]:
        told: set[tuple[str, str]] = set()
        for entry in elsewhere:
            if "unknown" in (entry.store.kind, here.kind):
                # It is told where the image is; which of the causes that is cannot be told.
                continue
            cause = self._place(view, here, entry)
            key = (cause.id, entry.store.words)
            if key not in told and not (cause.id == "another-daemon" and view.client != "docker"):
                told.add(key)
                yield cause

    def _place(self, view: Viewpoint, here: Store, entry: Entry) -> Cause:
        store = entry.store
        name = entry.name or f"the image {entry.digests[0]}"
        is_in = f"{name} is in {store.words}"
        looked = f"{view.client} looked in {here.words}"
        if store.kind == "graphdriver" and here.kind == "containerd":
            identity, because = "docker-graphdriver-store", f"{is_in}, outside containerd: only docker clients see that"
        elif store.kind == "containerd" and here.kind == "graphdriver":
            own = "this dockerd keeps its images in a store of its own and looks in no containerd"
            identity, because = "docker-graphdriver-store", f"{is_in}; {own}"
        elif store.kind != "containerd" and here.kind != "containerd":
            identity, because = "another-daemon", f"{is_in}, which is another dockerd's; {looked}"
        elif self._containerd_of(store) == self._containerd_of(here):
            kept = "containerd keeps image names by namespace"
            identity, because = "another-namespace", f"{is_in}; {looked}; {kept}"
        else:
            identity, because = "another-containerd", f"{is_in}, which is another containerd's; {looked}"
        return Cause(id=identity, because=because, evidence=(entry.proof,))

    def _containerd_of(self, store: Store) -> str:
        """The containerd that holds a store's images; "" for docker's own graphdriver store."""
        daemon = self._index.daemon_by_witness.get(store.witness)
        if store.kind == "containerd":
            return store.witness
        if store.kind != "docker" or daemon is None or daemon.docker is None:
            return ""
        return f"containerd:{self._index.canonical(daemon.docker.containerd_address)}"

    def _not_here(self) -> Cause:
        because = f"no store on this host has it, and all {len(self.stores)} listed their images to the end"
        repository = self._reference.repository
        near = sorted(
            {
                entry.name
                for store in self.stores
                for entry in store.entries
                if repository and entry.canonical.startswith(f"{repository}:")
            }
        )
        if near:
            because += f"; of the same repository there is {', '.join(near[:5])}"
        proof = tuple(Evidence(f"{store.witness} images", "", remedies.listing(store)) for store in self.stores[:6])
        return Cause(id="not-on-this-host", because=because, evidence=proof)

    def _made(
        self,
        view: Viewpoint,
        here: Store | None,
        verdict: str,
        entries: list[Entry],
        causes: list[Cause] | None = None,
        fixes: list[Remedy] | None = None,
        gaps: tuple[Gap, ...] = (),
    ) -> Answer:
        looks_in = LooksIn(
            engine=view.witness if view.path else "",
            address=view.address,
            address_from=view.address_from,
            namespace=view.namespace,
            namespace_from=view.namespace_from,
            store=here.words if here else "",
        )
        found = {
            (entry.store.witness, entry.store.namespace, entry.name): Found(
                engine=entry.store.witness,
                namespace=entry.store.namespace,
                store=entry.store.words,
                name=entry.name,
                digest=entry.digests[0] if entry.digests else "",
                evidence=entry.proof,
            )
            for entry in entries
        }
        return Answer(
            ref=self._reference.typed,
            client=view.command,
            verdict=verdict,
            looks_in=looks_in,
            found_in=tuple(found.values()),
            causes=tuple(causes or ()),
            remedies=tuple(fixes or ()),
            gaps=gaps,
        )
