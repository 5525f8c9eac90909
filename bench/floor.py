"""The same reads and calls as `stackscope tree`, and nothing else: `floor.py DOCKER_SOCKET CONTAINERD_SOCKET`.

Nothing of stackscope is used. As tree does, it reads /proc in a child process, beside the import of grpc and the calls;
answers are bytes that are dropped, except for what the next call or read needs. Calls of one containerd go out side by
side.
"""

import os
import socket
import struct
import sys
import threading
from typing import IO

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
ENGINES = {b"dockerd", b"containerd", b"podman", b"crio", b"buildkitd", b"cri-dockerd", b"kubelet", b"rootlesskit"}
SERVICES = "/containerd.services."


def main() -> None:
    docker, containerd = sys.argv[1:]
    child = os.fork()
    if not child:
        read_proc()
        os._exit(0)
    asking = threading.Thread(target=ask_docker, args=(docker,))
    asking.start()
    ask_containerd(containerd)
    asking.join()
    os.waitpid(child, 0)


def read_proc() -> None:
    stats = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stats[name] = parent_and_comm(slurp(f"/proc/{name}/stat"))
            except OSError:
                continue
    slurp("/proc/net/unix")
    connected_sockets()
    parts = {pid for pid, (_, comm) in stats.items() if comm in ENGINES or comm.startswith(b"containerd-shim")}
    while more := {pid for pid, (parent, _) in stats.items() if parent.decode() in parts} - parts:
        parts |= more
    for pid, (parent, comm) in stats.items():
        # Neither kernel threads, whose parent is 0 or 2, nor shims and what is below them.
        if parent in (b"0", b"2") or (pid in parts and comm not in ENGINES):
            continue
        try:
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                os.readlink(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
    for pid in parts:
        shim = stats[pid][1].startswith(b"containerd-shim")
        try:
            slurp(f"/proc/{pid}/cmdline")
            os.readlink(f"/proc/{pid}/cwd") if shim else slurp(f"/proc/{pid}/cgroup")
            slurp(f"/proc/{pid}/stat")
            os.stat(f"/proc/{pid}")
        except OSError:
            continue


def slurp(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(descriptor, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def parent_and_comm(stat: bytes) -> tuple[bytes, bytes]:
    closing = stat.rfind(b")")
    return stat[closing + 4 :].split(b" ", 1)[0], stat[stat.find(b"(") + 1 : closing]


def connected_sockets() -> None:
    """sock_diag(7): the unix sockets with names and peers, up to the message that ends the dump."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:
        body = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 1 << 1, 0, 0x05, 0xFFFFFFFF, 0xFFFFFFFF)
        netlink.send(struct.pack("=IHHII", 16 + len(body), 20, 0x301, 1, 0) + body)
        done = False
        while not done:
            data = netlink.recv(1 << 18)
            done = struct.unpack_from("=IH", data)[1] in (2, 3)


def ask_docker(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        with connection.makefile("rb") as answers:
            get(connection, answers, "/version")
            for target in ("/info", "/containers/json?all=1", "/images/json"):
                get(connection, answers, f"/v1.40{target}")


def get(connection: socket.socket, answers: IO[bytes], target: str) -> None:
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    length, chunked = 0, False
    while (line := answers.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        chunked = chunked or line == b"transfer-encoding: chunked"
    answers.read(length)
    while chunked:
        size = int(answers.readline(), 16)
        answers.read(size + 2)
        chunked = size > 0


def ask_containerd(path: str) -> None:
    import grpc

    options = (("grpc.max_receive_message_length", 64 << 20), ("grpc.default_authority", "localhost"))
    channel = grpc.insecure_channel(f"unix:{path}", options=options)

    def call(method: str, namespace: bytes | None = None) -> grpc.Future:
        metadata = None if namespace is None else (("containerd-namespace", namespace.decode()),)
        return channel.unary_unary(f"{SERVICES}{method}").future(b"", metadata=metadata)

    first = [call("version.v1.Version/Version"), call("introspection.v1.Introspection/Plugins")]
    # Asked only where its file exists; a containerd that dockerd uses has one.
    first.append(call("introspection.v1.Introspection/Server"))
    namespaces = names(call("namespaces.v1.Namespaces/List").result())
    methods = ("containers.v1.Containers/List", "tasks.v1.Tasks/List", "images.v1.Images/List", "sandbox.v1.Store/List")
    for pending in first + [call(method, name) for method in methods for name in namespaces]:
        # Old releases have no sandboxes; that too is an answer.
        pending.exception() or pending.result()
    channel.close()


def names(reply: bytes) -> list[bytes]:
    """Field 1 of each message in field 1: the reply's namespaces, by protobuf's encoding. Names are short."""
    found, at = [], 0
    while at < len(reply):
        length, at = varint(reply, at + 1)
        found.append(reply[at + 2 : at + 2 + reply[at + 1]])
        at += length
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


if __name__ == "__main__":
    main()
