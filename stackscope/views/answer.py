"""An answer to `why`, for a screen: what is so, then where, then why, then what to type."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stackscope.facts import Gap
from stackscope.facts.text import visible
from stackscope.questions.why import CANNOT_TELL, DOES_NOT_SEE, SEES, Answer, Found
from stackscope.views.words import digest, short, spans, together

_VERDICT = {
    SEES: ("sees it", "bold green"),
    DOES_NOT_SEE: ("does not see it", "bold red"),
    CANNOT_TELL: ("cannot tell", "bold yellow"),
}

_IN_SHORT = {
    "another-namespace": "it is in another containerd namespace",
    "docker-graphdriver-store": "docker's own store and containerd's are apart",
    "another-containerd": "it is in another containerd",
    "another-daemon": "it is in another dockerd",
    "another-name": "it has another name there",
    "socket-unreachable": "the socket cannot be reached",
    "not-on-this-host": "it is not on this host",
}


def answer(reply: Answer) -> Group:
    """Verdict, where the client looks, where the image is, why, and what helps."""
    words, style = _VERDICT[reply.verdict]
    client = reply.client.partition(" ")[0]
    head = spans((reply.ref, "bold"), " · ", "" if reply.verdict == CANNOT_TELL else f"{client} ", (words, style))
    facts = Table(box=None, show_header=False, padding=(0, 1, 0, 1))
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column(overflow="fold")
    for line in _looks_in(reply):
        facts.add_row(*line)
    for number, found in enumerate(reply.found_in):
        facts.add_row("it is in" if number == 0 else "", _found(found))
    for cause in reply.causes:
        facts.add_row("because", spans(short(cause.because), (f"  [{cause.id}]", "dim")))
    for gap in reply.gaps:
        facts.add_row("not known", _gap(gap))
    blocks: list[RenderableType] = [head, facts]
    shown = [proof.command for cause in reply.causes for proof in cause.evidence if proof.command]
    blocks += _commands("shown by", shown, "dim")
    for remedy in reply.remedies:
        blocks += _commands(f"to {remedy.effect}", [remedy.command], "cyan")
    return Group(*blocks)


def _looks_in(reply: Answer) -> list[tuple[str, Text]]:
    looks = reply.looks_in
    lines = [("looks at", spans(looks.address or "nowhere that is known", (f"  ({looks.address_from})", "dim")))]
    if looks.namespace:
        lines.append(("", spans(f'containerd namespace "{looks.namespace}"', (f"  ({looks.namespace_from})", "dim"))))
    elif looks.store:
        lines.append(("", spans(looks.store)))
    return lines


def _found(found: Found) -> Text:
    name = f", as {short(found.name)}" if found.name else ", without a name"
    return spans(f"{found.store}{name}", (f"  {digest(found.digest)}", "dim"))


def _commands(title: str, commands: Sequence[str], style: str) -> list[RenderableType]:
    """A title, and below it each command on a line of its own: one that is broken to fit would not paste."""
    if not commands:
        return []
    blocks: list[RenderableType] = [Padding(spans((title, "bold" if style != "dim" else "dim")), (0, 1))]
    for words in dict.fromkeys(commands):
        blocks.append(Text(f"   {visible(words)}", style=style, no_wrap=True, overflow="ignore", end="\n"))
    return blocks


def matrix(ref: str, answers: Sequence[Answer]) -> Group:
    """One line for each viewpoint; nerdctl and ctr of one namespace on one line where they agree."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("CLIENT", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("WHY", overflow="fold")
    for clients, reply in _merged(answers):
        table.add_row(spans(clients), spans(_VERDICT[reply.verdict]), spans(_in_short(reply)))
    return Group(spans(("who sees ", ""), (ref, "bold")), table)


def _merged(answers: Sequence[Answer]) -> list[tuple[str, Answer]]:
    merged: dict[tuple[str, ...], tuple[list[str], Answer]] = {}
    for reply in answers:
        cause = reply.causes[0].id if reply.causes else ""
        options = reply.client.partition(" ")[2]
        key = (reply.looks_in.engine, reply.looks_in.namespace, reply.verdict, cause, options)
        merged.setdefault(key, ([], reply))[0].append(reply.client)
    return [(together(clients), reply) for clients, reply in merged.values()]


def _in_short(reply: Answer) -> str:
    if reply.verdict == SEES:
        return f"in {reply.looks_in.store}"
    if reply.verdict == CANNOT_TELL:
        return reply.gaps[0].detail if reply.gaps else "its engine did not answer"
    return _IN_SHORT[reply.causes[0].id] if reply.causes else "not there; not every other store could be looked in"


def _gap(gap: Gap) -> Text:
    lifts = f" → {gap.lifts}" if gap.lifts else ""
    return spans(f"{short(gap.subject)}: {gap.why}: {short(gap.detail)}{lifts}")
