"""Waiting for a condition instead of for a length of time."""

import time
from collections.abc import Callable

DEADLINE = 40.0  # seconds: a busy machine is slow, and only what fails waits as long
_BETWEEN_CHECKS = 0.05  # seconds; most conditions are requests, and each costs processor time


def eventually(condition: Callable[[], bool], what: str, *, seconds: float = DEADLINE) -> None:
    """Return as soon as `condition` holds; fail with `what` should have happened if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(_BETWEEN_CHECKS)
