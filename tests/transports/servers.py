"""Servers on unix sockets that do not do what a client expects."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Talk = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection, until the event says that the test is over."""


@contextlib.contextmanager
def serving(path: Path, talk: Talk) -> Iterator[list[bytes]]:
    """A server at `path`; yields the first bytes that each client sent."""
    over = threading.Event()
    asked: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    threads: list[threading.Thread] = []

    def handle(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                asked.append(client.recv(65536))
            client.settimeout(5)
            talk(client, over)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                thread = threading.Thread(target=handle, args=(client,))
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield asked
    finally:
        over.set()
        # Only this ends the accept(2) of another thread.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()


def says(*parts: bytes) -> Talk:
    """Sends the parts, and closes."""

    def talk(client: socket.socket, over: threading.Event) -> None:
        for part in parts:
            client.sendall(part)

    return talk


def says_nothing(client: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def drips(start: bytes, drop: bytes, every: float = 0.05) -> Talk:
    """Sends `start`, then `drop` again and again, as long as somebody listens."""

    def talk(client: socket.socket, over: threading.Event) -> None:
        client.sendall(start)
        while not over.wait(every):
            client.sendall(drop)

    return talk


def floods(start: bytes, block: bytes) -> Talk:
    """Sends without end."""

    def talk(client: socket.socket, over: threading.Event) -> None:
        client.sendall(start)
        while not over.is_set():
            client.sendall(block)

    return talk


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body
