"""`stackscope images`."""

from __future__ import annotations

import argparse

from stackscope.cli import host, screen
from stackscope.facts.needs import Needs

HELP = "every image name of every engine and containerd namespace, and who sees it"

NEEDS = Needs.IMAGES | Needs.MANIFESTS


def configure(parser: argparse.ArgumentParser) -> None:
    """It has the shared options only."""


def run(options: argparse.Namespace) -> int:
    found = host.built(options, NEEDS, modules=("stackscope.views.table", "rich.console"))
    from stackscope.views import table

    if options.json:
        import msgspec

        screen.show_json(msgspec.json.encode({"images": table.image_rows(found.topology), "gaps": found.topology.gaps}))
    else:
        screen.show(table.images(found.topology), table=True)
        screen.gap_notes(found.topology.gaps)
    return host.exit_code(found)
