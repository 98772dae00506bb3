"""The short-term memory: limits and auto-learning (engine.md 3)."""

from typing import NamedTuple

STM_LIMIT = 1000
"""The most events, and the most entries of each accumulator, that are kept when a session is saved (2.2, D35)."""

Stm = list[list[str]]


class AutoLearn(NamedTuple):
    """`learn`: the events to learn (nothing is stored below two symbols). `remaining`: the STM afterwards."""

    learn: Stm
    remaining: Stm


def auto_learn(stm: Stm, *, max_pattern_length: int, stm_mode: str) -> AutoLearn | None:
    """What to learn after an event was appended; None if auto-learning is not due (3.2).

    CLEAR, and every unknown mode, empties the STM. ROLLING keeps the last `max_pattern_length` - 1 events, which is
    none for a length of 1 (D39). A single event is never kept.
    """
    count = len(stm)
    if max_pattern_length <= 0 or count < max_pattern_length:
        return None
    kept = max_pattern_length - 1 if stm_mode == "ROLLING" and count > 1 else 0
    return AutoLearn(learn=stm, remaining=stm[count - kept :])


def state(stm: Stm) -> list[str]:
    """The symbols of the STM: events in their order, and symbols in the order of their event (1)."""
    return [symbol for event in stm for symbol in event]
