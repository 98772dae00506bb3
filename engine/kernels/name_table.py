"""Finding rows by pattern name: an open-addressing table of row numbers, -1 for an empty slot.

A name is a SHA-1 digest, so its first bytes serve as the hash.
"""

import numpy as np

from engine.arrays import Bytes, Ints, Slots
from engine.kernels.compiler import compiled, inlined


@inlined
def find_slot(name: Bytes, names: Bytes, slots: Slots) -> int:
    """The slot that holds the row of `name`, or the empty one where it belongs."""
    slot = 0
    for k in range(4):
        slot = (slot << 8) | name[k]
    slot &= slots.shape[0] - 1
    while slots[slot] >= 0:
        row = slots[slot]
        same = True
        for k in range(name.shape[0]):
            same = same and names[row, k] == name[k]
        if same:
            break
        slot = (slot + 1) & (slots.shape[0] - 1)
    return int(slot)


@compiled
def find_rows(wanted: Bytes, names: Bytes, slots: Slots) -> Ints:
    """By wanted name, its row, -1 if there is none. wanted: shape (names, 20)."""
    rows = np.empty(wanted.shape[0], dtype=np.int64)
    for w in range(wanted.shape[0]):
        rows[w] = slots[find_slot(wanted[w], names, slots)]
    return rows


@compiled
def enter_rows(first: int, end: int, names: Bytes, slots: Slots) -> None:
    """Enter the rows first to end (exclusive). Their names must not be in the table yet."""
    for row in range(first, end):
        slots[find_slot(names[row], names, slots)] = row
