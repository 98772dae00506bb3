"""The JSON of predictions and of their futures, from what the kernels computed (engine.md 5.8, 5.10).

`shared_cells` makes the fields that all contracts show; a renderer (`engine.render_3_10`, `engine.render_6_3`) adds its
own and puts them in order.
"""

import numpy as np
from pydantic_core import to_json

from engine.facts import Facts
from engine.json_objects import Cells, JsonObjects
from engine.kernels.fields import FIELDS
from engine.kernels.futures import Futures
from engine.kernels.members import Members
from engine.kernels.ordering import order_futures
from engine.kernels.writing import LISTS, Taken, Written, write_futures, write_members
from engine.limits import PredictionTooLarge
from engine.observation import mean_emotives
from engine.view import View

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
"""The fields in their order, for all contracts."""
WEIGHTED = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")
UNWEIGHTED = tuple(field for field in FIELDS if field not in WEIGHTED)
_PLACES = {fields: np.array([[FIELDS.index(field)] for field in fields]) for fields in (FIELDS, UNWEIGHTED)}


def shared_cells(facts: Facts, taken: Taken) -> tuple[JsonObjects, dict[str, Cells]]:
    """One object for each chosen member, and by key the values of all fields but anomalies.

    Among the keys are the lists of the kernel and `length`, of which contracts may make other fields. Raises
    PredictionTooLarge.
    """
    view, query, members, chosen = facts.view, facts.query, facts.members, facts.chosen
    rows = members.rows[chosen]
    objects = JsonObjects(len(chosen))
    written = write_members(view.columns, members, chosen, taken, query.state, view.json, query.json, facts.stop.flag)
    facts.stop.check()
    cells = dict(zip(LISTS, _lists(objects, written), strict=True))
    measured = FIELDS if facts.weighted else UNWEIGHTED
    lengths = view.columns.starts[rows + 1] - view.columns.starts[rows]
    numbers = objects.numbers(
        facts.values[chosen, _PLACES[measured]], np.array([view.columns.frequency[rows], lengths])
    )
    cells.update(zip((*measured, "frequency", "length"), numbers, strict=True))
    cells.update(
        type=objects.constant("prototypical"),
        name=_names(objects, facts.names),
        emotives=_emotives(objects, facts),
        fuzzy_matches=_fuzzy_matches(objects, facts),
        bayesian_prior=cells["pattern_probability"],
        bayesian_likelihood=cells["similarity"],
    )
    if not facts.weighted:
        cells.update(dict.fromkeys(WEIGHTED, objects.constant(None)))
    return objects, cells


def describe_futures(view: View, members: Members, futures: Futures) -> bytes:
    """The future potentials as a JSON array, by aggregate_potential to 12 decimals, then by the future's symbols."""
    if len(futures.first) == 0:
        return b"[]"
    order = order_futures(view.columns, members, futures, view.texts)
    first = futures.first[order]
    objects = JsonObjects(len(first))
    written = write_futures(view.columns, members.rows[first], members.future[first], view.json)
    [future] = _lists(objects, written)
    aggregate, weight, supporting = objects.numbers(
        np.array([futures.aggregate[order], futures.weight[order]]), futures.members[order][np.newaxis]
    )
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


def _names(objects: JsonObjects, names: list[str]) -> Cells:
    digits = np.frombuffer("".join(names).encode(), dtype=np.uint8)
    bounds = np.arange(0, len(digits) + 1, len(names[0]))
    [cells] = objects.parts(digits, bounds[np.newaxis, :-1], bounds[np.newaxis, 1:], b'"', b'"')
    return cells


def _emotives(objects: JsonObjects, facts: Facts) -> Cells:
    if not any(facts.windows.values()):
        return objects.constant({})
    texts = []
    for name in facts.names:
        facts.stop.check()
        texts.append(to_json(mean_emotives(facts.windows.get(name, ()))))
    return objects.texts(texts)


def _fuzzy_matches(objects: JsonObjects, facts: Facts) -> Cells:
    """The inexact matches of 5.4."""
    if not any(facts.respelled):
        return objects.constant([])
    observed, symbols = facts.query.observed, facts.view.symbols
    return objects.texts(
        [
            to_json(
                [
                    {
                        "observed": observed[match.place],
                        "expected": symbols[match.expected],
                        "similarity": match.ratio * 100 / 100,
                    }
                    for match in respelled
                ]
            )
            for respelled in facts.respelled
        ]
    )
