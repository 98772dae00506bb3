"""The metrics weighted by affinity (engine.md 5.6, 5.9)."""

from collections.abc import Iterable, Mapping, Sequence

from engine.plain.knowledge import Knowledge
from engine.plain.matching import Match, ratio
from engine.plain.numbers import total
from engine.ranges import LARGEST_WEIGHT
from engine.stm import state

WEIGHTED_FIELDS = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")

Weights = Mapping[str, float]


def symbol_weights(symbols: Iterable[str], affinity: Mapping[str, float], knowledge: Knowledge) -> dict[str, float]:
    """w(x) for each of `symbols`; all other symbols weigh 0 (D25)."""
    weights = {}
    for symbol in symbols:
        frequency = knowledge.symbol_frequency[symbol]
        weight = abs(affinity.get(symbol, 0.0)) / frequency if frequency else 0.0
        weights[symbol] = min(weight + 0.01, LARGEST_WEIGHT)
    return weights


def weighted_metrics(match: Match, observed: Sequence[str], weights: Weights) -> dict[str, float]:
    """The four fields (5.6)."""
    matched = _weight(match.matches, weights)
    pattern = _weight(match.pattern.symbols, weights)
    return {
        "weighted_similarity": ratio(2 * matched, _weight(observed, weights) + pattern),
        "weighted_evidence": ratio(matched, pattern),
        "weighted_confidence": ratio(matched, _weight(state(match.parts.present), weights)),
        "weighted_snr": ratio(matched, matched + _weight(state(match.parts.extras), weights)),
    }


def weighted_metrics_of_one_symbol(match: Match, symbol: str, weights: Weights) -> dict[str, float]:
    """The four fields for a one-symbol state that has metrics of its own (5.9)."""
    matched = weights[symbol]
    pattern = _weight(match.pattern.symbols, weights)
    return {
        "weighted_similarity": 2 * matched / (matched + pattern),
        "weighted_evidence": matched / pattern,
        "weighted_confidence": 1.0,
        "weighted_snr": 1.0,
    }


def _weight(symbols: Iterable[str], weights: Weights) -> float:
    return total(weights.get(symbol, 0.0) for symbol in symbols)
