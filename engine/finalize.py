"""What finalize-training stores (engine.md 4.4)."""

from typing import NamedTuple

import numpy as np

from engine.index import Index
from engine.kernels.domain import global_entropies


class FinalizedNode(NamedTuple):
    """V of this moment, once for the node, and global_normalized_entropy of every pattern.

    Nothing else has to be stored: entropy and tf follow from the pattern, normalized_entropy from the pattern and V.
    """

    symbol_count: int
    global_normalized_entropy: dict[str, float]


def finalize(index: Index) -> FinalizedNode:
    """The finalised state of all patterns, from the statistics of this moment."""
    view = index.view()
    rows = np.flatnonzero(view.columns.frequency)
    values = global_entropies(view.columns.tokens, view.columns.starts, rows, view.statistics)
    names = view.hex_names(rows)
    return FinalizedNode(view.statistics.symbol_count, dict(zip(names, values.tolist(), strict=True)))
