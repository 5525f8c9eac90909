"""The results as a markdown table, and as data."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure import Measured


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What was measured at one number of containers: `tree`, `by hand`, `floor`."""

    containers: int
    measured: dict[str, Measured]


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run. `start` has `--version` and `python -c pass`; `notes` is what a reader has to know besides."""

    store: str
    start: dict[str, Measured]
    stages: Sequence[Stage]
    notes: Sequence[str]


def markdown(report: Report) -> str:
    lines = [
        f"Store: {report.store} · {_machine()}",
        "",
        "| containers | tree | by hand | floor | tree / by hand | tree / floor | peak tree | peak by hand |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_row(stage) for stage in report.stages]
    lines += ["", "| per container more | tree | by hand | floor |", "| --- | ---: | ---: | ---: |"]
    for before, after in zip(report.stages, report.stages[1:], strict=False):
        cells = [f"{1000 * _marginal(before, after, name):.2f} ms" for name in ("tree", "by hand", "floor")]
        lines.append(f"| {before.containers} to {after.containers} | {' | '.join(cells)} |")
    version, nothing = report.start["--version"], report.start["python -c pass"]
    lines += ["", f"`--version` {_ms(version)}, `python -c pass` {_ms(nothing)}: {_ratio(version, nothing)}"]
    lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines)


def document(report: Report) -> dict[str, object]:
    """All times, in seconds; peaks in KiB."""
    return {
        "schema": "stackscope.bench/1",
        "machine": _machine(),
        "store": report.store,
        "start": {name: _data(one) for name, one in report.start.items()},
        "stages": [
            {"containers": stage.containers, "measured": {name: _data(one) for name, one in stage.measured.items()}}
            for stage in report.stages
        ],
        "notes": list(report.notes),
    }


def _row(stage: Stage) -> str:
    tree, hand, floor = (stage.measured[name] for name in ("tree", "by hand", "floor"))
    cells = [str(stage.containers), _ms(tree), _ms(hand), _ms(floor), _ratio(tree, hand), _ratio(tree, floor)]
    return f"| {' | '.join([*cells, _mib(tree), _mib(hand)])} |"


def _marginal(before: Stage, after: Stage, name: str) -> float:
    more = after.containers - before.containers
    return (after.measured[name].median - before.measured[name].median) / more


def _ratio(one: Measured, other: Measured) -> str:
    ratios = one.ratios(other)
    whole = one.median / other.median
    return f"{whole:.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else f"{whole:.2f}"


def _ms(one: Measured) -> str:
    return f"{1000 * one.median:.0f} ms"


def _mib(one: Measured) -> str:
    return f"{one.peak / 1024:.0f} MiB"


def _data(one: Measured) -> dict[str, object]:
    return {"median": one.median, "rounds": one.rounds, "peak_kib": one.peak}


def _machine() -> str:
    return f"{os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()}"
