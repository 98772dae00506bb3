"""The prediction objects, made of what the kernels computed (engine.md 5.8, 5.10)."""

from collections.abc import Mapping
from itertools import pairwise, repeat, starmap
from typing import Any

import numpy as np

from engine.index import View
from engine.kernels import Floats, Ints
from engine.kernels.futures import Futures
from engine.kernels.lists import Lists, event_lists, extra_lists, match_lists, missing_lists
from engine.kernels.members import Members
from engine.kernels.select import DECIMALS
from engine.observation import mean_emotives
from engine.query import Query

Events = list[list[str]]
EmotivesWindows = Mapping[str, list[dict[str, float]]]


def describe(
    view: View,
    query: Query,
    members: Members,
    chosen: Ints,
    names: list[str],
    values: Floats,
    windows: EmotivesWindows,
    *,
    weighted: bool,
) -> list[dict[str, Any]]:
    """The predictions of the chosen members, in that order.

    The events in past, present and future are the very lists in sequence.
    """
    rows = members.rows[chosen]
    tally = np.zeros(len(view.symbol_frequency) + query.state.size, dtype=np.int64)
    described = zip(
        names,
        view.columns.frequency[rows].tolist(),
        [mean_emotives(windows[name]) if windows.get(name) else {} for name in names],
        _lists_of(match_lists(members, chosen), query.observed),
        _grouped(event_lists(view.columns, rows, np.zeros_like(rows)), view.symbols),
        members.present[chosen].tolist(),
        members.future[chosen].tolist(),
        _grouped(missing_lists(view.columns, members, chosen, query.state, tally), view.symbols),
        _grouped(extra_lists(view.columns, members, chosen, query.state, query.stm_ends, tally), query.observed),
        values[chosen].tolist(),
        repeat(weighted),
    )  # fmt: skip
    predictions = list(starmap(_prediction, described))
    if query.ratios:
        for prediction in predictions:
            prediction["anomalies"] = prediction["fuzzy_matches"] = _anomalies(view, query, prediction)
    if query.state.size == 1:
        for prediction in predictions:
            events = prediction["sequence"]
            prediction.update(pattern_data=events, length=sum(map(len, events)))
    return predictions


def _prediction(
    name: str,
    frequency: int,
    emotives: dict[str, float],
    matches: list[str],
    events: Events,
    present: int,
    future: int,
    missing: Events,
    extras: Events,
    values: list[float],
    weighted: bool,
) -> dict[str, Any]:
    """The fields in their order; values: as in `engine.kernels.measure.FIELDS`."""
    (
        potential, evidence, similarity, fragmentation, snr, confluence, predictive_information, confidence,
        weighted_similarity, weighted_evidence, weighted_confidence, weighted_snr,
        entropy, normalized_entropy, global_normalized_entropy, itfdf_similarity, tfidf_score,
        pattern_probability, weighted_strength, bayesian_posterior,
    ) = values  # fmt: skip
    return {
        "type": "prototypical",
        "name": name,
        "frequency": frequency,
        "emotives": emotives,
        "matches": matches,
        "past": events[:present],
        "present": events[present:future],
        "missing": missing,
        "extras": extras,
        "anomalies": [],
        "fuzzy_matches": [],
        "potential": potential,
        "evidence": evidence,
        "similarity": similarity,
        "fragmentation": fragmentation,
        "snr": snr,
        "confluence": confluence,
        "predictive_information": predictive_information,
        "sequence": events,
        "future": events[future:],
        "confidence": confidence,
        "weighted_similarity": weighted_similarity if weighted else None,
        "weighted_evidence": weighted_evidence if weighted else None,
        "weighted_confidence": weighted_confidence if weighted else None,
        "weighted_snr": weighted_snr if weighted else None,
        "entropy": entropy,
        "normalized_entropy": normalized_entropy,
        "global_normalized_entropy": global_normalized_entropy,
        "itfdf_similarity": itfdf_similarity,
        "tfidf_score": tfidf_score,
        "pattern_probability": pattern_probability,
        "weighted_strength": weighted_strength,
        "bayesian_posterior": bayesian_posterior,
        "bayesian_prior": pattern_probability,
        "bayesian_likelihood": similarity,
    }


def describe_futures(
    view: View, members: Members, futures: Futures, aggregate: Floats, described: Mapping[int, Events]
) -> list[dict[str, Any]]:
    """The future potentials: by aggregate_potential to 12 decimals, then by the symbols of the future.

    described: by member the futures that are in the answer already.
    """
    first = futures.first.tolist()
    others = np.array([member for member in first if member not in described], dtype=np.int64)
    lists = event_lists(view.columns, members.rows[others], members.future[others])
    events = {**described, **dict(zip(others.tolist(), _grouped(lists, view.symbols), strict=True))}
    groups = zip(
        np.rint(aggregate * -DECIMALS).tolist(),
        map(events.__getitem__, first),
        aggregate.tolist(),
        futures.members.tolist(),
        futures.weight.tolist(),
        strict=True,
    )
    return [
        {
            "future": future,
            "aggregate_potential": potential,
            "supporting_patterns": supporting,
            "total_weighted_frequency": weight,
        }
        for _, future, potential, supporting, weight in sorted(groups)
    ]


def _grouped(lists: Lists, symbols: list[str]) -> list[Events]:
    """Per owner its lists of symbols."""
    events = _lists_of(lists, symbols)
    return [events[start:end] for start, end in pairwise(lists.owned.tolist())]


def _lists_of(lists: Lists, symbols: list[str]) -> Events:
    bounds = lists.bounds.tolist()
    flat = [symbols[item] for item in lists.items[: bounds[-1]].tolist()]
    return [flat[start:end] if start < end else [] for start, end in pairwise(bounds)]


def _anomalies(view: View, query: Query, prediction: Mapping[str, Any]) -> list[dict[str, Any]]:
    """5.4: the inexact matches. The first of the most similar pattern symbols is the expected one."""
    anomalies = []
    flat = [symbol for event in prediction["sequence"] for symbol in event]
    for symbol in prediction["matches"]:
        ratios = query.ratios[symbol]
        expected = max(flat, key=lambda other: ratios.get(view.numbers[other], -1.0))
        if expected != symbol:
            similarity = ratios[view.numbers[expected]] * 100 / 100
            anomalies.append({"observed": symbol, "expected": expected, "similarity": similarity})
    return anomalies
