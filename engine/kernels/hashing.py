"""A fast hash of numbers, without a key: who chooses the numbers can make them collide."""

import numpy as np

from engine.kernels.compiler import inlined


@inlined
def mix(number: np.uint64) -> np.uint64:
    """A hash of a number."""
    number = (number ^ (number >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return number ^ (number >> np.uint64(29))
