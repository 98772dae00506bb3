"""Copying a few rows of an index."""

import numpy as np

from engine.arrays import Columns, Ints, Tokens
from engine.kernels.compiler import compiled, inlined


@compiled
def gather(columns: Columns, rows: Ints) -> Columns:
    """Columns of these rows alone, with 32-bit tokens.

    One kernel fills all six arrays: NumPy takes as long for the names alone.
    """
    names, frequency = columns.names, columns.frequency
    count = rows.shape[0]
    new_names, new_frequency = np.empty((count, names.shape[1]), dtype=np.uint8), np.empty(count, dtype=np.uint32)
    for k in range(count):
        new_frequency[k] = frequency[rows[k]]
        for i in range(names.shape[1]):
            new_names[k, i] = names[rows[k], i]
    starts, event_starts = starts_of(columns.starts, rows), starts_of(columns.event_starts, rows)
    tokens = copy_lists(columns.tokens, columns.starts, rows, starts)
    ends = copy_lists(columns.ends, columns.event_starts, rows, event_starts)
    return Columns(new_names, starts, event_starts, tokens, ends, new_frequency)


@inlined
def starts_of(starts: Ints, rows: Ints) -> Ints:
    """Where the lists of these rows start if no other row lies between them."""
    new_starts = np.empty(rows.shape[0] + 1, dtype=np.int64)
    new_starts[0] = 0
    for k in range(rows.shape[0]):
        new_starts[k + 1] = new_starts[k] + starts[rows[k] + 1] - starts[rows[k]]
    return new_starts


@inlined
def copy_lists(numbers: Tokens, starts: Ints, rows: Ints, new_starts: Ints) -> Tokens:
    """The lists of these rows, one after the other."""
    copied = np.empty(new_starts[-1], dtype=np.uint32)
    for k in range(rows.shape[0]):
        # Unsigned: of other places Numba looks whether they are negative.
        source, target = np.uint64(starts[rows[k]]), np.uint64(new_starts[k])
        for i in range(np.uint64(new_starts[k + 1]) - target):
            copied[target + i] = numbers[source + i]
    return copied
