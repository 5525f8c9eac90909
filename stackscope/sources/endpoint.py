"""One address: what the socket file is, whether it answers, and what its engine says."""

from __future__ import annotations

import importlib
import os
import socket
import struct
from collections.abc import Iterator

from stackscope.errors import CannotReach, LimitHit, Malformed
from stackscope.facts import Fact, Gap, Origin, Why
from stackscope.facts.needs import Needs
from stackscope.facts.socket import Endpoint, State
from stackscope.facts.text import command
from stackscope.sources.addresses import Api, Candidate, Holding
from stackscope.sources.docker import probe
from stackscope.sources.docker.client import Dockerd
from stackscope.transports.budget import Budget
from stackscope.transports.door import Reach, Root

_STATES: dict[str, State] = {"absent": "absent", "refused": "dead", "not-a-socket": "not-a-socket"}


def load() -> None:
    """Import what asking a containerd takes, 0.1 s, while there is nothing else to do: two threads that import at
    once hold each other up."""
    importlib.import_module("stackscope.sources.containerd.client")


def witness(candidate: Candidate) -> str:
    """Who speaks at this address: `dockerd:PATH` or `containerd:PATH`."""
    return f"{'dockerd' if candidate.api is Api.DOCKER else 'containerd'}:{candidate.path}"


def look(candidate: Candidate, root: Root, budget: Budget, needs: Needs) -> Iterator[Fact | Gap]:
    """The endpoint itself, then all that its engine answers.

    Raises OutOfTime where the budget ends first; every other failure is a gap.
    """
    speaker = witness(candidate)
    origin = Origin(witness="kernel", call=candidate.path, command=command("ls", "-l", candidate.path))
    try:
        reach = Reach(root, candidate.path)
    except CannotReach as error:
        yield _endpoint(candidate, origin, _STATES.get(error.reason, "unknown"))
        yield from _unreached(error, speaker, origin)
        return
    with reach:
        if candidate.holding is Holding.INIT_ONLY:
            yield _endpoint(candidate, origin, "asleep", reach.stat)
            yield Gap(
                subject=speaker,
                why=Why.NOT_ASKED,
                detail="no engine holds the socket: a connection would start its service",
                origin=origin,
                lifts="start the service",
            )
            return
        try:
            sock = reach.connect(min(budget.left(), budget.seconds / 2))
        except CannotReach as error:
            state: State = "listening" if error.reason == "timeout" else _STATES.get(error.reason, "unknown")
            yield _endpoint(candidate, origin, state, reach.stat)
            yield from _unreached(error, speaker, origin)
            return
        peer = _peer(sock)
        sock.close()
        yield _endpoint(candidate, origin, "listening", reach.stat, peer, _group(root, reach.stat.st_gid))
        yield from _ask(candidate, reach, root, budget, needs, speaker, origin)


def _ask(
    candidate: Candidate, reach: Reach, root: Root, budget: Budget, needs: Needs, speaker: str, origin: Origin
) -> Iterator[Fact | Gap]:
    try:
        match candidate.api:
            case Api.DOCKER:
                yield from _docker(candidate.path, reach, budget, needs)
            case Api.CONTAINERD:
                yield from _containerd(candidate.path, reach, root, budget, needs)
    except Malformed as error:
        # A socket that only the kernel shows may be anything's.
        if candidate.sure or candidate.holding is Holding.ENGINE:
            yield Gap(subject=speaker, why=Why.MALFORMED, detail=str(error), origin=origin)
    except LimitHit as error:
        yield Gap(subject=speaker, why=Why.LIMIT, detail=str(error), origin=origin)
    except CannotReach as error:
        yield Gap(subject=speaker, why=Why.VANISHED, detail=error.detail, origin=origin, lifts="ask again")


def _docker(path: str, reach: Reach, budget: Budget, needs: Needs) -> Iterator[Fact | Gap]:
    version = probe.probe(reach, budget)
    if version is None:
        raise Malformed("answers HTTP, but is no Docker Engine")
    try:
        dockerd = Dockerd(path, reach, version, budget, needs)
    except probe.ApiError as error:
        yield Gap(
            subject=f"dockerd:{path}",
            why=Why.UNSUPPORTED,
            detail=str(error),
            origin=Origin(witness=f"dockerd:{path}", call="GET /version"),
        )
        return
    try:
        yield from dockerd.ask()
    finally:
        dockerd.close()


def _containerd(path: str, reach: Reach, root: Root, budget: Budget, needs: Needs) -> Iterator[Fact | Gap]:
    # Imported here: grpc takes 0.12 s, which only a host with a containerd need pay.
    from stackscope.sources.containerd import client
    from stackscope.transports.grpc_channel import CallFailed, GrpcChannel

    channel = GrpcChannel(reach, budget)
    try:
        yield from client.ask(path, channel, budget, needs, root)
    except CallFailed as error:
        if error.why in (Why.MALFORMED, Why.UNSUPPORTED):
            raise Malformed(error.detail or "answers gRPC, but is no containerd") from error
        yield Gap(
            subject=f"containerd:{path}",
            why=error.why,
            detail=f"{error.path.rpartition('/')[2]}: {error.detail}",
            origin=Origin(witness=f"containerd:{path}", call=error.path),
            lifts="raise --timeout, or look why it hangs" if error.why is Why.TIMEOUT else "",
        )
    finally:
        channel.close()


def _endpoint(
    candidate: Candidate,
    origin: Origin,
    state: State,
    stat: os.stat_result | None = None,
    peer: int = 0,
    group: str = "",
) -> Endpoint:
    return Endpoint(
        origin=origin,
        path=candidate.path,
        named=candidate.named,
        named_by=tuple(candidate.named_by),
        state=state,
        expected="docker" if candidate.api is Api.DOCKER else "containerd",
        device=stat.st_dev if stat else 0,
        inode=stat.st_ino if stat else 0,
        mode=stat.st_mode & 0o7777 if stat else 0,
        uid=stat.st_uid if stat else -1,
        gid=stat.st_gid if stat else -1,
        group=group,
        peer_pid=peer,
    )


def _unreached(error: CannotReach, speaker: str, origin: Origin) -> Iterator[Gap]:
    """A gap, unless the kernel's answer is testimony: no such file, nobody listens, no socket."""
    if error.reason == "denied":
        yield Gap(subject=speaker, why=Why.DENIED, detail=error.detail, origin=origin, lifts="run as root to ask it")
    elif error.reason == "timeout":
        yield Gap(
            subject=speaker,
            why=Why.TIMEOUT,
            detail="listens, but takes no connection: its queue is full",
            origin=origin,
            lifts="look why it hangs",
        )
    elif error.reason == "failed":
        yield Gap(subject=speaker, why=Why.FAILED, detail=error.detail, origin=origin)


def _peer(sock: socket.socket) -> int:
    """The pid of who called listen(2) on the other side (SO_PEERCRED, unix(7)); 0 where it is not visible."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", raw)[0]
    return max(pid, 0)


def _group(root: Root, gid: int) -> str:
    """The group's name from /etc/group alone: a name service may hang. "" where it is not there."""
    try:
        table = root.read("/etc/group", 1 << 20)
    except (OSError, LimitHit):
        return ""
    for line in table.split(b"\n"):
        parts = line.split(b":")
        if len(parts) > 2 and parts[2] == str(gid).encode():
            return parts[0].decode("utf-8", "backslashreplace")
    return ""
