"""Finding equal numbers: what is expensive to make of a number is made once for each distinct one."""

import numpy as np

from engine.arrays import Ints
from engine.kernels.compiler import compiled
from engine.kernels.hashing import mix


@compiled
def find_distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct numbers as they appear, and by number its place among them. An open-addressing table finds them."""
    size = 16
    while size < 2 * numbers.shape[0]:
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    distinct, places = np.empty_like(numbers), np.empty_like(numbers)
    count = 0
    for k in range(numbers.shape[0]):
        slot = np.int64(mix(np.uint64(numbers[k])) & np.uint64(size - 1))
        while slots[slot] >= 0 and distinct[slots[slot]] != numbers[k]:
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = count
            distinct[count] = numbers[k]
            count += 1
        places[k] = slots[slot]
    return distinct[:count], places
