"""The best candidates of a scan, in a heap (engine.md 5.6, D01)."""

from typing import NamedTuple

import numpy as np

from engine.kernels import Floats, Ints, compiled
from engine.kernels.columns import Columns, precedes

DECIMALS = 1e12
"""Orders are made by values rounded to 12 decimals (D01)."""


class Leaders(NamedTuple):
    """The best candidates so far, a heap with the worst at its root; the last place is for a newcomer.

    keys: what leads, to 12 decimals, as a whole number. order: the same while scanning; sorting clears it.
    """

    rows: Ints
    order: Floats
    similarity: Floats
    keys: Floats


def leaders(limit: int) -> Leaders:
    """Room for `limit` candidates."""
    return Leaders(np.empty(limit + 1, dtype=np.int64), np.empty(limit + 1), np.empty(limit + 1), np.empty(limit + 1))


@compiled
def ranks_below(entry: int, other: int, best: Leaders, columns: Columns) -> bool:
    """Whether a leader comes after another: by order, similarity (both descending), name."""
    if best.order[entry] != best.order[other]:
        return best.order[entry] < best.order[other]
    if best.similarity[entry] != best.similarity[other]:
        return best.similarity[entry] < best.similarity[other]
    return precedes(columns.names, best.rows[other], best.rows[entry])


@compiled
def swap(best: Leaders, entry: int, other: int) -> None:
    best.rows[entry], best.rows[other] = best.rows[other], best.rows[entry]
    best.order[entry], best.order[other] = best.order[other], best.order[entry]
    best.similarity[entry], best.similarity[other] = best.similarity[other], best.similarity[entry]
    best.keys[entry], best.keys[other] = best.keys[other], best.keys[entry]


@compiled
def sift_up(entry: int, best: Leaders, columns: Columns) -> None:
    while entry > 0:
        parent = (entry - 1) // 2
        if not ranks_below(entry, parent, best, columns):
            return
        swap(best, entry, parent)
        entry = parent


@compiled
def sift_down(entry: int, size: int, best: Leaders, columns: Columns) -> None:
    while True:
        child = 2 * entry + 1
        if child >= size:
            return
        if child + 1 < size and ranks_below(child + 1, child, best, columns):
            child += 1
        if not ranks_below(child, entry, best, columns):
            return
        swap(best, entry, child)
        entry = child


@compiled
def offer(row: int, key: float, similarity: float, count: int, best: Leaders, columns: Columns) -> int:
    """Take a candidate in if it is among the best; answers the number of leaders."""
    capacity = best.rows.shape[0] - 1
    best.rows[count], best.order[count], best.similarity[count], best.keys[count] = row, key, similarity, key
    if count < capacity:
        sift_up(count, best, columns)
        return count + 1
    if ranks_below(0, count, best, columns):
        swap(best, 0, count)
        sift_down(0, count, best, columns)
    return count


@compiled
def sort_leaders(count: int, best: Leaders, columns: Columns) -> None:
    """Order the leaders by similarity, descending, then name."""
    best.order[:count] = 0.0
    for entry in range(count // 2 - 1, -1, -1):
        sift_down(entry, count, best, columns)
    for size in range(count - 1, 0, -1):
        swap(best, 0, size)
        sift_down(0, size, best, columns)
