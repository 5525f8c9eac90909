"""Tests that need to be denied something: root is denied nothing."""

import contextlib
import os
from collections.abc import Iterator

import pytest

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another user's place")


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """This process with the rights of nobody, for a while. For root alone."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
