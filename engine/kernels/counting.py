"""The symbol statistics of a node, counted over the rows that changed (engine.md 1)."""

import numpy as np

from engine.arrays import Ints, Tokens
from engine.kernels.compiler import compiled


@compiled
def count_learned(rows: Ints, changes: Ints, starts: Ints, tokens: Tokens, frequency: Ints) -> None:
    """Add to freq(x), for every symbol of each row, its occurrences times the row's change (engine.md 1)."""
    for k in range(rows.shape[0]):
        for i in range(starts[rows[k]], starts[rows[k] + 1]):
            frequency[tokens[i]] += changes[k]


@compiled
def count_members(rows: Ints, change: int, starts: Ints, tokens: Tokens, membership: Ints) -> None:
    """Add `change` to pmf(x), for every distinct symbol of each row (engine.md 1)."""
    last_seen = np.full(membership.shape[0], -1, dtype=np.int64)
    for row in rows:
        for i in range(starts[row], starts[row + 1]):
            if last_seen[tokens[i]] != row:
                last_seen[tokens[i]] = row
                membership[tokens[i]] += change
