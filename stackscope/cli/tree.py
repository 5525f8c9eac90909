"""`stackscope tree`, also with no command at all."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from stackscope.cli import host, screen
from stackscope.facts.needs import Needs
from stackscope.facts.text import visible

if TYPE_CHECKING:
    from stackscope.graph.build import Built

HELP = "what runs here, who owns it, where its state lies"

NEEDS = Needs.CONTAINERS | Needs.IMAGES


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="fold nothing")
    parser.add_argument("--evidence", action="store_true", help="with the proof of each owner, and how to see it again")
    parser.add_argument(
        "--or-demo", action="store_true", help="where no engine answers, say so and show the demo host instead"
    )


def run(options: argparse.Namespace) -> int:
    found = host.built(options, NEEDS, modules=("stackscope.views.tree", "rich.console"))
    if options.or_demo and not any(daemon.docker or daemon.containerd for daemon in found.index.daemons):
        return _demo(options, found)
    if options.json:
        from stackscope.views.json_doc import document

        screen.show_json(document(found.topology))
        return host.exit_code(found)
    show(options, found)
    return host.exit_code(found)


def show(options: argparse.Namespace, found: Built) -> None:
    """Print the tree of a host."""
    from stackscope.views.tree import Style, tree

    fold = None if options.all else Style().fold
    screen.show(tree(found.topology, Style(fold=fold, evidence=options.evidence)))


def _demo(options: argparse.Namespace, found: Built) -> int:
    from stackscope.cli import demo

    words = {"absent": "no such socket", "dead": "nobody serves it", "unknown": "no rights on it"}
    print("No engine answered on this machine. Looked at:")
    for path in found.index.capture.looked_at:
        state = found.index.endpoints[path].state
        print(visible(f"  {path}: {words.get(state, state)}"))
    for gap in found.topology.gaps:
        print(visible(f"  {gap.subject}: {gap.why}: {gap.detail}" + (f" → {gap.lifts}" if gap.lifts else "")))
    sys.stdout.flush()
    print()
    return demo.show(options)
