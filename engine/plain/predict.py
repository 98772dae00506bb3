"""Candidates, ensemble, ranking: the whole prediction (engine.md 5, with D01, D13, D14, D15, D20, D21, D26, D27)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.observation import mean_emotives
from engine.options import Options
from engine.plain import metrics
from engine.plain.filters import passes
from engine.plain.knowledge import Finalized, Knowledge, Pattern
from engine.plain.matching import Match, align, ratio, without
from engine.plain.numbers import rounded, total
from engine.plain.weights import WEIGHTED_FIELDS, symbol_weights, weighted_metrics, weighted_metrics_of_one_symbol
from engine.stm import Stm, state
from engine.stopping import NEVER, Stop

Affinity = Mapping[str, float]
Fields = dict[str, Any]


class Prediction(NamedTuple):
    """The objects of the two JSON arrays of `engine.predict.Prediction`."""

    predictions: list[Fields]
    future_potentials: list[Fields]


def predict(
    knowledge: Knowledge,
    stm: Stm,
    options: Options,
    *,
    affinity: Affinity | None = None,
    finalized: Mapping[str, Finalized] | None = None,
    stop: Stop = NEVER,
) -> Prediction:
    """The ranked predictions and the future potentials. `affinity`: aff(x, e) of the configured emotive, or None.

    Raises the reason of `stop`.
    """
    observed = state(stm)
    if not observed:
        return Prediction([], [])
    potentials = None
    if len(observed) == 1:
        matches, weighted = _one_symbol_candidates(knowledge, observed[0], affinity)
        potentials = {m.pattern.name: _potential_of_one_symbol(m, weighted.get(m.pattern.name)) for m in matches}
    else:
        matches, weighted = _candidates(knowledge, stm, options, affinity, stop)
    selected = _select(matches, 3 * options.max_predictions, potentials)
    ensemble = metrics.Ensemble(
        matches=selected,
        observed=observed,
        knowledge=knowledge,
        finalized=finalized or {},
        probability=metrics.symbol_probabilities(selected, knowledge),
    )
    predictions = _describe(ensemble, weighted, potentials, stop)
    predictions.sort(key=lambda fields: _rank(fields, options.rank_sort_algo))
    futures = metrics.future_potentials(metrics.group_futures(selected))
    return Prediction(predictions[: options.max_predictions], futures)


def _candidates(
    knowledge: Knowledge, stm: Stm, options: Options, affinity: Affinity | None, stop: Stop
) -> tuple[list[Match], dict[str, dict[str, float]]]:
    observed = state(stm)
    kept = [p for p in knowledge.predictable if passes(p.symbols, observed, options, stop)]
    matches = [match for pattern in kept if (match := align(pattern, stm, options, stop))]
    if affinity is None:
        return matches, {}
    weights = symbol_weights(observed, affinity, knowledge)
    return matches, {match.pattern.name: weighted_metrics(match, observed, weights) for match in matches}


def _one_symbol_candidates(
    knowledge: Knowledge, symbol: str, affinity: Affinity | None
) -> tuple[list[Match], dict[str, dict[str, float]]]:
    """The candidates of 5.9: the patterns that start with the symbol."""
    patterns = [pattern for pattern in knowledge.predictable if pattern.symbols[0] == symbol]
    matches = [_one_symbol_match(pattern, symbol) for pattern in patterns]
    if affinity is None:
        return matches, {}
    weights = symbol_weights({symbol, *(x for p in patterns for x in p.symbols)}, affinity, knowledge)
    return matches, {m.pattern.name: weighted_metrics_of_one_symbol(m, symbol, weights) for m in matches}


def _one_symbol_match(pattern: Pattern, symbol: str) -> Match:
    length = len(pattern.symbols)
    present = pattern.events[:1]
    return Match(
        pattern=pattern,
        similarity=2 / (length + 1),
        matches=[symbol],
        anomalies=[],
        past=[],
        present=present,
        future=pattern.events[1:],
        missing=without(present, [symbol]),
        extras=[[]],
        evidence=1 / length,
        confidence=1.0,
        snr=1.0,
        fragmentation=0.0,
    )


def _potential_of_one_symbol(match: Match, weighted: Mapping[str, float] | None) -> float:
    """potential of 5.9, which is without itfdf_similarity."""
    return (weighted["weighted_evidence"] if weighted else match.evidence) + 2


def _select(matches: list[Match], limit: int, potentials: Mapping[str, float] | None) -> list[Match]:
    """The ensemble in its order: by similarity.

    If there are more than `limit` matches, the best by pre (5.6) or, for a one-symbol state, by potential.
    """
    by_similarity = sorted(matches, key=lambda m: (-m.similarity, m.pattern.name))
    if len(matches) <= limit:
        return by_similarity

    def leading(match: Match) -> int:
        return -rounded(potentials[match.pattern.name] if potentials else match.pre_potential)

    return sorted(by_similarity, key=leading)[:limit]


def _rank(fields: Fields, rank_field: str) -> tuple[int, float, str]:
    """The sort key of 5.7. A weighted metric without affinity is null and ranks as 0."""
    return (-rounded(fields[rank_field] or 0), -fields["similarity"], fields["name"])


def _describe(
    ensemble: metrics.Ensemble,
    weighted: Mapping[str, Mapping[str, float]],
    potentials: Mapping[str, float] | None,
    stop: Stop,
) -> list[Fields]:
    """The prediction objects of all members, in ensemble order (5.6, 5.10)."""
    groups = metrics.group_futures(ensemble.matches)
    aggregates = metrics.aggregate_potentials(groups)
    posterior_weight = total(m.similarity * (m.pattern.frequency / ensemble.frequency) for m in ensemble.matches)
    described = []
    for match in ensemble.matches:
        stop.check()
        fields = _fields(match, ensemble)
        weights = weighted.get(match.pattern.name)
        fields.update(weights or {})
        prior = fields["bayesian_prior"]
        fields["bayesian_posterior"] = ratio(match.similarity * prior, posterior_weight)
        if match.future:
            aggregate = aggregates[metrics.future_key(match.future)]
            fields["predictive_information"] = ratio(fields["weighted_strength"], aggregate)
        if potentials is None:
            fields["potential"] = _potential(match, fields, weights)
        else:
            fields["potential"] = potentials[match.pattern.name]
            fields.update(pattern_data=match.pattern.events, length=len(match.pattern.symbols))
        described.append(fields)
    return described


def _potential(match: Match, fields: Fields, weights: Mapping[str, float] | None) -> float:
    evidence, confidence, snr = match.evidence, match.confidence, match.snr
    if weights:
        evidence, confidence, snr = (weights[f"weighted_{name}"] for name in ("evidence", "confidence", "snr"))
    itfdf: float = fields["itfdf_similarity"]
    return (evidence + confidence) * snr + itfdf + match.unity


def _fields(match: Match, ensemble: metrics.Ensemble) -> Fields:
    share = match.pattern.frequency / ensemble.frequency
    return {
        "type": "prototypical",
        "name": match.pattern.name,
        "frequency": match.pattern.frequency,
        "emotives": mean_emotives(match.pattern.emotives),
        "matches": match.matches,
        "past": match.past,
        "present": match.present,
        "missing": match.missing,
        "extras": match.extras,
        "anomalies": match.anomalies,
        "fuzzy_matches": match.anomalies,
        "potential": 0.0,
        "evidence": match.evidence,
        "similarity": match.similarity,
        "fragmentation": match.fragmentation,
        "snr": match.snr,
        "confluence": metrics.confluence(match, ensemble),
        "predictive_information": 0.0,
        "sequence": match.pattern.events,
        "future": match.future,
        "confidence": match.confidence,
        **dict.fromkeys(WEIGHTED_FIELDS),
        **metrics.entropies(match, ensemble),
        "itfdf_similarity": metrics.itfdf_similarity(match, ensemble),
        "tfidf_score": metrics.tfidf_score(match, ensemble),
        "pattern_probability": share,
        "weighted_strength": match.similarity * share,
        "bayesian_posterior": 0.0,
        "bayesian_prior": share,
        "bayesian_likelihood": match.similarity,
    }
