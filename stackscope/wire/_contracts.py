"""Loads the wire contracts and makes message classes of them.

The build puts one serialized `FileDescriptorSet` beside this module. It is loaded on first use into
a pool of its own, for two reasons: another package in the process may have registered containerd's
names in protobuf's default pool, and a descriptor set, unlike protoc's Python output, is not bound
to one release of protobuf.

So `google.protobuf.Any`, `Timestamp` and `Empty` are classes of this pool too. They have their
usual methods (`Unpack`, `ToDatetime` ...), but are not those of `google.protobuf.any_pb2` and its
like: `isinstance` says no, and `CopyFrom` refuses.
"""

import pkgutil
import threading
from dataclasses import dataclass

from google.protobuf.descriptor import EnumDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_FILE = "contracts.binpb"

# Sources ask side by side. Two threads that loaded at once would get two pools, and a message of
# one pool is not accepted by the classes of the other.
_lock = threading.RLock()
_loaded: DescriptorPool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of a gRPC service: all that a generic call of `grpc.Channel` needs."""

    path: str
    """As in `/containerd.services.images.v1.Images/List`."""
    request: type[Message]
    response: type[Message]
    server_streaming: bool
    """Whether to call it with `unary_stream` instead of `unary_unary`."""


def method(full_service: str, name: str) -> Method:
    """Return the method `name` of a service such as `containerd.services.images.v1.Images`.

    Raises:
        LookupError: the contracts have no such service, or the service no such method.
    """
    with _lock:
        service = _pool().FindServiceByName(full_service)
        found = service.methods_by_name[name]
        return Method(
            path=f"/{service.full_name}/{found.name}",
            request=GetMessageClass(found.input_type),
            response=GetMessageClass(found.output_type),
            server_streaming=found.server_streaming,
        )


def message(full_name: str) -> type[Message]:
    """Return the class of a message such as `containerd.types.Descriptor`.

    Raises:
        LookupError: the contracts have no such message.
    """
    with _lock:
        return GetMessageClass(_pool().FindMessageTypeByName(full_name))


def enum(full_name: str) -> EnumTypeWrapper:
    """Return an enum such as `containerd.v1.types.Status`, which maps names to ints and back.

    Raises:
        LookupError: the contracts have no such enum.
    """
    descriptor: EnumDescriptor = _pool().FindEnumTypeByName(full_name)
    return EnumTypeWrapper(descriptor)


def file(name: str) -> FileDescriptor:
    """Return what one .proto declares, by its name below `protos/`: `containerd/images.proto`.

    Raises:
        LookupError: the contracts have no such file.
    """
    return _pool().FindFileByName(name)


def files() -> tuple[str, ...]:
    """Return the names of all .proto files of the contracts, those of Google's types among them."""
    return tuple(file.name for file in _descriptor_set().file)


def _pool() -> DescriptorPool:
    global _loaded  # noqa: PLW0603 - the one place where the pool is made; guarded by the lock
    with _lock:
        if _loaded is None:
            pool = DescriptorPool()
            # protoc writes a file after all that it imports, which is the order a pool needs.
            for file in _descriptor_set().file:
                pool.AddSerializedFile(file.SerializeToString())
            _loaded = pool
        return _loaded


def _descriptor_set() -> FileDescriptorSet:
    try:
        # The loader reads it, so this works from a zip file too.
        data = pkgutil.get_data(__package__, _FILE)
    except FileNotFoundError:
        data = None
    if data is None:
        raise ImportError(
            f"{_FILE} is missing: this copy of stackscope was not built. "
            "In a checkout, run: python3 -m pip install -e ."
        )
    return FileDescriptorSet.FromString(data)
