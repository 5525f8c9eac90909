"""The commands that help, exact for this host: look there (quick), or bring it here (lasting).

Every pipe was tried between docker 20.10, containerd 1.6 and nerdctl 1.7; the live tests run them again.
"""

from __future__ import annotations

import re

import msgspec

from stackscope.facts.text import command
from stackscope.graph.viewpoint import Viewpoint
from stackscope.questions.reference import Reference, familiar
from stackscope.questions.stores import Entry, Store

_PLAIN = re.compile(r"[\w./:@-]+")

QUICK = "quick"
LASTING = "lasting"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """A shell command for pasting, what it does, and whether it is `quick` (changes nothing) or `lasting`."""

    command: str
    effect: str
    kind: str


def listing(store: Store) -> str:
    """The command that lists a store's images."""
    return (
        command(*_engine(store), "images") if store.kind != "containerd" else command(*_engine(store), "images", "ls")
    )


def remedies(
    view: Viewpoint, here: Store, reference: Reference, elsewhere: list[Entry], other_names: list[Entry]
) -> list[Remedy]:
    """What helps a client that does not see an image, the quick ones first."""
    found: list[Remedy] = []
    for entry in other_names[:1]:
        found += _names(view, here, reference, entry)
    best = sorted(
        elsewhere,
        key=lambda e: (e.store.witness != here.witness, not e.canonical, "@" in e.name, e.name != reference.typed),
    )
    # With docker's containerd store the same image is dockerd's and its namespace's: one way to it is enough.
    for entry in best[:1]:
        found += _place(view, here, entry)
    if not elsewhere and not other_names:
        found.append(_pull(view, here, reference))
    return sorted(found, key=lambda remedy: remedy.kind != QUICK)


def reach(view: Viewpoint, others: list[Store], *, denied: bool) -> list[Remedy]:
    """What helps a client that does not reach its socket."""
    if denied:
        words = f"sudo {view.command}"
        return [Remedy(command=words, effect="ask the same socket with root's rights", kind=QUICK)]
    paths = sorted({store.path for store in others if store.path != view.path})
    return [
        Remedy(
            command=command("docker", "-H", f"unix://{path}", "images")
            if view.client == "docker"
            else command(view.client, "-a", path, *(("-n", view.namespace) if view.namespace else ()), *_list(view)),
            effect="ask the engine that answers on this host",
            kind=QUICK,
        )
        for path in paths[:3]
    ]


def _names(view: Viewpoint, here: Store, reference: Reference, entry: Entry) -> list[Remedy]:
    new = reference.typed if view.client == "ctr" else reference.canonical
    found = [
        Remedy(
            command=command(
                *_engine(here),
                "images",
                *(_filter(entry.name) if here.namespace else (familiar(entry.name),)),
            ),
            effect="see it under the name that it has there",
            kind=QUICK,
        )
    ]
    if new and "@" not in new:
        tag = (
            (*_engine(here), "images", "tag", entry.name, new)
            if here.namespace
            else (*_engine(here), "tag", entry.name, new)
        )
        found.append(Remedy(command=command(*tag), effect=f"give it the name {new} as well", kind=LASTING))
    return found


def _filter(name: str) -> tuple[str, ...]:
    """Ctr's words for listing one name; all of them where the name has characters of the filter's own syntax."""
    return ("ls", f"name=={name}") if _PLAIN.fullmatch(name) else ("ls",)


def _place(view: Viewpoint, here: Store, entry: Entry) -> list[Remedy]:
    store = entry.store
    found = []
    if store.kind == "containerd" and view.client in ("nerdctl", "ctr"):
        looks = command(view.client, "-a", store.path, "-n", store.namespace, *_list(view))
    else:
        looks = listing(store)
    found.append(Remedy(command=looks, effect=f"see it in {store.words}", kind=QUICK))
    move = _move(store, here, entry)
    if move:
        name = f", as {entry.canonical}: ask ctr for that name" if view.client == "ctr" else ""
        found.append(Remedy(command=move, effect=f"copy it to {here.words}{name}", kind=LASTING))
    return found


def _move(store: Store, here: Store, entry: Entry) -> str:
    """A pipe from one store to the other; "" where the image has no name to move it by."""
    if not entry.name or not entry.canonical or (store.kind != "containerd" and "@" in entry.name):
        # `docker save` of an id or a digest exits with 0, and an import of that brings nothing.
        return ""
    if store.kind == "containerd":
        out = command(*_engine(store), "images", "export", "-", entry.name)
    else:
        out = command(*_engine(store), "save", entry.name)
    into = command(*_engine(here), "images", "import", "-") if here.namespace else command(*_engine(here), "load")
    return f"{out} | {into}"


def _pull(view: Viewpoint, here: Store, reference: Reference) -> Remedy:
    name = reference.canonical or reference.typed
    if view.client == "ctr":
        words = command(*_engine(here), "images", "pull", name)
    elif view.client == "nerdctl":
        words = command("nerdctl", "-a", here.path, "-n", here.namespace, "pull", reference.typed)
    else:
        words = command(*_engine(here), "pull", reference.typed)
    return Remedy(command=words, effect="fetch it from its registry, if it is there", kind=LASTING)


def _engine(store: Store) -> tuple[str, ...]:
    if store.kind == "containerd":
        return ("ctr", "-a", store.path, "-n", store.namespace)
    return ("docker", "-H", f"unix://{store.path}")


def _list(view: Viewpoint) -> tuple[str, ...]:
    return ("images", "ls") if view.client == "ctr" else ("images",)
