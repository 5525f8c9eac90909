"""The live tests: real engines, started for the tests and removed after them.

They are skipped where they cannot run; with STACKSCOPE_LIVE=require they fail there instead.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.lab import Lab
from tests.live.sid import SidHost
from tests.live.sid_root import NotBuilt, sid_root
from tests.live.sid_staged import Staged, stage
from tests.live.standard_host import StandardHost, stage_standard_host

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


def require(why_not: list[str]) -> None:
    """Skip, or fail when live tests are required, with what keeps engines from running here."""
    if os.geteuid() != 0:
        why_not.insert(0, "not running as root")
    if why_not:
        reason = f"no live engines: {'; '.join(why_not)}"
        if os.environ.get("STACKSCOPE_LIVE") == "require":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def host() -> Iterator[StandardHost]:
    """The standard host, staged once for all tests: they look at it and change nothing."""
    require(Lab.missing())
    with Lab() as lab:
        yield stage_standard_host(lab)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab of the test's own, for daemons that it stops, kills or starts twice."""
    require(Lab.missing())
    with Lab() as own:
        yield own


@pytest.fixture(scope="module")
def sid() -> Iterator[Staged]:
    """The sid host, staged for each file: while it runs, its engines are ones that cannot be asked from here."""
    require(SidHost.missing())
    root = sid_root()
    if isinstance(root, NotBuilt):
        require([root.reason])
    with SidHost() as own:
        yield stage(own)
