"""Reads what decides where this user's docker, nerdctl and ctr look."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from stackscope.errors import LimitHit, Malformed
from stackscope.facts import Fact, Gap, Origin, Why
from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.text import command
from stackscope.sources.clients import read
from stackscope.transports.door import Root

_MAX_FILE = 1 << 20


def look(root: Root, environment: Mapping[str, str], home: str, uid: int) -> Iterator[Fact | Gap]:
    """The environment's variables, nerdctl.toml, and docker's current context."""
    for name in read.VARIABLES:
        if value := environment.get(name, ""):
            yield ClientVariable(
                origin=Origin(witness="client:environment", call=f"${name}", command=f"printenv {name}"),
                name=name,
                value=read.without_credentials(value),
            )
    configuration = environment.get("XDG_CONFIG_HOME", "") or f"{home}/.config"
    usual = "/etc/nerdctl/nerdctl.toml" if uid == 0 else f"{configuration}/nerdctl/nerdctl.toml"
    yield from _file(root, "nerdctl", _absolute(environment.get("NERDCTL_TOML", "")) or usual, read.nerdctl_toml)
    yield from _docker(root, environment, f"{home}/.docker")


def _docker(root: Root, environment: Mapping[str, str], usual: str) -> Iterator[Fact | Gap]:
    folder = _absolute(environment.get("DOCKER_CONFIG", "")) or usual
    current = ""
    for fact in _file(root, "docker", f"{folder}/config.json", read.docker_config):
        if isinstance(fact, ClientFile):
            current = fact.settings.get("currentContext", "")
        yield fact
    for name in dict.fromkeys((environment.get("DOCKER_CONTEXT", ""), current)):
        if name and name != "default":
            yield from _file(
                root,
                "docker-context",
                f"{folder}/contexts/meta/{read.context_folder(name)}/meta.json",
                read.docker_context,
                name=name,
            )


def _absolute(path: str) -> str:
    """A client takes a relative path from its working directory, which is ours."""
    return os.path.join(os.getcwd(), path) if path else ""


def _file(
    root: Root, client: str, path: str, parse: Callable[[bytes], dict[str, str]], **known: str
) -> Iterator[Fact | Gap]:
    origin = Origin(witness=f"client:{client}", call=path, command=command("cat", path))
    state, settings = "read", dict(known)
    why, detail = None, ""
    try:
        settings = {**parse(root.read(path, _MAX_FILE)), **known}
    except (FileNotFoundError, NotADirectoryError):
        state = "absent"
    except PermissionError as error:
        state, why, detail = "unreadable", Why.DENIED, str(error.strerror)
    except OSError as error:
        state, why, detail = "unreadable", Why.FAILED, str(error.strerror)
    except Malformed as error:
        state, why, detail = "unreadable", Why.MALFORMED, str(error)
    except LimitHit as error:
        state, why, detail = "unreadable", Why.LIMIT, str(error)
    yield ClientFile(origin=origin, client=client, path=path, state=state, settings=settings)
    if why is not None:
        yield Gap(subject=f"client:{client}", why=why, detail=f"{path}: {detail}", origin=origin)
