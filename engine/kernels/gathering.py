"""Copying a few rows of an index."""

import numpy as np

from engine.arrays import Bytes, Columns, Frequencies, Ints
from engine.kernels.compiler import compiled


@compiled
def gather(columns: Columns, rows: Ints, names: Bytes, frequency: Frequencies) -> Columns:
    """Columns of these rows alone, with 32-bit tokens. names, frequency: those of the rows."""
    count = rows.shape[0]
    starts, event_starts = np.zeros((2, count + 1), dtype=np.int64)
    for k in range(count):
        starts[k + 1] = starts[k] + columns.starts[rows[k] + 1] - columns.starts[rows[k]]
        event_starts[k + 1] = event_starts[k] + columns.event_starts[rows[k] + 1] - columns.event_starts[rows[k]]
    tokens, ends = np.empty(starts[count], dtype=np.uint32), np.empty(event_starts[count], dtype=np.uint32)
    for k in range(count):
        first, begin = columns.starts[rows[k]], starts[k]
        for i in range(starts[k + 1] - begin):
            tokens[begin + i] = columns.tokens[first + i]
        first, begin = columns.event_starts[rows[k]], event_starts[k]
        for i in range(event_starts[k + 1] - begin):
            ends[begin + i] = columns.ends[first + i]
    return Columns(names, starts, event_starts, tokens, ends, frequency)
