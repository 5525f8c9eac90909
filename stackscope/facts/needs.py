"""What a question needs to know. Sources ask for no more than that; `capture` asks for all of it."""

import enum


class Needs(enum.Flag):
    """Parts of a host that can be asked for separately, because each costs calls of its own."""

    CONTAINERS = enum.auto()
    IMAGES = enum.auto()
    SNAPSHOTS = enum.auto()
    LEASES = enum.auto()
    CONTENT = enum.auto()
    MANIFESTS = enum.auto()
    STORAGE = enum.auto()
    KERNEL = enum.auto()

    @property
    def words(self) -> tuple[str, ...]:
        """The single parts in lower case, sorted."""
        return tuple(sorted((part.name or "").lower() for part in self))


NOTHING = Needs(0)

EVERYTHING = (
    Needs.CONTAINERS
    | Needs.IMAGES
    | Needs.SNAPSHOTS
    | Needs.LEASES
    | Needs.CONTENT
    | Needs.MANIFESTS
    | Needs.STORAGE
    | Needs.KERNEL
)
