"""Candidates, ensemble, ranking: the whole prediction (engine.md 5, with D01, D13, D14, D15, D20, D21, D26, D27;
kato-6.md 3).
"""

from collections.abc import Mapping
from typing import NamedTuple

from engine.contracts import KATO_3_10, Contract, Semantics
from engine.observation import mean_emotives
from engine.options import Options
from engine.plain import metrics
from engine.plain.filters import passes
from engine.plain.knowledge import Finalized, Knowledge, finalize
from engine.plain.matching import Match, align, ratio
from engine.plain.numbers import rounded, total
from engine.plain.one_symbol import one_symbol_candidates
from engine.plain.renderers import RENDERERS, Fields
from engine.plain.weights import WEIGHTED_FIELDS, symbol_weights, weighted_metrics, weighted_metrics_of_one_symbol
from engine.stm import Stm, state
from engine.stopping import NEVER, Stop

Affinity = Mapping[str, float]


class Prediction(NamedTuple):
    """The objects of the two JSON arrays of `engine.predict.Prediction`."""

    predictions: list[Fields]
    future_potentials: list[Fields]


def predict(
    knowledge: Knowledge,
    stm: Stm,
    options: Options,
    *,
    contract: Contract = KATO_3_10,
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
    semantics = contract.semantics
    matches = _candidates(knowledge, stm, options, semantics, stop)
    apart = len(observed) == 1 and semantics.one_symbol_apart
    weighted = {} if affinity is None else _weighted(knowledge, matches, observed, affinity, apart=apart)
    potentials = None
    if apart:
        potentials = {m.pattern.name: _potential_of_one_symbol(m, weighted.get(m.pattern.name)) for m in matches}
    selected = _select(matches, 3 * options.max_predictions, potentials, semantics)
    if semantics.whole_pattern:
        finalized = finalize(knowledge)
    ensemble = metrics.Ensemble(
        matches=selected,
        observed=observed,
        knowledge=knowledge,
        finalized=finalized or {},
        probability=metrics.symbol_probabilities(selected, knowledge),
        exact_counts=semantics.whole_pattern,
    )
    described = _describe(ensemble, weighted, potentials, stop)
    render, one_symbol = RENDERERS[contract.name], len(observed) == 1
    predictions = [render(fields, match, one_symbol=one_symbol) for fields, match in described]
    futures = metrics.future_potentials(metrics.group_futures(selected))
    return Prediction(_ranked(predictions, options, semantics)[: options.max_predictions], futures)


def _candidates(knowledge: Knowledge, stm: Stm, options: Options, semantics: Semantics, stop: Stop) -> list[Match]:
    observed = state(stm)
    if len(observed) == 1:
        return one_symbol_candidates(knowledge, observed[0], options, semantics, stop)
    kept = [p for p in knowledge.predictable if passes(p.symbols, observed, options, stop)]
    return [match for pattern in kept if (match := align(pattern, stm, options, semantics, stop))]


def _weighted(
    knowledge: Knowledge, matches: list[Match], observed: list[str], affinity: Affinity, *, apart: bool
) -> dict[str, dict[str, float]]:
    """By name, the weighted metrics."""
    if apart:
        weights = symbol_weights({*observed, *(x for m in matches for x in m.pattern.symbols)}, affinity, knowledge)
        return {m.pattern.name: weighted_metrics_of_one_symbol(m, observed[0], weights) for m in matches}
    weights = symbol_weights(observed, affinity, knowledge)
    return {m.pattern.name: weighted_metrics(m, observed, weights) for m in matches}


def _potential_of_one_symbol(match: Match, weighted: Mapping[str, float] | None) -> float:
    """potential of 5.9, which is without itfdf_similarity."""
    return (weighted["weighted_evidence"] if weighted else match.evidence) + 2


def _select(
    matches: list[Match], limit: int, potentials: Mapping[str, float] | None, semantics: Semantics
) -> list[Match]:
    """The ensemble in its order: by similarity, or by name (kato-6.md 3.8).

    If there are more than `limit` matches, the best by pre (5.6) or, for a one-symbol state apart, by potential.
    """
    if semantics.largest_name_first:
        in_order = sorted(matches, key=lambda m: m.pattern.name, reverse=True)
    else:
        in_order = sorted(matches, key=lambda m: (-m.similarity, m.pattern.name))
    if len(matches) <= limit:
        return in_order

    def leading(match: Match) -> int:
        return -rounded(potentials[match.pattern.name] if potentials else match.pre_potential)

    return sorted(in_order, key=leading)[:limit]


def _ranked(predictions: list[Fields], options: Options, semantics: Semantics) -> list[Fields]:
    """Best first (5.7; kato-6.md 3.4). A weighted metric without affinity is null and ranks as 0."""
    if semantics.largest_name_first:
        in_order = sorted(predictions, key=lambda fields: fields["name"], reverse=True)
    else:
        in_order = sorted(predictions, key=lambda fields: (-fields["similarity"], fields["name"]))
    return sorted(in_order, key=lambda fields: -rounded(fields[options.rank_sort_algo] or 0))


def _describe(
    ensemble: metrics.Ensemble,
    weighted: Mapping[str, Mapping[str, float]],
    potentials: Mapping[str, float] | None,
    stop: Stop,
) -> list[tuple[Fields, Match]]:
    """The fields of all members and the members, in ensemble order (5.6, 5.10); without what renderers add."""
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
        described.append((fields, match))
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
        "past": match.parts.past,
        "present": match.parts.present,
        "missing": match.parts.missing,
        "extras": match.parts.extras,
        "anomalies": [],
        "fuzzy_matches": match.fuzzy_matches,
        "potential": 0.0,
        "evidence": match.evidence,
        "similarity": match.similarity,
        "fragmentation": match.fragmentation,
        "snr": match.snr,
        "confluence": metrics.confluence(match, ensemble),
        "predictive_information": 0.0,
        "sequence": match.pattern.events,
        "future": match.parts.future,
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
