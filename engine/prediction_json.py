"""The JSON of a prediction, from what the kernels computed (engine.md 5.8, 5.10)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic_core import to_json

from engine.arrays import Floats, Ints
from engine.json_objects import Cells, JsonObjects
from engine.kernels.futures import Futures
from engine.kernels.measure import FIELDS
from engine.kernels.members import Members
from engine.kernels.ordering import order_futures
from engine.kernels.writing import LISTS, Written, write_futures, write_members
from engine.limits import PredictionTooLarge
from engine.observation import mean_emotives
from engine.query import Query
from engine.stopping import Stop
from engine.view import View

EmotivesWindows = Mapping[str, list[dict[str, float]]]

PREDICTION = (
    "type",
    "name",
    "frequency",
    "emotives",
    "matches",
    "past",
    "present",
    "missing",
    "extras",
    "anomalies",
    "fuzzy_matches",
    "potential",
    "evidence",
    "similarity",
    "fragmentation",
    "snr",
    "confluence",
    "predictive_information",
    "sequence",
    "future",
    "confidence",
    "weighted_similarity",
    "weighted_evidence",
    "weighted_confidence",
    "weighted_snr",
    "entropy",
    "normalized_entropy",
    "global_normalized_entropy",
    "itfdf_similarity",
    "tfidf_score",
    "pattern_probability",
    "weighted_strength",
    "bayesian_posterior",
    "bayesian_prior",
    "bayesian_likelihood",
)
"""The fields in their order. The predictions for a one-symbol state have two more (D13)."""
ONE_SYMBOL_PREDICTION = (*PREDICTION, "pattern_data", "length")
WEIGHTED = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")
UNWEIGHTED = tuple(field for field in FIELDS if field not in WEIGHTED)
_PLACES = {fields: np.array([[FIELDS.index(field)] for field in fields]) for fields in (FIELDS, UNWEIGHTED)}


def describe(
    view: View,
    query: Query,
    members: Members,
    chosen: Ints,
    names: list[str],
    values: Floats,
    windows: EmotivesWindows,
    stop: Stop,
    *,
    weighted: bool,
) -> bytes:
    """The predictions of the chosen members, in that order, as a JSON array.

    chosen: numbers of members, at least one. names: of the chosen. values: as `measure` returns them, for all members.
    weighted: whether the weighted metrics have values; otherwise they are null. Raises PredictionTooLarge.
    """
    rows = members.rows[chosen]
    objects = JsonObjects(len(chosen))
    written = write_members(
        view.columns, members, chosen, query.state, query.stm_ends, view.json, query.json, stop.flag
    )
    stop.check()
    cells = dict(zip(LISTS, _lists(objects, written), strict=True))
    measured = FIELDS if weighted else UNWEIGHTED
    numbers = values[chosen, _PLACES[measured]].ravel().tolist()
    numbers += view.columns.frequency[rows].tolist()
    numbers += (view.columns.starts[rows + 1] - view.columns.starts[rows]).tolist()
    cells.update(zip((*measured, "frequency", "length"), objects.numbers(numbers), strict=True))
    cells.update(
        type=objects.constant("prototypical"),
        name=objects.texts([name.encode() for name in names], b'"', b'"'),
        emotives=_emotives(objects, names, windows, stop),
        anomalies=_anomalies(objects, view, query, members, chosen, stop),
        bayesian_prior=cells["pattern_probability"],
        bayesian_likelihood=cells["similarity"],
        pattern_data=cells["sequence"],
    )
    cells["fuzzy_matches"] = cells["anomalies"]
    if not weighted:
        cells.update(dict.fromkeys(WEIGHTED, objects.constant(None)))
    order = ONE_SYMBOL_PREDICTION if query.state.size == 1 else PREDICTION
    return objects.join({field: cells[field] for field in order})


def describe_futures(view: View, members: Members, futures: Futures) -> bytes:
    """The future potentials as a JSON array, by aggregate_potential to 12 decimals, then by the future's symbols."""
    if len(futures.first) == 0:
        return b"[]"
    order = order_futures(view.columns, members, futures, view.texts)
    first = futures.first[order]
    objects = JsonObjects(len(first))
    written = write_futures(view.columns, members.rows[first], members.future[first], view.json)
    [future] = _lists(objects, written)
    columns = (futures.aggregate, futures.members, futures.weight)
    aggregate, supporting, weight = objects.numbers([number for c in columns for number in c[order].tolist()])
    return objects.join(
        {
            "future": future,
            "aggregate_potential": aggregate,
            "supporting_patterns": supporting,
            "total_weighted_frequency": weight,
        }
    )


def _lists(objects: JsonObjects, written: Written) -> list[Cells]:
    if written.too_large:
        raise PredictionTooLarge("max_predictions", "the predictions have too many symbols for one response")
    return objects.parts(written.data, written.starts, written.ends, b"[", b"]")


def _emotives(objects: JsonObjects, names: list[str], windows: EmotivesWindows, stop: Stop) -> Cells:
    if not any(windows.values()):
        return objects.constant({})
    texts = []
    for name in names:
        stop.check()
        texts.append(to_json(mean_emotives(windows.get(name, ()))))
    return objects.texts(texts)


def _anomalies(objects: JsonObjects, view: View, query: Query, members: Members, chosen: Ints, stop: Stop) -> Cells:
    """The inexact matches of 5.4. The expected symbol is the first of the most similar pattern symbols."""
    if not query.ratios:
        return objects.constant([])
    return objects.texts([to_json(_inexact_matches(view, query, members, member, stop)) for member in chosen.tolist()])


def _inexact_matches(view: View, query: Query, members: Members, member: int, stop: Stop) -> list[dict[str, Any]]:
    row = members.rows[member]
    pattern = view.columns.tokens[view.columns.starts[row] : view.columns.starts[row + 1]]
    own_tokens = set(pattern.tolist())
    places = members.match_places[members.match_starts[member] : members.match_starts[member + 1]]
    inexact = []
    for symbol in map(query.observed.__getitem__, places.tolist()):
        stop.check()
        if view.token(symbol) in own_tokens:
            continue
        similar, ratios = query.ratios[symbol]
        # By symbol of the pattern, its ratio; -1 for those that are not similar. At least one is.
        nearest = np.minimum(np.searchsorted(similar, pattern), len(similar) - 1)
        by_place = np.where(similar[nearest] == pattern, ratios[nearest], -1.0)
        best = int(by_place.argmax())
        expected = view.symbols[pattern[best]]
        inexact.append({"observed": symbol, "expected": expected, "similarity": float(by_place[best]) * 100 / 100})
    return inexact
