"""The pass over /proc in a child process, so that it runs beside the imports and the calls (they share one lock)."""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from stackscope.facts import AnyFact, Fact, Gap, Origin, Why
from stackscope.facts.needs import Needs
from stackscope.sources.proc.client import ProcPass

_HEAD = struct.Struct("=Q")
_MAX_STAGE = 512 << 20


class Stage(msgspec.Struct, frozen=True):
    """What one stage of the pass found."""

    found: tuple[AnyFact, ...]
    gaps: tuple[Gap, ...]


class _Failed(Exception):
    pass


def _stage(look: Callable[[], Iterator[Fact | Gap]]) -> Stage:
    found = list(look())
    facts = tuple(item for item in found if not isinstance(item, Gap))
    return Stage(facts, tuple(item for item in found if isinstance(item, Gap)))  # type: ignore[arg-type]  # every Fact is in the union


class ProcChild:
    """The two stages of a ProcPass. `first` and `second` wait for them.

    Forks where this process has one thread and no grpc (whose threads do not survive a fork); otherwise the pass
    runs here, when it is asked for.
    """

    def __init__(self, root: str, needs: Needs, seconds: float) -> None:
        self._pass = ProcPass(root, needs)
        self._ends = time.monotonic() + seconds
        self._seconds = seconds
        self._pid = 0
        self._pipe = -1
        self._failed: Gap | None = None
        if "grpc" not in sys.modules and _single_threaded():
            self._fork()

    def first(self) -> Stage:
        return self._next(self._pass.first)

    def second(self) -> Stage:
        stage = self._next(self._pass.second)
        self.close()
        return stage

    def close(self) -> None:
        """End the child; nothing of it is left."""
        if not self._pid:
            return
        try:
            ended, _ = os.waitpid(self._pid, os.WNOHANG)
            if not ended:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        except ChildProcessError:
            # Who started us ignores SIGCHLD, so the kernel has reaped it: that pid may be another's by now.
            pass
        os.close(self._pipe)
        self._pid = 0

    def _fork(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        # What is buffered would be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid:
            os.close(writing)
            self._pipe = reading
            return
        code = 1
        try:
            os.close(reading)
            encoder = msgspec.msgpack.Encoder()
            for look in (self._pass.first, self._pass.second):
                data = encoder.encode(_stage(look))
                _write(writing, _HEAD.pack(len(data)) + data)
            code = 0
        finally:
            # Never back into the parent's code: not its exit handlers, not its tracebacks.
            os._exit(code)

    def _next(self, look: Callable[[], Iterator[Fact | Gap]]) -> Stage:
        if self._failed is not None:
            return Stage((), ())
        if not self._pid:
            return _stage(look)
        try:
            (length,) = _HEAD.unpack(self._read(_HEAD.size))
            if length > _MAX_STAGE:
                raise _Failed("the pass over /proc found more than can be held")
            return msgspec.msgpack.decode(self._read(length), type=Stage)
        except _Failed as error:
            # What the pipe still holds begins anywhere: nothing after a failure can be read.
            self._failed = Gap(
                subject="kernel",
                why=Why.TIMEOUT if "within" in str(error) else Why.FAILED,
                detail=str(error),
                origin=Origin(witness="kernel", call="/proc"),
            )
            return Stage((), (self._failed,))

    def _read(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, self._ends - time.monotonic()))
            if not ready:
                raise _Failed(f"the pass over /proc did not end within {self._seconds:g} s")
            part = os.read(self._pipe, min(length, 1 << 20))
            if not part:
                raise _Failed("the pass over /proc ended early")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _single_threaded() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False
