"""HTTP GET over one reached unix socket: one keep-alive connection, bounded replies, inside one budget."""

from __future__ import annotations

import http.client
import socket
from typing import Any

from stackscope.errors import CannotReach, LimitHit, Malformed
from stackscope.transports.budget import Budget, OutOfTime
from stackscope.transports.door import Reach

MAX_BODY = 64 << 20
"""Bytes of one body that are accepted."""

_CHUNK = 1 << 20


class HttpUnix:
    """A connection to an HTTP server on a unix socket; a new one where the last answer was not read to its end.

    `known` says that the server spoke HTTP before: then one that hangs up has gone, else it speaks something else.
    """

    def __init__(self, reach: Reach, budget: Budget, *, known: bool = False) -> None:
        self._reach = reach
        self._budget = budget
        self._known = known
        self._http = _Connection(reach, budget)

    def get(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of `GET target`.

        Raises CannotReach, Malformed (not HTTP, or cut short), LimitHit or OutOfTime.
        """
        try:
            if self._http.sock is not None:
                self._http.sock.settimeout(self._budget.left())
            self._http.request("GET", target, headers={"Host": "localhost"})
            # Closed when it is read, else http.client does not take the connection for another.
            with self._http.getresponse() as reply:
                body = self._read(reply)
        except (Malformed, LimitHit):
            self._http.close()
            raise
        except TimeoutError as error:
            raise OutOfTime from error
        except http.client.HTTPException as error:
            self._http.close()
            if self._known and isinstance(error, http.client.RemoteDisconnected):
                raise CannotReach(self._reach.path, "vanished", f"GET {target}: the connection ended") from error
            raise Malformed(f"GET {target}: not an HTTP answer ({type(error).__name__})") from error
        except OSError as error:
            self._http.close()
            raise CannotReach(
                self._reach.path, "vanished", f"GET {target}: the connection ended: {error.strerror}"
            ) from error
        self._known = True
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, body

    def _read(self, reply: http.client.HTTPResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        # read1 gives what has come, so that a slow server meets the budget between its bytes.
        while part := reply.read1(_CHUNK):
            size += len(part)
            self._budget.take(len(part))
            self._budget.left()
            if size > MAX_BODY:
                raise LimitHit(f"a reply of more than {MAX_BODY} bytes")
            parts.append(part)
        if reply.length:
            raise Malformed(f"a reply that ended {reply.length} bytes early")
        return b"".join(parts)

    def close(self) -> None:
        self._http.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, reach: Reach, budget: Budget) -> None:
        super().__init__("localhost")
        self._reach = reach
        self._budget = budget
        self.sock: socket.socket | None = None

    def connect(self) -> None:
        self.sock = _Paced(self._reach.connect(self._budget.left()), self._budget)


class _Paced(socket.socket):
    """A socket on which every wait ends with the budget. A timeout alone starts anew with each byte, and http.client
    reads lines and chunks of any number of bytes by itself."""

    def __init__(self, connected: socket.socket, budget: Budget) -> None:
        super().__init__(fileno=connected.detach())
        self._budget = budget
        self.settimeout(budget.left())

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(self._budget.left())
        return super().recv_into(buffer, nbytes, flags)
