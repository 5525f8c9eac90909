"""Captures for the tests, built in Python."""

from stackscope.facts import SCHEMA, AnyFact, Capture, Gap, Host, Origin

ORIGIN = Origin(witness="dockerd:/run/docker.sock", call="GET /containers/json?all=1")


def capture(*facts: AnyFact, gaps: tuple[Gap, ...] = ()) -> Capture:
    return Capture(
        schema=SCHEMA,
        stackscope="0",
        taken_at="2026-01-02T03:04:05Z",
        host=Host(hostname="lab", kernel="6.1.0", machine="x86_64", cgroup_mode="unified", uid=0),
        redacted=False,
        needs=(),
        looked_at=(),
        facts=facts,
        gaps=gaps,
    )
