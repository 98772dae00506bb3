"""finalize-training: entropies of patterns by the statistics of one moment (engine.md 4.4).

The finalised metrics of a pattern follow from its own symbols and the node's statistics at that moment. So only those
statistics are stored, and which patterns existed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from engine.arrays import Statistics
from engine.view import View


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalized:
    """The state that finalize-training leaves.

    statistics: those of the node at that moment.
    existed: called with names of patterns; returns those that existed at that moment. The metrics of the others are
        computed from the present.
    """

    statistics: Statistics
    existed: Callable[[list[str]], Collection[str]]


def statistics_of(view: View, pattern_count: int, membership: Mapping[str, int]) -> Statistics:
    """The statistics of a past moment, for predictions from this view or a later one of its index.

    pattern_count: N. membership: pmf(x) by symbol. Symbols that the view does not know are counted in V only.
    """
    by_token = np.zeros(len(view.symbol_frequency), dtype=np.int64)
    tokens, patterns = view.symbols.tokens_of(membership), np.fromiter(membership.values(), dtype=np.int64)
    by_token[tokens[tokens >= 0]] = patterns[tokens >= 0]
    return Statistics(pattern_count, len(membership), by_token)
