"""The best candidates of a scan, in a heap (engine.md 5.6, D01)."""

from typing import NamedTuple

import numpy as np

from engine.kernels import Bytes, Floats, Ints, inlined

DECIMALS = 1e12
"""Orders are made by values rounded to 12 decimals (D01)."""


class Leaders(NamedTuple):
    """The best candidates so far, a heap with the worst at its root; the last place is for a newcomer.

    keys: what leads, to 12 decimals, as a whole number.
    """

    rows: Ints
    keys: Floats
    similarity: Floats


def leaders(limit: int) -> Leaders:
    """Room for `limit` candidates."""
    return Leaders(np.empty(limit + 1, dtype=np.int64), np.empty(limit + 1), np.empty(limit + 1))


@inlined
def ranks_below(entry: int, other: int, rows: Ints, keys: Floats, similarity: Floats, names: Bytes) -> bool:
    """Whether a leader comes after another: by key, similarity (both descending), name."""
    if keys[entry] != keys[other]:
        return keys[entry] < keys[other]
    if similarity[entry] != similarity[other]:
        return similarity[entry] < similarity[other]
    k = 0
    while k < names.shape[1] - 1 and names[rows[entry], k] == names[rows[other], k]:
        k += 1
    return names[rows[entry], k] > names[rows[other], k]


@inlined
def swap(entry: int, other: int, rows: Ints, keys: Floats, similarity: Floats) -> None:
    rows[entry], rows[other] = rows[other], rows[entry]
    keys[entry], keys[other] = keys[other], keys[entry]
    similarity[entry], similarity[other] = similarity[other], similarity[entry]


@inlined
def sift_up(entry: int, rows: Ints, keys: Floats, similarity: Floats, names: Bytes) -> None:
    while entry > 0 and ranks_below(entry, (entry - 1) // 2, rows, keys, similarity, names):
        swap(entry, (entry - 1) // 2, rows, keys, similarity)
        entry = (entry - 1) // 2


@inlined
def sift_down(size: int, rows: Ints, keys: Floats, similarity: Floats, names: Bytes) -> None:
    entry = 0
    while 2 * entry + 1 < size:
        child = 2 * entry + 1
        if child + 1 < size and ranks_below(child + 1, child, rows, keys, similarity, names):
            child += 1
        if not ranks_below(child, entry, rows, keys, similarity, names):
            break
        swap(child, entry, rows, keys, similarity)
        entry = child


@inlined
def offer(
    row: int, key: float, similar: float, count: int, rows: Ints, keys: Floats, similarity: Floats, names: Bytes
) -> int:
    """Take a candidate in if it is among the best; answers the number of leaders."""
    rows[count], keys[count], similarity[count] = row, key, similar
    if count < rows.shape[0] - 1:
        sift_up(count, rows, keys, similarity, names)
        count += 1
    elif ranks_below(0, count, rows, keys, similarity, names):
        swap(0, count, rows, keys, similarity)
        sift_down(count, rows, keys, similarity, names)
    return count
