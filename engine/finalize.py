"""finalize-training: entropies of patterns by the statistics of one moment (engine.md 4.4).

The finalised metrics of a pattern follow from its own symbols and the node's statistics of that moment, so those
statistics are all that has to be kept, and which patterns there were.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from engine.arrays import Statistics
from engine.view import View


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalized:
    """The state that finalize-training leaves.

    existed: called with names of patterns; answers those of them that there were at that moment. The others' metrics
        are of now.
    """

    statistics: Statistics
    existed: Callable[[list[str]], Collection[str]]


def statistics_of(view: View, pattern_count: int, membership: Mapping[str, int]) -> Statistics:
    """N and pmf(x) of a moment that the view has seen, for predictions from this view or a later one of its index."""
    by_token = np.zeros(len(view.symbol_frequency), dtype=np.int64)
    for symbol, patterns in membership.items():
        token = view.token(symbol)
        if token is not None:
            by_token[token] = patterns
    return Statistics(pattern_count, len(membership), by_token)
