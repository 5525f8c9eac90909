"""Where a client looks: its command line, environment and configuration read as that client reads them.

Pure, over an Index. Sources: docker/cli cli/command/cli.go resolveContextName; nerdctl pkg/config; ctr's flags.
"""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass

from stackscope.errors import UnknownClient
from stackscope.facts.client import ClientFile
from stackscope.graph.index import Index

CLIENTS = ("docker", "nerdctl", "ctr")

_DOCKER_DEFAULT = "unix:///var/run/docker.sock"
_CONTAINERD_DEFAULT = "/run/containerd/containerd.sock"
_NAMESPACE_DEFAULT = "default"

_OPTIONS = {
    "docker": {"-H": "host", "--host": "host", "-c": "context", "--context": "context", "--config": "config"},
    "nerdctl": {
        "-a": "address", "--address": "address", "-H": "address", "--host": "address",
        "-n": "namespace", "--namespace": "namespace",
    },
    "ctr": {"-a": "address", "--address": "address", "-n": "namespace", "--namespace": "namespace"},
}  # fmt: skip
_HARMLESS = {
    "docker": {"-D", "--debug", "--tls", "--tlsverify"},
    "nerdctl": {"--debug", "--debug-full", "--experimental", "--insecure-registry"},
    "ctr": {"--debug"},
}


@dataclass(frozen=True, kw_only=True)
class Viewpoint:
    """A client with the place where it looks.

    `address` is as given, `path` the socket behind it, resolved ("" where it is no unix socket); `namespace` is the
    containerd namespace ("" for docker). `address_from` and `namespace_from` say who decided. `unsure` names a
    configuration that could not be read and that might decide otherwise.
    """

    client: str
    command: str
    address: str
    path: str
    address_from: str
    namespace: str = ""
    namespace_from: str = ""
    unsure: str = ""

    @property
    def witness(self) -> str:
        """The engine it asks."""
        return f"{'dockerd' if self.client == 'docker' else 'containerd'}:{self.path}"


def resolve(index: Index, line: str) -> Viewpoint:
    """The viewpoint of a command line such as `nerdctl -n k8s.io`. Raises UnknownClient."""
    client, options = _read(line)
    return _docker(index, line, options) if client == "docker" else _containerd(index, client, line, options)


