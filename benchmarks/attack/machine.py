"""How fast the machine is at the moment: on a shared one the same work may take twice as long an hour later."""

import time

SQUARES = 200_000
USUAL = 0.02  # seconds in which plain Python adds them up on the machine of docs/benchmarks.md, if nothing else uses it
TIMES = 5


def slowness() -> float:
    """2 where the machine takes twice as long as usual. It excuses nothing, but tells why a time may be long."""
    return min(_seconds() for _ in range(TIMES)) / USUAL


def _seconds() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(SQUARES):
        total += number * number
    return time.perf_counter() - began
