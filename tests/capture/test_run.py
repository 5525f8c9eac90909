"""Sources under their deadlines."""

import threading
import time
from collections.abc import Iterator

import pytest

from stackscope.capture.run import Look
from stackscope.facts import Fact, Gap, Listing, Why
from stackscope.transports.budget import Budget
from tests.capture.captures import ORIGIN

GRACE = 0.2


def fact(number: int) -> Listing:
    return Listing(origin=ORIGIN, what="things", count=number)


def test_a_source_that_ends() -> None:
    found, ended = Look("a", 5, lambda: iter([fact(1), fact(2)])).result()
    assert (found, ended) == ([fact(1), fact(2)], True)


def test_a_source_that_hangs_is_left_behind_with_what_it_found() -> None:
    over = threading.Event()

    def source() -> Iterator[Fact | Gap]:
        yield fact(1)
        over.wait(30)
        yield fact(2)

    started = time.monotonic()
    look = Look("dockerd:/s", 0.1, source)
    found, ended = look.result()
    took = time.monotonic() - started
    assert 0.1 <= took < 0.1 + GRACE + 1
    assert not ended
    assert found[0] == fact(1)
    (gap,) = found[1:]
    assert isinstance(gap, Gap)
    assert (gap.subject, gap.why, gap.detail) == ("dockerd:/s", Why.TIMEOUT, "no complete answer within 0.1 s")
    # What it finds later does not count.
    over.set()
    look._thread.join(5)
    assert not look._thread.is_alive()
    assert len(found) == 2


def test_a_source_that_drips_for_ever_is_left_behind() -> None:
    over = threading.Event()

    def source() -> Iterator[Fact | Gap]:
        number = 0
        while not over.wait(0.01):
            number += 1
            yield fact(number)

    found, ended = Look("a", 0.1, source).result()
    count = len(found)
    assert not ended
    assert count > 3
    time.sleep(0.05)
    # The thread ends by itself at the next fact that nobody takes.
    assert len(found) == count
    over.set()


def test_a_source_whose_budget_ends_within_the_grace_ends_by_itself() -> None:
    def source() -> Iterator[Fact | Gap]:
        budget = Budget(0.1)
        yield fact(1)
        while True:
            time.sleep(budget.left() / 2 + 0.001)

    found, ended = Look("a", 0.1, source).result()
    assert ended
    assert found[0] == fact(1)
    assert [item.why for item in found if isinstance(item, Gap)] == [Why.TIMEOUT]


def test_a_bug_in_a_source_is_raised_where_its_result_is_asked_for() -> None:
    def source() -> Iterator[Fact | Gap]:
        yield fact(1)
        raise ZeroDivisionError("a bug")

    look = Look("a", 5, source)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        look.result()


def test_sources_run_side_by_side() -> None:
    def source() -> Iterator[Fact | Gap]:
        time.sleep(0.2)
        yield fact(1)

    started = time.monotonic()
    looks = [Look(str(number), 5, source) for number in range(10)]
    assert all(look.result() == ([fact(1)], True) for look in looks)
    assert time.monotonic() - started < 1.9


def test_the_deadline_counts_from_the_start_not_from_the_asking() -> None:
    over = threading.Event()

    def source() -> Iterator[Fact | Gap]:
        over.wait(30)
        yield fact(1)

    looks = [Look(str(number), 0.2, source) for number in range(20)]
    started = time.monotonic()
    for look in looks:
        look.result()
    assert time.monotonic() - started < 0.2 + GRACE + 2
    over.set()
