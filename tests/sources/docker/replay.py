"""A dockerd that answers what a real one answered, or what a test says."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.transports.servers import http, says

SAMPLES = Path(__file__).parent / "samples"
PING = (SAMPLES / "ping.http").read_bytes()
RECORDED = {
    "/v1.41/info": "info.json",
    "/v1.41/containers/json?all=1": "containers-json.json",
    "/v1.41/images/json": "images-json.json",
    "/v1.41/volumes": "volumes.json",
    "/v1.41/networks": "networks.json",
}


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def changed(name: str, **members: Any) -> bytes:
    """A recorded object with other members."""
    return json.dumps({**json.loads(sample(name)), **members}).encode()


Answer = bytes | Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def dockerd(path: Path, answers: Mapping[str, Answer] | None = None) -> Iterator[list[str]]:
    """A server at `path`; yields the heads of the requests that came.

    `answers` maps a target to a whole HTTP answer, or to a talk, after which it closes; what it lacks is answered as
    recorded.
    """
    over = threading.Event()
    heads: list[str] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def handle(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(5)
            while head := client.recv(65536).decode():
                heads.append(head)
                target = head.split(" ")[1]
                if answers and target in answers:
                    answer = answers[target]
                    (says(answer) if isinstance(answer, bytes) else answer)(client, over)
                    return
                if target == "/_ping":
                    client.sendall(PING)
                    continue
                file = RECORDED.get(target)
                client.sendall(http((SAMPLES / file).read_bytes()) if file else http(b"{}", "404 Not Found"))

    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threads.append(threading.Thread(target=handle, args=(client,)))
                threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield heads
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for thread in threads:
            thread.join()
