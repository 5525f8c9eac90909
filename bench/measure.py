"""Wall time by hyperfine, and the peak of memory by wait4(2)."""

import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PEAK = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(pid, 0)
print(status, used.ru_maxrss)
"""
"""A small process between: a child's peak begins with that of the process that it was forked from."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Wall times of one command in seconds, one list for each round, and its largest process in KiB."""

    rounds: tuple[tuple[float, ...], ...]
    peak: int

    @property
    def median(self) -> float:
        """Seconds, over all rounds."""
        return statistics.median(time for times in self.rounds for time in times)

    def ratios(self, other: "Measured") -> list[float]:
        """This over the other, median over median, round by round: their spread is what the machine adds."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return [statistics.median(mine) / statistics.median(its) for mine, its in pairs]


def measure(
    commands: Mapping[str, Sequence[str]], *, prefix: Sequence[str], rounds: int, runs: int
) -> dict[str, Measured]:
    """Each command by its name. All of them take their turn in each round. Raises CalledProcessError."""
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in commands}
    for _ in range(rounds):
        with tempfile.NamedTemporaryFile(suffix=".json") as exported:
            _hyperfine(commands, prefix, runs, exported.name)
            results = json.loads(Path(exported.name).read_text())["results"]
        for name, result in zip(commands, results, strict=True):
            times[name].append(tuple(result["times"]))
    return {
        name: Measured(rounds=tuple(times[name]), peak=_peak(prefix, command)) for name, command in commands.items()
    }


def _hyperfine(commands: Mapping[str, Sequence[str]], prefix: Sequence[str], runs: int, export: str) -> None:
    argv = [*prefix, "hyperfine", "--shell=none", "--warmup=1", f"--runs={runs}", "--style=none"]
    argv += [f"--export-json={export}", *(shlex.join(command) for command in commands.values())]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"hyperfine ended with {done.returncode}: {done.stderr.strip()}")


def _peak(prefix: Sequence[str], command: Sequence[str]) -> int:
    argv = [*prefix, sys.executable, "-I", "-S", "-c", PEAK, *command]
    status, peak = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if int(status):
        raise RuntimeError(f"{shlex.join(command)} ended with wait status {status}")
    return int(peak)
