"""Finding equal numbers: what is expensive to make of a number is made once for each distinct one."""

import numpy as np

from engine.arrays import Ints
from engine.kernels.compiler import compiled
from engine.kernels.hashing import empty_slots, mix

MOST_LOOKS = 16


@compiled
def find_distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct numbers as they appear, and for each number, its place among them.

    An open-addressing table finds them. It is asked `MOST_LOOKS` times for a number: clients choose frequencies, and
    could choose many that all belong into one slot. Of those, equal ones may be among the distinct ones repeatedly.
    """
    slots = empty_slots(numbers.shape[0])
    last = slots.shape[0] - 1
    distinct, places = np.empty_like(numbers), np.empty_like(numbers)
    count = 0
    for k in range(numbers.shape[0]):
        slot, place = np.int64(mix(np.uint64(numbers[k])) & np.uint64(last)), -1
        for _ in range(MOST_LOOKS):
            if slots[slot] < 0:
                slots[slot] = count
                break
            if distinct[slots[slot]] == numbers[k]:
                place = slots[slot]
                break
            slot = (slot + 1) & last
        if place < 0:
            place = count
            distinct[count] = numbers[k]
            count += 1
        places[k] = place
    return distinct[:count], places
