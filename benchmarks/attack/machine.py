"""How fast the machine is at the moment: on a shared one the same work may take twice as long an hour later."""

import time

SQUARES = 200_000
USUAL = 0.02  # seconds in which plain Python adds them up on the machine of docs/benchmarks.md, if nothing else uses it
TIMES = 5


def slowness() -> float:
    """By how much the limits of work grow: 2 where the machine takes twice as long as usual; never below 1.

    To be measured before an attack, or it would excuse what the attack has done to the machine.
    """
    return max(1.0, min(_seconds() for _ in range(TIMES)) / USUAL)


def _seconds() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(SQUARES):
        total += number * number
    return time.perf_counter() - began
