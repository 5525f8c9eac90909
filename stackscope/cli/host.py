"""Where an answer comes from: this host, or a capture."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

from stackscope.facts.needs import Needs
from stackscope.facts.text import visible

if TYPE_CHECKING:
    from stackscope.facts import Capture
    from stackscope.graph.build import Built

CANNOT_TELL = 3

_GRAPH = ("stackscope.graph.build",)


def capture_of(
    options: argparse.Namespace,
    needs: Needs,
    addresses: tuple[tuple[str, str], ...] = (),
    modules: tuple[str, ...] = (),
) -> Capture:
    """A capture: the file that was named, or this host with what the question needs.

    `addresses` are sockets that the question itself names, API and path; `modules` are what the answer will need:
    they are imported while the engines are waited for.
    """
    if options.from_ is not None:
        from stackscope.capture.files import load

        capture = load(options.from_)
        if not getattr(options, "demo", False):
            print(
                visible(f"from {options.from_}: {capture.host.hostname}, taken at {capture.taken_at}"), file=sys.stderr
            )
        return capture
    from stackscope.capture.take import Options, take

    def import_them() -> None:
        for module in modules:
            importlib.import_module(module)
        importlib.import_module("stackscope.graph.build").rules()

    taking = Options(
        needs=needs,
        seconds=options.timeout,
        environment=dict(os.environ),
        addresses=addresses,
        meanwhile=import_them,
    )
    return take(taking).capture


def built(
    options: argparse.Namespace,
    needs: Needs,
    addresses: tuple[tuple[str, str], ...] = (),
    modules: tuple[str, ...] = (),
) -> Built:
    """The graph of what `capture_of` gives."""
    capture = capture_of(options, needs, addresses, (*_GRAPH, *modules))
    from stackscope.graph.build import build

    return build(capture)


def exit_code(host: Built) -> int:
    """0, but 3 where engines were found and none of them answered."""
    daemons = host.index.daemons
    sockets = [endpoint for endpoint in host.index.endpoints.values() if endpoint.state not in ("absent", "dead")]
    if (daemons or sockets) and not any(daemon.docker or daemon.containerd for daemon in daemons):
        return CANNOT_TELL
    return 0
