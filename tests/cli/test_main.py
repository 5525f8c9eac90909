"""The command line: exit codes, messages with a next step, output that a pipe can use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTS = Path(__file__).parent.parent / "hosts"
HOST = str(HOSTS / "docker-and-containerd.json")


def run(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "CONTAINERD_", "COLUMNS"))}
    return subprocess.run(
        [sys.executable, "-m", "stackscope", *words],
        env=own | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=stdin,
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["tree", "--from", HOST], 0),
        (["--from", HOST], 0),
        (["--from", HOST, "--all"], 0),
        (["ps", "--from", HOST], 0),
        (["images", "--from", HOST], 0),
        (["--from", HOST, "graph", "-f", "dot"], 0),
        (["--from", HOST, "why", "acme/web:1.4"], 0),
        (["--from", HOST, "why", "acme/web:1.4", "--client", "docker"], 0),
        (["--from", HOST, "why", "acme/web:1.4", "--client", "nerdctl"], 1),
        (["--from", HOST, "why", "acme/web:1.4", "--client", "docker", "--expect", "sees"], 0),
        (["--from", HOST, "why", "acme/web:1.4", "--client", "docker", "--expect", "does-not-see"], 1),
        (["--from", HOST, "why", "acme/web:1.4", "--client", "nerdctl", "--expect", "does-not-see"], 0),
        (["--from", str(HOSTS / "ordinary-user.json"), "tree"], 3),
        (["--from", str(HOSTS / "dockerd-hangs.json"), "tree"], 0),
        (["--from", str(HOSTS / "dockerd-hangs.json"), "why", "acme/web:1.4", "--client", "docker"], 3),
        (["schema"], 0),
        (["demo", "ps"], 0),
        (["--version"], 0),
        (["--help"], 0),
        (["nonsense"], 2),
        (["tree", "--nonsense"], 2),
        (["tree", "--timeout", "soon"], 2),
        (["why"], 2),
        (["--from", HOST, "why", "NotLower"], 2),
        (["--from", HOST, "why", "a/b", "--client", "helm"], 2),
        (["--from", HOST, "why", "a/b", "--expect", "sees"], 2),
        (["--from", "/nonexistent.json", "tree"], 2),
        (["--from", __file__, "tree"], 2),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    done = run(*words)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    if code == 2:
        # What is wrong, and the next step; nothing on standard output.
        assert done.stdout == ""
        assert len(done.stderr.strip().splitlines()) >= 2


def test_global_options_go_before_or_after() -> None:
    before = run("--json", "--from", HOST, "ps")
    after = run("ps", "--from", HOST, "--json")
    assert before.stdout == after.stdout
    assert len(json.loads(after.stdout)["containers"]) == 8


def test_tables_in_a_pipe_are_not_cut() -> None:
    done = run("images", "--from", HOST)
    assert "docker.io/acme/web:1.4" in done.stdout
    assert "…" not in done.stdout
    assert "\x1b" not in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_a_reader_that_has_seen_enough() -> None:
    line = f"{sys.executable} -m stackscope graph --from {HOST} | head -c 100 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "0"
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"COLUMNS": "20"}])
def test_odd_terminals(variables: dict[str, str]) -> None:
    done = run("tree", "--from", HOST, **variables)
    assert done.returncode == 0, done
    assert "moby" in done.stdout


def test_the_demo_says_that_it_is_one() -> None:
    done = run("demo")
    assert done.stdout.startswith("DEMO: a recorded host, not this machine.")
    assert json.loads(run("demo", "ps", "--json").stdout)["containers"]


def test_where_no_engine_answers(tmp_path: Path) -> None:
    """What was looked at is named, then the demo follows."""
    if run("tree", "--json").stdout.count('"answered":true'):
        pytest.skip("an engine answers on this machine: stop it to run this")
    done = run("tree", "--or-demo", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 0
    assert done.stdout.startswith("No engine answered on this machine. Looked at:")
    assert f"{tmp_path}/none.sock: no such socket" in done.stdout
    assert "DEMO: a recorded host" in done.stdout


def test_version_is_quick_and_loads_nothing() -> None:
    code = "import sys; from stackscope.cli.main import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"msgspec", "grpc", "rich", "argparse", "stackscope.facts"}


def test_an_error_of_ours_says_how_to_report_it(tmp_path: Path) -> None:
    bad = tmp_path / "sitecustomize.py"
    bad.write_text(
        "import stackscope.graph.index as i\ndef boom(*a): raise KeyError('boom')\ni.Index.__init__ = boom\n"
    )
    done = run("tree", "--from", HOST, PYTHONPATH=str(tmp_path))
    assert done.returncode == 70
    assert "report it" in done.stderr
    assert "KeyError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("tree --from {host} >&-", 0),
        ("tree --from {host} 2>&-", 0),
        ("tree --from {host} > /dev/full", 2),
        ("--tim 3 --from {host}", 2),
        ("why nothing:1 --client docker --from {host} | true; exit ${{PIPESTATUS[0]}}", 1),
        ("why a --client $'docker -H unix:///x\\xff' --json --from {host}", 3),
        ("graph --from {host} -o /nonexistent/file", 2),
    ],
)
def test_odd_shells(line: str, code: int) -> None:
    words = line.format(host=HOST)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m stackscope {words}"], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == code, done
    assert b"Traceback" not in done.stderr


def test_json_holds_no_control_of_the_hosts(tmp_path: Path) -> None:
    file = tmp_path / "hostile.json"
    file.write_text(Path(HOST).read_text().replace("acme/batch:2", "acme/batch\u009b2J\u202e:2"))
    for words in (["graph"], ["ps", "--json"], ["images", "--json"]):
        shown = run(*words, "--from", str(file)).stdout
        assert "\\u009b" in shown
        assert not {"\u009b", "\u202e"} & set(shown)
        json.loads(shown)
