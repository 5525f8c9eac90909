"""Asks one dockerd everything that a question needs, over one keep-alive connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from stackscope.errors import CannotReach, LimitHit, Malformed
from stackscope.facts import Fact, Gap, Listing, Origin, Why
from stackscope.facts.daemon import DockerVersion
from stackscope.facts.needs import Needs
from stackscope.facts.text import command
from stackscope.sources.docker import read
from stackscope.sources.docker.probe import ApiError, Version, negotiated
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach
from stackscope.transports.http_unix import HttpUnix

T = TypeVar("T")


class Dockerd:
    """One dockerd at one reached socket; `path` is its socket's resolved path and names the witness.

    Raises ApiError or Malformed where there is no API version that both speak.
    """

    def __init__(self, path: str, reach: Reach, version: Version, budget: Budget, needs: Needs) -> None:
        self.witness = f"dockerd:{path}"
        self._path = path
        self._version = version
        self._needs = needs
        # Unversioned paths are served at the daemon's newest version, whose replies change with each upgrade.
        self._api = negotiated(version.api)
        self._http = HttpUnix(reach, budget, known=True)

    def ask(self) -> Iterator[Fact | Gap]:
        """Everything, in the order in which it is most useful should the time run out."""
        yield DockerVersion(
            origin=self._origin("/_ping", "version"),
            socket=self._path,
            version=self._version.version,
            api_version=self._api,
        )
        if Needs.CONTAINERS in self._needs:
            yield from self._guard("/containers/json?all=1", self._containers)
        if Needs.IMAGES in self._needs:
            # Without all=1: intermediate layers of old builds are no images of anyone's.
            yield from self._guard("/images/json", self._images)
        if Needs.STORAGE in self._needs:
            yield from self._guard("/volumes", self._volumes)
            yield from self._guard("/networks", self._networks)
        # Last: it asks containerd, and waits for one that hangs.
        yield from self._guard("/info", self._info)

    def _guard(self, target: str, look: Callable[[str], Iterator[Fact | Gap]]) -> Iterator[Fact | Gap]:
        """The facts of one look, and a gap where it failed. OutOfTime passes: it ends the endpoint."""
        why, detail = Why.FAILED, ""
        try:
            yield from look(target)
            return
        except ApiError as error:
            detail = str(error)
        except LimitHit as error:
            why, detail = Why.LIMIT, str(error)
        except Malformed as error:
            why, detail = Why.MALFORMED, str(error)
        except CannotReach as error:
            why, detail = Why.TIMEOUT if error.reason == "timeout" else Why.VANISHED, error.detail
        yield Gap(subject=self.witness, why=why, detail=f"GET {target}: {detail}", origin=self._origin(target))

    def _get(self, target: str, shape: type[T]) -> T:
        status, _, body = self._http.get(f"/v{self._api}{target}")
        if status != 200:
            message = read.decode(body, read.ErrorReply).message if body[:1] == b"{" else ""
            raise ApiError(f"HTTP {status} {message[:200]}".strip())
        return read.decode(body, shape)

    def _origin(self, target: str, *words: str) -> Origin:
        shown = command("docker", "-H", f"unix://{self._path}", *words) if words else None
        return Origin(witness=self.witness, call=f"GET {target}", command=shown)

    def _info(self, target: str) -> Iterator[Fact]:
        reply = self._get(target, read.Info)
        yield read.info(reply, self._version.version, self._path, self._api, self._origin(target, "info"))

    def _containers(self, target: str) -> Iterator[Fact]:
        origin = self._origin(target, "ps", "-a", "--no-trunc")
        replies = self._get(target, list[read.ListedContainer])
        for entry in replies:
            yield read.container(entry, origin)
        yield Listing(origin=origin, what="containers", count=len(replies))

    def _images(self, target: str) -> Iterator[Fact]:
        origin = self._origin(target, "images", "--no-trunc", "--digests")
        replies = self._get(target, list[read.ListedImage])
        for entry in replies:
            yield read.image(entry, origin)
        yield Listing(origin=origin, what="images", count=len(replies))

    def _volumes(self, target: str) -> Iterator[Fact | Gap]:
        origin = self._origin(target, "volume", "ls")
        reply = self._get(target, read.Volumes)
        for entry in reply.volumes or ():
            yield read.volume(entry, origin)
        if reply.warnings:
            detail = f"GET {target}: {'; '.join(reply.warnings)[:400]}"
            yield Gap(subject=self.witness, why=Why.FAILED, detail=detail, origin=origin)
        else:
            yield Listing(origin=origin, what="volumes", count=len(reply.volumes or ()))

    def _networks(self, target: str) -> Iterator[Fact]:
        origin = self._origin(target, "network", "ls", "--no-trunc")
        replies = self._get(target, list[read.ListedNetwork])
        for entry in replies:
            yield read.network(entry, origin)
        yield Listing(origin=origin, what="networks", count=len(replies))

    def close(self) -> None:
        self._http.close()
