"""Client configuration files → the settings that decide where a client looks. Opens nothing."""

from __future__ import annotations

import hashlib
import re
import tomllib

import msgspec

from stackscope.errors import Malformed

VARIABLES = (
    "CONTAINERD_ADDRESS",
    "CONTAINERD_NAMESPACE",
    "CONTAINERD_SNAPSHOTTER",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "NERDCTL_TOML",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)
"""The variables that decide what docker, nerdctl and ctr see."""

NERDCTL_KEYS = ("address", "namespace", "snapshotter", "data_root")

_CREDENTIALS = re.compile(r"(://)[^/\s]*@")


class _DockerConfig(msgspec.Struct, rename="camel"):
    current_context: str = ""


class _ContextEndpoint(msgspec.Struct, rename="pascal"):
    host: str = ""


class _Context(msgspec.Struct, rename="pascal"):
    name: str = ""
    endpoints: dict[str, _ContextEndpoint] = {}


def without_credentials(value: str) -> str:
    """A URL without `user:password@`; anything else unchanged."""
    return _CREDENTIALS.sub(r"\1", value)


def nerdctl_toml(raw: bytes) -> dict[str, str]:
    """nerdctl.toml (nerdctl: pkg/config/config.go). Raises Malformed."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # Of its own kind, or of int()'s for a number of thousands of digits, or of the decoding.
        raise Malformed(str(error)) from error
    settings = {key: data[key] for key in NERDCTL_KEYS if key in data}
    wrong = [key for key, value in settings.items() if not isinstance(value, str)]
    if wrong:
        raise Malformed(f"{wrong[0]} is not a string")
    return settings


def docker_config(raw: bytes) -> dict[str, str]:
    """`currentContext` of docker's config.json; its credentials are not read. Raises Malformed."""
    try:
        current = msgspec.json.decode(raw, type=_DockerConfig).current_context
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    return {"currentContext": current} if current else {}


def docker_context(raw: bytes) -> dict[str, str]:
    """`name` and `host` of a context's meta.json. Raises Malformed."""
    try:
        context = msgspec.json.decode(raw, type=_Context)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    endpoint = context.endpoints.get("docker", _ContextEndpoint())
    return {"name": context.name, "host": without_credentials(endpoint.host)}


def context_folder(name: str) -> str:
    """The folder of a context below `contexts/meta`: the SHA-256 of its name (cli: cli/context/store)."""
    return hashlib.sha256(name.encode()).hexdigest()