def _read(line: str) -> tuple[str, dict[str, str]]:
    """The client and its options."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UnknownClient(f"the client {line!r} cannot be read: {error}", "Quote it as a shell would") from error
    client = words[0].rpartition("/")[2] if words else ""
    if client not in CLIENTS:
        raise UnknownClient(
            f"no client {client or line!r} is known", f"Known clients: {', '.join(CLIENTS)}, each with its own options"
        )
    return client, _options(client, words[1:])


def named_address(line: str) -> tuple[tuple[str, str], ...]:
    """The unix address in a command line itself, as API and path: it must be looked at. Raises UnknownClient."""
    client, options = _read(line)
    address = options.get("host" if client == "docker" else "address", "")
    path = _socket(client, address)
    return (("docker" if client == "docker" else "containerd", path),) if path else ()


def _socket(client: str, address: str) -> str:
    """The path of the unix socket that this client takes an address for; "" where it would take it for another kind.

    docker needs `unix://` (a bare path is a TCP address to it), ctr a bare path, and nerdctl takes either.
    """
    path = address.removeprefix("unix://")
    schemed = path != address
    if not path.startswith("/") or (client == "docker" and not schemed) or (client == "ctr" and schemed):
        return ""
    return path


def _options(client: str, words: list[str]) -> dict[str, str]:
    known, found = _OPTIONS[client], {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if client == "ctr":
            word = _as_go_reads_it(word)
        name, equals, value = word.partition("=")
        if name in known and equals:
            found[known[name]] = value
        elif word in known and waiting:
            found[known[word]] = waiting.pop(0)
        elif word[:2] in known and not word.startswith("--") and len(word) > 2:
            # A short option with its value glued on: -nk8s.io
            found[known[word[:2]]] = word[2:]
        elif word in known:
            raise UnknownClient(f"{client}: {word} needs a value", f"Write it as: {client} {word} VALUE")
        elif word not in _HARMLESS[client]:
            shown = sorted({*known, *_HARMLESS[client]})
            raise UnknownClient(
                f"{client}: {word!r} is no option that decides where it looks",
                f"Name the client without a subcommand; options that count: {', '.join(shown)}",
            )
    if {"host", "context"} <= found.keys():
        raise UnknownClient(f"{client} takes a host or a context, not both", "Leave one of them out")
    return found


def _as_go_reads_it(word: str) -> str:
    """An option of ctr in the form of the others': Go's flag package takes one dash or two for every name, and no value
    glued to a short one."""
    bare = word.lstrip("-")
    if bare == word or not bare:
        return word
    return f"{'-' if len(bare.partition('=')[0]) == 1 else '--'}{bare}"


def _docker(index: Index, line: str, options: dict[str, str]) -> Viewpoint:
    unsure = ""
    host = index.variables.get("DOCKER_HOST")
    context = index.variables.get("DOCKER_CONTEXT")
    config = next(iter(index.client_files.get("docker", ())), None)
    if "host" in options:
        address, source = options["host"], "-H on its command line"
    elif "context" in options:
        address, source, unsure = _context(index, options["context"], "--context on its command line")
    elif host is not None:
        address, source = host.value, "$DOCKER_HOST"
    elif context is not None:
        address, source, unsure = _context(index, context.value, "$DOCKER_CONTEXT")
    elif config is not None and config.settings.get("currentContext"):
        address, source, unsure = _context(index, config.settings["currentContext"], config.path)
    else:
        address, source = _DOCKER_DEFAULT, "docker's default"
        if config is not None and config.state == "unreadable":
            unsure = config.path
    if "config" in options and source not in ("-H on its command line", "$DOCKER_HOST"):
        # Contexts and the current one are that folder's.
        file = posixpath.join(options["config"], "config.json")
        if config is None or config.path != file:
            unsure = f"{file}, which was not captured"
    path = index.primary("docker", index.canonical(_socket("docker", address)))
    return Viewpoint(client="docker", command=line, address=address, path=path, address_from=source, unsure=unsure)


def _context(index: Index, name: str, source: str) -> tuple[str, str, str]:
    """Address, who decided, and the file that could not be read."""
    if name == "default":
        return _DOCKER_DEFAULT, f"docker's default, by {source}", ""
    said = f'context "{name}", by {source}'
    for file in index.client_files.get("docker-context", ()):
        if file.settings.get("name") == name:
            return file.settings.get("host", ""), said, "" if file.state == "read" else file.path
    return "", said, f'the context "{name}", which was not captured'


def _containerd(index: Index, client: str, line: str, options: dict[str, str]) -> Viewpoint:
    file = next(iter(index.client_files.get("nerdctl", ())), None) if client == "nerdctl" else None
    address, address_from = _setting(index, options, file, "address", "CONTAINERD_ADDRESS", _CONTAINERD_DEFAULT, client)
    namespace, namespace_from = _setting(
        index, options, file, "namespace", "CONTAINERD_NAMESPACE", _NAMESPACE_DEFAULT, client
    )
    decided = address_from != f"{client}'s default" and namespace_from != f"{client}'s default"
    unsure = file.path if file is not None and file.state == "unreadable" and not decided else ""
    return Viewpoint(
        client=client,
        command=line,
        address=address,
        path=index.primary("containerd", index.canonical(_socket(client, address))),
        address_from=address_from,
        namespace=namespace,
        namespace_from=namespace_from,
        unsure=unsure,
    )


def _setting(
    index: Index, options: dict[str, str], file: ClientFile | None, key: str, variable: str, default: str, client: str
) -> tuple[str, str]:
    """A setting and who decided: the command line, else the environment, else the file, else the default."""
    if key in options:
        return options[key], f"{'-a' if key == 'address' else '-n'} on its command line"
    if variable in index.variables:
        return index.variables[variable].value, f"${variable}"
    if file is not None and key in file.settings:
        return file.settings[key], file.path
    return default, f"{client}'s default"
