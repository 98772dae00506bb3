"""How fast the machine is at the moment: on a shared one the same work may take twice as long an hour later."""

import time

SQUARES = 500_000
USUAL = 0.05  # seconds in which plain Python adds them up while nothing else uses the core


def slowness() -> float:
    """By how much the limits that are times grow: 2 where the machine takes twice as long as usual; never below 1.

    To be measured while the service has nothing to do.
    """
    began = time.perf_counter()
    total = 0
    for number in range(SQUARES):
        total += number * number
    return max(1.0, (time.perf_counter() - began) / USUAL)
