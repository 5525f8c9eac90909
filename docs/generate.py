"""Writes `docs/reference/` and README's screens from the code: `make docs`. `make check` says when one is stale."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from stackscope.cli import host, main
from stackscope.cli.arguments import COMMANDS, parser
from stackscope.facts import Why
from stackscope.graph import Relation
from stackscope.graph.build import rules
from stackscope.graph.kinds import KINDS
from stackscope.views.schema import SCHEMAS, schema_text

REFERENCE = Path(__file__).parent / "reference"

README = REFERENCE.parent.parent / "README.md"

_SCREEN = re.compile(r"(<!-- screen: (.+) -->\n)```\n(?:.*\n)*?```\n")

_MADE = "<!-- Made from the code by docs/generate.py: change that, then run `make docs`. -->\n"

_WHY = {
    Why.DENIED: "No rights to look.",
    Why.TIMEOUT: "No complete answer within the budget.",
    Why.UNSUPPORTED: "This release of the engine does not serve it.",
    Why.VANISHED: "It was there, and ended while it was looked at.",
    Why.MALFORMED: "What came is not what its protocol or format says.",
    Why.FAILED: "The engine or the kernel answered with an error.",
    Why.NOT_ASKED: "It was not asked on purpose: the question would have changed the host.",
    Why.LIMIT: "A cap on size, count or length stopped the look.",
}

_EXIT_CODES = (
    (0, "Answered, and nothing is wrong. `tree`, `ps`, `images`, `graph` and `capture` end with it although gaps are "
        "shown; `why` where the client sees the image, and after the table of all clients."),
    (1, "Answered, and something is wrong: with `why --client` the client does not see the image; with `--expect` the "
        "answer is another."),
    (main.USAGE, "Wrong usage, or input that cannot be read."),
    (host.CANNOT_TELL, "Cannot tell, because of gaps. `tree`, `ps`, `images`, `graph` and `capture` end with it only "
        "where engines were found and none of them answered."),
    (main.INTERNAL, "stackscope itself failed; the last line says how to report it."),
    (130, "Interrupted."),
)  # fmt: skip


def pages() -> dict[str, str]:
    """Every page by its path below `docs/reference/`."""
    return {
        "README.md": _index(),
        "commands.md": _commands(),
        "exit-codes.md": _exit_codes(),
        "gaps.md": _gaps(),
        "kinds.md": _kinds(),
        "relations.md": _relations(),
        **{f"schema/{name}.json": schema_text(name) for name in SCHEMAS},
    }


def readme() -> str:
    """README.md with its screens made anew: each is the output of the command in the comment above it."""
    text = README.read_text("utf-8")
    return _SCREEN.sub(lambda found: f"{found.group(1)}```\n{_screen(found.group(2))}```\n", text)


def _screen(words: str) -> str:
    code = [sys.executable, "-m", "stackscope", *shlex.split(words)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "CONTAINERD_"))}
    done = subprocess.run(code, env=plain | {"COLUMNS": "80"}, capture_output=True, text=True, check=False)  # noqa: S603  our own program, with words from README
    return done.stdout


def write() -> None:
    README.write_text(readme(), "utf-8")
    for name, text in pages().items():
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _page(title: str, *blocks: str) -> str:
    return "\n".join((_MADE, f"# {title}\n", *(f"{block.strip()}\n" for block in blocks)))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def row(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    names = list(head)
    return "\n".join((row(names), row("---" for _ in names), *(row(cells) for cells in rows)))


def _prose(docstring: str | None) -> str:
    """A docstring as one paragraph for each of its own."""
    text = inspect.cleandoc(docstring or "")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _index() -> str:
    return _page(
        "Reference",
        "- [Commands](commands.md) and [exit codes](exit-codes.md)\n"
        "- The graph: [kinds of nodes](kinds.md), [relations](relations.md), [gaps](gaps.md)\n"
        "- JSON Schemas: [the graph document](schema/graph.json), [a capture](schema/capture.json); "
        "`stackscope schema` prints them",
    )


def _relations() -> str:
    blocks = [
        "A link says `source` relation `target`. It has a reason in words, `because`, and `evidence`: who says so, "
        "text that shows it, and a command whose output contains that text. Where no link could be made, none is "
        "there: [a gap](gaps.md) tells whether that means anything.",
        "What stands below a relation is how it is found.",
    ]
    for relation in Relation:
        blocks.append(f"## `{relation}`")
        for rule in rules():
            module = rule.find.__module__
            # What other packages bring is theirs to document.
            if rule.relation is relation and module.startswith("stackscope."):
                blocks += [f"**{_prose(sys.modules[module].__doc__).rstrip('.')}.**", _prose(rule.find.__doc__)]
    return _page("Relations", *blocks)


def _kinds() -> str:
    blocks = [
        "A node is a thing as one witness has it. Two witnesses of one container are two nodes, joined by a "
        "[relation](relations.md).",
        "A node has an `id`, a `kind`, a `name`, a `witness` and `attrs`. The `id` is `kind|witness|local key`. It "
        "is the same in two captures of an unchanged host. Only a process and a shim have a pid in it, with their "
        "start time.",
        "`PATH` is the engine's API socket, symlinks followed. Ids inside `attrs` are whole.",
        _table(
            ("kind", "what it is", "witness", "local key"),
            ((f"[`{kind.name}`](#{kind.name})", kind.about, kind.witness, kind.key) for kind in KINDS),
        ),
    ]
    for kind in KINDS:
        rows = ((f"`{name}`", about) for name, about in kind.attrs.items())
        blocks += [f"## {kind.name}", kind.about, _table(("attribute", "what it says"), rows)]
    return _page("Kinds of nodes", *blocks)


def _gaps() -> str:
    return _page(
        "Gaps",
        "A gap is a look that failed. It is data, and never an absence: nothing is called absent unless the listing "
        "that would show it came to its end.",
        "A missing file and a refused connection are no gaps. They are the kernel's answer, and become the `state` of "
        "[a socket](kinds.md#socket).",
        _table(
            ("part", "what it says"),
            (
                ("`subject`", "A witness, or the id of a node."),
                ("`why`", "One of the reasons below."),
                ("`detail`", "The call or the file, and what came back."),
                ("`origin`", "Which witness, and which call or file."),
                ("`command`", "A command that shows the same again, or null."),
                ("`lifts`", 'What would make the look succeed, in words; "" where nothing is known to.'),
            ),
        ),
        "This is how the [graph document](schema/graph.json) has it. In a [capture](schema/capture.json) `origin` is "
        "an object, which holds the command.",
        "## Reasons",
        _table(("why", "what happened"), ((f"`{why}`", _WHY[why]) for why in Why)),
    )


def _exit_codes() -> str:
    return _page("Exit codes", _table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in _EXIT_CODES)))


def _commands() -> str:
    top = parser()
    shared = [action for action in top._actions if action.option_strings and not _is_help(action)]
    blocks = [
        top.description or "",
        "## Everywhere",
        "These go before or after the command's name.",
        _options(shared),
    ]
    named = {option for action in shared for option in action.option_strings}
    for command in COMMANDS:
        own = argparse.ArgumentParser(prog=f"stackscope {command.name}", add_help=False)
        command.configure(own)
        actions = [action for action in own._actions if not named & set(action.option_strings)]
        blocks += [f"## `stackscope {command.name}`", f"{_sentence(command.help)}"]
        if actions:
            blocks.append(_options(actions))
    return _page("Commands", *blocks)


def _is_help(action: argparse.Action) -> bool:
    return "--help" in action.option_strings


def _options(actions: Iterable[argparse.Action]) -> str:
    return _table(
        ("argument", "what it does"), ((_written(action), _sentence(action.help or "")) for action in actions)
    )


def _written(action: argparse.Action) -> str:
    """An argument as it is typed."""
    value = "" if action.nargs == 0 else str(action.metavar or "")
    if action.choices is not None:
        value = ", ".join(map(str, action.choices))
        return f"`{', '.join(action.option_strings)}` {value}" if action.option_strings else value
    return f"`{' '.join((', '.join(action.option_strings), value)).strip()}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


if __name__ == "__main__":
    write()
