"""Sources side by side, each under its own deadline, which is enforced from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from stackscope.facts import Fact, Gap, Origin, Why
from stackscope.transports.budget import OutOfTime

_GRACE = 0.2
"""Seconds after its deadline in which a source may still end by itself."""


class Look:
    """One source at work in a thread of its own. What it has found by its deadline counts; the rest is a gap.

    A thread that hangs is abandoned: it is a daemon thread, and nothing that it still finds is taken.
    """

    def __init__(self, subject: str, seconds: float, source: Callable[[], Iterator[Fact | Gap]]) -> None:
        self._subject = subject
        self._seconds = seconds
        self._source = source
        self._found: list[Fact | Gap] = []
        self._lock = threading.Lock()
        self._closed = False
        self._error: BaseException | None = None
        self._out_of_time = False
        self._ends = time.monotonic() + seconds
        self._thread = threading.Thread(target=self._run, name=f"look {subject}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for fact in self._source():
                with self._lock:
                    if self._closed:
                        return
                    self._found.append(fact)
        except OutOfTime:
            self._out_of_time = True
        except BaseException as error:  # noqa: BLE001  raised again in the thread that waits
            self._error = error

    def result(self) -> tuple[list[Fact | Gap], bool]:
        """What was found by the deadline, and whether the source came to its end.

        Raises what the source raised: no source raises for a look that failed.
        """
        # The grace lets the budget inside the source end it first, which says more.
        self._thread.join(max(0.0, self._ends + _GRACE - time.monotonic()))
        with self._lock:
            self._closed = True
        if self._error is not None:
            raise self._error
        finished = not self._thread.is_alive() and not self._out_of_time
        if not finished:
            self._found.append(
                Gap(
                    subject=self._subject,
                    why=Why.TIMEOUT,
                    detail=f"no complete answer within {self._seconds:g} s",
                    origin=Origin(witness=self._subject, call="all of its calls"),
                    lifts="raise --timeout, or look why it hangs",
                )
            )
        return self._found, not self._thread.is_alive()
