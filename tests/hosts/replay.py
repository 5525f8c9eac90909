"""The recorded hosts, loaded."""

from pathlib import Path

from stackscope.capture.files import load
from stackscope.facts import Capture
from stackscope.graph.build import Built, build

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.json"))


def capture(name: str) -> Capture:
    return load(str(HERE / f"{name}.json"))


def host(name: str) -> Built:
    return build(capture(name))
