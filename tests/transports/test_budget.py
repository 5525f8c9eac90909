"""What one endpoint may cost."""

import time

import pytest

from stackscope.errors import LimitHit
from stackscope.transports.budget import Budget, OutOfTime


def test_time_runs_out() -> None:
    budget = Budget(0.02)
    assert 0 < budget.left() <= 0.02
    time.sleep(0.03)
    with pytest.raises(OutOfTime):
        budget.left()


def test_bytes_and_entries_run_out() -> None:
    budget = Budget(1, max_bytes=10, max_entries=2)
    budget.take(10)
    with pytest.raises(LimitHit, match="bytes"):
        budget.take(1)
    budget = Budget(1, max_bytes=10, max_entries=2)
    budget.take(1, entries=2)
    with pytest.raises(LimitHit, match="entries"):
        budget.take(0, entries=1)
