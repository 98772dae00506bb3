"""The prediction objects, made of what the kernels computed (engine.md 5.8, 5.10)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from engine.index import View
from engine.kernels import Floats, Ints
from engine.kernels.futures import Futures
from engine.kernels.leaders import DECIMALS
from engine.kernels.lists import Lists, event_lists, extra_lists, missing_lists
from engine.kernels.members import Members
from engine.observation import mean_emotives
from engine.query import Query

Events = list[list[str]]
EmotivesWindows = Mapping[str, list[dict[str, float]]]


def member_names(view: View, members: Members, chosen: Ints) -> list[str]:
    digits = view.columns.names[members.rows[chosen]].tobytes().hex()
    return [digits[start : start + 40] for start in range(0, len(digits), 40)]


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
    tally = np.zeros(len(view.symbol_frequency) + query.state.size, dtype=np.int64)
    symbols, observed = view.symbols, query.observed
    rows = members.rows[chosen]
    sequences = _lists_of(event_lists(view.columns, rows, np.zeros_like(rows)), symbols)
    missing = _lists_of(missing_lists(view.columns, members, chosen, query.state, tally), symbols)
    extras = _lists_of(extra_lists(view.columns, members, chosen, query.state, query.stm_ends, tally), observed)
    places, starts = members.match_places.tolist(), members.match_starts.tolist()
    numbers = zip(
        chosen.tolist(),
        view.columns.frequency[rows].tolist(),
        members.present[chosen].tolist(),
        members.future[chosen].tolist(),
        strict=True,
    )
    predictions = []
    for name, (m, frequency, present, future), events, lacking, extra, value in zip(
        names, numbers, sequences, missing, extras, values[chosen].tolist(), strict=True
    ):
        matched = places[starts[m] : starts[m + 1]]
        anomalies = _anomalies(view, query, matched, events) if query.ratios else []
        (
            potential, evidence, similarity, fragmentation, snr, confluence, predictive_information, confidence,
            weighted_similarity, weighted_evidence, weighted_confidence, weighted_snr, entropy, normalized_entropy,
            global_normalized_entropy, itfdf_similarity, tfidf_score, pattern_probability, weighted_strength,
            bayesian_posterior,
        ) = value  # fmt: skip
        predictions.append(
            {
                "type": "prototypical",
                "name": name,
                "frequency": frequency,
                "emotives": mean_emotives(windows.get(name, ())),
                "matches": [observed[place] for place in matched],
                "past": events[:present],
                "present": events[present:future],
                "missing": lacking,
                "extras": extra,
                "anomalies": anomalies,
                "fuzzy_matches": anomalies,
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
        )
        if len(observed) == 1:
            predictions[-1].update(pattern_data=events, length=sum(map(len, events)))
    return predictions


def describe_futures(view: View, members: Members, futures: Futures, aggregate: Floats) -> list[dict[str, Any]]:
    """The future potentials: by aggregate_potential to 12 decimals, then by the symbols of the future."""
    lists = event_lists(view.columns, members.rows[futures.first], members.future[futures.first])
    keys = np.rint(aggregate * -DECIMALS).tolist()
    groups = zip(
        keys,
        _lists_of(lists, view.symbols),
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


def _lists_of(lists: Lists, symbols: list[str]) -> list[Events]:
    """Per owner its lists of symbols."""
    flat = [symbols[item] for item in lists.items[: lists.bounds[-1]].tolist()]
    events = [flat[start:end] for start, end in pairwise(lists.bounds.tolist())]
    return [events[start:end] for start, end in pairwise(lists.owned.tolist())]


def _anomalies(view: View, query: Query, matched: list[int], events: Events) -> list[dict[str, Any]]:
    """5.4: the inexact matches. The first of the most similar pattern symbols is the expected one."""
    anomalies = []
    flat = [symbol for event in events for symbol in event]
    for place in matched:
        symbol = query.observed[place]
        ratios = query.ratios[symbol]
        expected = max(flat, key=lambda other: ratios.get(view.numbers[other], -1.0))
        if expected != symbol:
            similarity = ratios[view.numbers[expected]] * 100 / 100
            anomalies.append({"observed": symbol, "expected": expected, "similarity": similarity})
    return anomalies
