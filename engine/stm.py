"""The short-term memory: limits and auto-learning (engine.md 3)."""

from typing import NamedTuple

STM_LIMIT = 1000
"""Events kept when the session is saved, and entries of each accumulator (2.2, D35)."""

Stm = list[list[str]]


class AutoLearn(NamedTuple):
    """`learn` these events (nothing is stored below two symbols) and go on with `remaining` as the STM."""

    learn: Stm
    remaining: Stm


def auto_learn(stm: Stm, *, max_pattern_length: int, stm_mode: str) -> AutoLearn | None:
    """What auto-learning does after an event was appended; None if it is not due (3.2).

    CLEAR, and every unknown mode, empties the STM. ROLLING keeps the last `max_pattern_length` - 1 events, with a
    length of 1 none (D39); a single event is never kept.
    """
    count = len(stm)
    if max_pattern_length <= 0 or count < max_pattern_length:
        return None
    kept = max_pattern_length - 1 if stm_mode == "ROLLING" and count > 1 else 0
    return AutoLearn(learn=stm, remaining=stm[count - kept :])


def state(stm: Stm) -> list[str]:
    """The STM flattened: event order, then order inside the event (1)."""
    return [symbol for event in stm for symbol in event]
