"""`stackscope why`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stackscope.cli import host, screen
from stackscope.facts.needs import Needs

if TYPE_CHECKING:
    from stackscope.questions.why import Answer

HELP = "why a client sees, or does not see, an image; without a client, every client of this host"

NEEDS = Needs.IMAGES | Needs.MANIFESTS

_CODES = {"sees": 0, "does-not-see": 1, "cannot-tell": host.CANNOT_TELL}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ref", metavar="REF", help="an image: nginx, nginx:1.27, a digest, an image id")
    parser.add_argument(
        "--client",
        metavar="LINE",
        help="a client in its own syntax, without a subcommand: docker, 'nerdctl -n k8s.io', 'ctr -a SOCKET -n moby'",
    )
    parser.add_argument(
        "--expect",
        choices=("sees", "does-not-see"),
        help="exit with 0 if that is the answer and with 1 if it is not: a check for CI",
    )


def run(options: argparse.Namespace) -> int:
    from stackscope.cli.arguments import Usage
    from stackscope.graph.viewpoint import named_address
    from stackscope.questions.reference import parse

    if options.expect and not options.client:
        raise Usage("stackscope why: --expect needs --client\n  Try: stackscope why --help")
    # A client or a reference that cannot be read costs no look at the host.
    asked = named_address(options.client) if options.client is not None else ()
    if options.client is None or not options.client.startswith("ctr"):
        parse(options.ref)
    found = host.built(options, NEEDS, asked)
    from stackscope.questions.why import matrix, why

    if options.client is None:
        return _matrix(options, matrix(found.index, options.ref))
    reply = why(found.index, options.ref, options.client)
    if options.json:
        import msgspec

        screen.show_json(msgspec.json.encode(reply))
    else:
        from stackscope.views.answer import answer

        screen.show(answer(reply))
    if options.expect and reply.verdict != "cannot-tell":
        return 0 if reply.verdict == options.expect else 1
    return _CODES[reply.verdict]


def _matrix(options: argparse.Namespace, replies: list[Answer]) -> int:
    if options.json:
        import msgspec

        screen.show_json(msgspec.json.encode({"ref": options.ref, "clients": replies}))
    else:
        from stackscope.views.answer import matrix

        screen.show(matrix(options.ref, replies), table=True)
    return host.CANNOT_TELL if all(reply.verdict == "cannot-tell" for reply in replies) else 0
