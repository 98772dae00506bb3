"""The metrics of an ensemble (engine.md 5.6) and its future potentials (5.8)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log2, log10, sqrt
from typing import Any

from engine.plain.knowledge import Finalized, Knowledge, normalized_entropy, symbol_shares
from engine.plain.matching import Match, ratio
from engine.plain.numbers import rounded, total
from engine.plain.segmentation import Events
from engine.stm import state

FutureKey = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Matches in ensemble order, and what their metrics depend on.

    finalized: by name. exact_counts: df(x) is the count pmf(x), and the whole pattern has a score (kato-6.md 3.6).
    probability: P(x) of every symbol in matches or missing of any member; others have none.
    """

    matches: Sequence[Match]
    observed: list[str]
    knowledge: Knowledge
    finalized: Mapping[str, Finalized]
    probability: Mapping[str, float]
    exact_counts: bool

    @property
    def frequency(self) -> int:
        """F_Σ."""
        return sum(match.pattern.frequency for match in self.matches)


def symbol_probabilities(matches: Sequence[Match], knowledge: Knowledge) -> dict[str, float]:
    """P(x) = pmf(x)/N, for the symbols in matches or missing of any match.

    Each symbol of present is one of these, though a fuzzy match may have another spelling (kato-6.md 3.8).
    """
    domain = {symbol for match in matches for symbol in [*match.matches, *state(match.present)]}
    return {symbol: knowledge.pattern_membership[symbol] / knowledge.pattern_count for symbol in domain}


def cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """The cosine of two vectors, given by their non-zero elements; 0 if either vector is 0."""
    dot = total(value * second.get(symbol, 0.0) for symbol, value in first.items())
    norms = sqrt(total(v * v for v in first.values())) * sqrt(total(v * v for v in second.values()))
    return ratio(dot, norms)


def itfdf_similarity(match: Match, ensemble: Ensemble) -> float:
    p = ensemble.probability
    observed = {x: p.get(x, 0.0) * count for x, count in Counter(ensemble.observed).items()}
    present = {x: p.get(x, 0.0) * count for x, count in Counter(state(match.present)).items()}
    distance = 1 - cosine(observed, present)
    return 1 - distance * match.pattern.frequency / ensemble.frequency


def confluence(match: Match, ensemble: Ensemble) -> float:
    symbols = state(match.present)
    if not symbols:
        return 0.0
    exponent = total(log10(ensemble.probability.get(x) or 1e-10) for x in symbols)
    return match.pattern.frequency / ensemble.knowledge.pattern_count * (1 - float(10.0**exponent))


def entropies(match: Match, ensemble: Ensemble) -> dict[str, float]:
    """entropy, normalized_entropy and global_normalized_entropy, by these names."""
    final = ensemble.finalized.get(match.pattern.name)
    if final:
        return {
            "entropy": final.entropy,
            "normalized_entropy": final.normalized_entropy,
            "global_normalized_entropy": final.global_normalized_entropy,
        }
    shares = symbol_shares(state(match.present))
    probabilities = [ensemble.probability.get(x, 0.0) for x in shares]
    symbol_count = ensemble.knowledge.symbol_count
    return {
        "entropy": 0.0 - total(share * log2(share) for share in shares.values()),
        "normalized_entropy": normalized_entropy(shares.values(), symbol_count),
        "global_normalized_entropy": normalized_entropy(probabilities, symbol_count),
    }


def tfidf_score(match: Match, ensemble: Ensemble) -> float:
    if not match.present and not ensemble.exact_counts:
        return 0.0
    final = ensemble.finalized.get(match.pattern.name)
    tf = final.tf if final else symbol_shares(state(match.present))
    count = ensemble.knowledge.pattern_count
    scores = []
    for symbol, share in tf.items():
        if ensemble.exact_counts:
            df = ensemble.knowledge.pattern_membership[symbol] if symbol in ensemble.probability else 1
        else:
            df = floor(ensemble.probability.get(symbol, 0.0) * count) or 1
        scores.append(share * (log2(count / df) + 1))
    return total(scores) / len(scores)


@dataclass(kw_only=True)
class FutureGroup:
    """Members of the ensemble whose futures agree after sorting inside each event."""

    future: Events
    members: int = 0
    weight: float = 0.0


def group_futures(matches: Sequence[Match]) -> dict[FutureKey, FutureGroup]:
    """The groups of 5.8 by `future_key`, in ensemble order of their first members."""
    groups: dict[FutureKey, FutureGroup] = {}
    for match in matches:
        if match.future:
            group = groups.setdefault(future_key(match.future), FutureGroup(future=match.future))
            group.members += 1
            group.weight += match.pattern.frequency * match.similarity
    return groups


def future_key(future: Events) -> FutureKey:
    return tuple(tuple(sorted(event)) for event in future)


def aggregate_potentials(groups: Mapping[FutureKey, FutureGroup]) -> dict[FutureKey, float]:
    """a of 5.8 for every group."""
    weight = total(group.weight for group in groups.values())
    return {key: ratio(group.weight, weight) for key, group in groups.items()}


def future_potentials(groups: Mapping[FutureKey, FutureGroup]) -> list[dict[str, Any]]:
    """The future potentials of 5.8; equal ones are in the order of their symbols."""
    potentials = aggregate_potentials(groups)
    described = [
        {
            "future": group.future,
            "aggregate_potential": potentials[key],
            "supporting_patterns": group.members,
            "total_weighted_frequency": group.weight,
        }
        for key, group in groups.items()
    ]
    return sorted(described, key=lambda entry: (-rounded(entry["aggregate_potential"]), entry["future"]))
