"""One budget of time and of bytes for all that is asked of one endpoint."""

from __future__ import annotations

import time

from stackscope.errors import LimitHit

MAX_BYTES = 256 << 20
"""What one endpoint may send in all. A thousand containers with their specs are about 10 MB."""

MAX_ENTRIES = 2_000_000
"""Entries of all listings of one endpoint together."""


class OutOfTime(Exception):
    """The budget of an endpoint is spent."""


class Budget:
    """Seconds and bytes that an endpoint may still cost.

    The runner enforces the time from outside as well: a server that drips a byte a second satisfies every timeout
    that a client library has.
    """

    def __init__(self, seconds: float, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds
        self._bytes_left = max_bytes
        self._entries_left = max_entries

    def left(self) -> float:
        """Seconds left. Raises OutOfTime when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return left

    def take(self, size: int, entries: int = 0) -> None:
        """Count a reply of `size` bytes. Raises LimitHit past the cap."""
        self._bytes_left -= size
        self._entries_left -= entries
        if self._bytes_left < 0:
            raise LimitHit("more bytes than one endpoint may send")
        if self._entries_left < 0:
            raise LimitHit("more entries than one endpoint may list")
