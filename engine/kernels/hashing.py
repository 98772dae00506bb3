"""What open-addressing tables of numbers share: a fast hash, and the empty table.

The hash has no key: who chooses the numbers can make them collide.
"""

import numpy as np

from engine.arrays import Ints
from engine.kernels.compiler import inlined


@inlined
def mix(number: np.uint64) -> np.uint64:
    """A hash of a number."""
    number = (number ^ (number >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return number ^ (number >> np.uint64(29))


@inlined
def empty_slots(count: int) -> Ints:
    """A table for `count` entries, at most half full: -1 in each slot. Its size is a power of two."""
    size = 16
    while size < 2 * count:
        size *= 2
    return np.full(size, -1, dtype=np.int64)
