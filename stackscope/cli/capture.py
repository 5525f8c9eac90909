"""`stackscope capture`."""

from __future__ import annotations

import argparse
import os
import sys

from stackscope.cli import host, screen
from stackscope.facts.needs import EVERYTHING
from stackscope.facts.text import visible

HELP = "take all facts and gaps of this host into a file, for later and for elsewhere"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="JSON; compressed where the name ends in .zst or .gz; - for standard output",
    )
    parser.add_argument(
        "--no-redact", action="store_true", help="keep secrets in labels, argv and addresses: do not send that file"
    )


def run(options: argparse.Namespace) -> int:
    from stackscope.capture.files import encode, load, save
    from stackscope.capture.take import Options, take
    from stackscope.graph.build import build

    if options.from_ is not None:
        # So that a capture can be written again, in another compression.
        capture = load(options.from_)
    else:
        taking = Options(
            needs=EVERYTHING,
            seconds=options.timeout,
            redact=not options.no_redact,
            environment=dict(os.environ),
        )
        capture = take(taking).capture
    if options.output == "-":
        screen.show_json(encode(capture))
    else:
        size = save(capture, options.output)
        gaps = f", {len(capture.gaps)} gaps" if capture.gaps else ""
        print(visible(f"wrote {options.output}: {len(capture.facts)} facts{gaps}, {size} bytes"), file=sys.stderr)
    if not capture.redacted:
        print("It was not redacted: it may hold secrets.", file=sys.stderr)
    return host.exit_code(build(capture))
