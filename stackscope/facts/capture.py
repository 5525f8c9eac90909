"""The capture: facts and gaps of one host at one time. Everything above it works from this alone."""

import msgspec

from stackscope.facts.core import Gap, Host
from stackscope.facts.union import AnyFact

SCHEMA = "stackscope.capture/1"


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Facts and gaps of one host at one time.

    `taken_at` is RFC 3339 in UTC; `stackscope` the version that took it; `needs` the parts that were asked for, so
    that a question can tell "not asked" from "not there"; `looked_at` every address that was considered.
    """

    schema: str
    stackscope: str
    taken_at: str
    host: Host
    redacted: bool
    needs: tuple[str, ...]
    looked_at: tuple[str, ...]
    facts: tuple[AnyFact, ...]
    gaps: tuple[Gap, ...]
