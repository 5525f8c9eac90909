"""`python -m bench`: see the package."""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from bench import hosts
from bench.measure import measure
from bench.report import Report, Stage, document, markdown

HERE = Path(__file__).parent
SYSTEMD = Path("/run/systemd/system")


def main() -> int:
    options = arguments()
    if why_not := missing(options.store):
        print("; ".join(why_not), file=sys.stderr)
        return 2
    notes = []
    if others := hosts.engines_of_others():
        notes.append(f"{others} engine processes of others ran on this machine: tree looked at them, by hand did not.")
    if not SYSTEMD.is_dir():
        notes.append("There is no systemd here, so by hand is without systemd-cgls.")
    repeat = {"rounds": options.rounds, "runs": options.runs}
    started = {
        "--version": [str(stackscope()), "--version"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    start = measure(started, prefix=(), rounds=options.rounds, runs=4 * options.runs)
    stages, present = [], 0
    with hosts.host(options.store) as host:
        for wanted in options.containers:
            said = time.monotonic()
            hosts.grow(host, present, wanted)
            present = wanted
            print(f"{wanted} containers run, after {time.monotonic() - said:.0f} s", file=sys.stderr)
            commands = commands_for(host.access)
            stages.append(Stage(containers=wanted, measured=measure(commands, prefix=host.access.prefix, **repeat)))
    report = Report(store=options.store, start=start, stages=stages, notes=notes)
    print(markdown(report))
    if options.output:
        options.output.write_text(json.dumps(document(report), indent=1) + "\n")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How long stackscope tree takes.")
    parser.add_argument("--containers", type=stages, default=stages("10,180"), help="stages, as in 10,180,1000")
    parser.add_argument("--store", choices=("graphdriver", "containerd"), default="graphdriver")
    parser.add_argument("--runs", type=int, default=5, help="of each command in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="write all times there, as JSON")
    return parser.parse_args()


def stages(text: str) -> list[int]:
    return sorted({int(word) for word in text.split(",")})


def missing(store: str) -> list[str]:
    found = [] if os.geteuid() == 0 else ["not running as root"]
    if shutil.which("hyperfine") is None:
        found.append("hyperfine is missing (Debian: hyperfine)")
    if not stackscope().exists():
        found.append(f"{stackscope()} is missing: run this with the interpreter that stackscope is installed for")
    return found + hosts.missing(store)


def stackscope() -> Path:
    return Path(sys.executable).with_name("stackscope")


def commands_for(access: hosts.Access) -> dict[str, list[str]]:
    sockets = [access.docker_socket, access.containerd_socket]
    return {
        "tree": [str(stackscope()), "tree"],
        "by hand": ["sh", str(HERE / "by_hand.sh"), access.docker, access.ctr],
        "floor": [sys.executable, str(HERE / "floor.py"), *sockets],
    }


if __name__ == "__main__":
    sys.exit(main())
