"""dockerd's configuration file, in the root of its own process: what its command line leaves to it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stackscope.errors import LimitHit
from stackscope.facts import Fact, Gap, Origin, Why
from stackscope.facts.argv import option
from stackscope.facts.daemon import DockerConfig
from stackscope.facts.process import Process
from stackscope.facts.text import command
from stackscope.transports.door import Root

DEFAULT = "/etc/docker/daemon.json"

_MAX_FILE = 1 << 20


class _File(msgspec.Struct, rename="kebab"):
    """The keys that decide who owns what (moby: daemon/config/config.go)."""

    containerd_namespace: str = ""
    exec_root: str = ""
    containerd: str = ""


def look(process: Process, directory: str) -> Iterator[Fact | Gap]:
    """What the file of a dockerd says; `directory` is its root, /proc/PID/root."""
    path = option(process.argv, "--config-file") or DEFAULT
    shown = f"{directory}{path}"
    origin = Origin(witness="disk", call=shown, command=command("cat", shown))
    settings = _File()
    state, why, detail = "read", None, ""
    try:
        root = Root(directory)
        try:
            settings = msgspec.json.decode(root.read(path, _MAX_FILE), type=_File)
        finally:
            root.close()
    except FileNotFoundError:
        state = "absent"
    except PermissionError as error:
        state, why, detail = "unreadable", Why.DENIED, str(error.strerror)
    except (OSError, LimitHit) as error:
        state, why, detail = "unreadable", Why.FAILED, str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        state, why, detail = "unreadable", Why.MALFORMED, str(error)
    yield DockerConfig(
        origin=origin,
        pid=process.pid,
        path=path,
        state=state,
        containerd_namespace=settings.containerd_namespace,
        exec_root=settings.exec_root,
        containerd=settings.containerd,
    )
    if why is not None:
        lifts = "run as root" if why is Why.DENIED else ""
        yield Gap(
            subject="disk",
            why=why,
            detail=f"{path} of dockerd (pid {process.pid}): {detail}",
            origin=origin,
            lifts=lifts,
        )
