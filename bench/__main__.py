"""`python -m bench`: see the package."""

import argparse
import compileall
import json
import os
import shutil
import signal
import subprocess
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
    if not options.inside:
        return alone()
    # As pip does when it installs; a checkout whose interpreter writes no bytecode would be compiled on each run.
    compileall.compile_dir(HERE.parent / "stackscope", quiet=1)
    notes = []
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
            check([*host.access.prefix, *commands["tree"], "--json"], wanted)
            stages.append(Stage(containers=wanted, measured=measure(commands, prefix=host.access.prefix, **repeat)))
    report = Report(store=options.store, start=start, stages=stages, notes=notes)
    print(markdown(report))
    if options.output:
        options.output.write_text(json.dumps(document(report), indent=1) + "\n")
    return 0


def check(tree: list[str], containers: int) -> None:
    """Nothing is timed that does not see every container, from both engines."""
    nodes = json.loads(subprocess.run(tree, capture_output=True, check=True).stdout)["nodes"]
    seen = {"dockerd": 0, "containerd": 0}
    for node in nodes:
        if node["kind"] == "container":
            seen[node["witness"].partition(":")[0]] += 1
    by_ctr = sum(number % hosts.ONE_OF == hosts.ONE_OF - 1 for number in range(containers))
    if seen != {"dockerd": containers - by_ctr, "containerd": containers}:
        raise RuntimeError(f"tree sees {seen} containers of {containers}, {by_ctr} of them ctr's")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How long stackscope tree takes.")
    parser.add_argument("--containers", type=stages, default=stages("10,180"), help="stages, as in 10,180,1000")
    parser.add_argument("--store", choices=("graphdriver", "containerd"), default="graphdriver")
    parser.add_argument("--runs", type=int, default=5, help="of each command in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="write all times there, as JSON")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def alone() -> int:
    """Run again in namespaces of its own; a shell as their first process reaps what loses its parent."""
    namespaces = ["--mount", "--propagation=private", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
    again = [sys.executable, "-m", "bench", "--inside", *sys.argv[1:]]
    with subprocess.Popen(["unshare", *namespaces, "sh", "-c", '"$@"; exit $?', "sh", *again]) as inside:
        # An interrupt from the terminal reaches both; the one inside clears away, and is waited for.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return inside.wait()


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
