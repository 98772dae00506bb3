"""Predictions of a node for an STM.

    prediction = predict(index.view(), stm, config, contract=KATO_6_3, emotives=fetch_windows, affinity=…, finalized=…)
    prediction.predictions         # JSON, an array of objects; fields and their order as in engine.md 5.10
    prediction.future_potentials   # JSON, an array of objects (5.8)
    prediction.count               # the number of predictions

config: the session's effective configuration; keys that predictions do not depend on are ignored.
contract: the version of KATO that the client speaks (`engine.contracts`). It changes what is computed of the same
    memory and how it is shown, and nothing else: whatever the session has stored applies.
emotives: called once, if any pattern is returned, with the names of the returned patterns, best first. It returns the
    stored emotives windows by name. A name that it leaves out has no emotives.
affinity: aff(x, e) by symbol for the configured `affinity_emotive`; None if the session has none. For an emotive that
    was never learned, an empty mapping. For a state of two or more symbols, only the symbols of the state are looked
    up; for a state of one symbol, under 3.10, all symbols of the patterns.
stop: ends the prediction early, from another thread: it raises the reason of the stop.
threads: how many scan a large node together; the predictions are the same for any number.
finalized: what the last finalize-training left (`engine.finalize`); None if there was none since the last clear-all.
    6.3 does not depend on it.

`engine.warm.warm()` compiles or loads all kernels. Call it once in each process before the first request. Set
NUMBA_CACHE_DIR before you import this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import render_3_10, render_6_3
from engine.arrays import Floats, Ints
from engine.candidates import Candidates, choose, close_up
from engine.contracts import KATO_3_10, KATO_6_3, Contract, Semantics
from engine.facts import Facts, find_respelled
from engine.finalize import Finalized
from engine.kernels.domain import global_entropies
from engine.kernels.fields import FIELDS
from engine.kernels.futures import group_futures
from engine.kernels.keys import DECIMALS
from engine.kernels.measure import FinalizedMembers, Weights, measure, share_futures
from engine.kernels.members import Members, align_members, align_single
from engine.limits import MOST_MATCHED_PLACES, PredictionTooLarge
from engine.options import Options
from engine.prediction_json import describe_futures
from engine.query import Query, affinity_weights, encode
from engine.stm import Stm
from engine.stopping import NEVER, Stop
from engine.view import View

EmotivesOf = Callable[[list[str]], Mapping[str, list[dict[str, float]]]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Two JSON arrays, and the length of `predictions`."""

    predictions: bytes
    future_potentials: bytes
    count: int


_RENDERERS = {KATO_3_10.name: render_3_10.render, KATO_6_3.name: render_6_3.render}

NOTHING = Prediction(b"[]", b"[]", 0)


def predict(
    view: View,
    stm: Stm,
    config: Mapping[str, Any],
    *,
    contract: Contract = KATO_3_10,
    emotives: EmotivesOf,
    affinity: Mapping[str, float] | None = None,
    finalized: Finalized | None = None,
    stop: Stop = NEVER,
    threads: int = 1,
) -> Prediction:
    """The predictions for `stm`, best first.

    Raises ValueError for an unknown filter or rank field, PredictionTooLarge, and the reason of `stop`.
    """
    options = Options.from_config(config)
    if not any(stm) or view.statistics.pattern_count == 0:
        return NOTHING
    stop.check()  # it may have waited for its index and for the interpreter
    semantics = contract.semantics
    query = encode(view, stm, options, stop)
    apart = query.state.size == 1 and semantics.one_symbol_apart
    weights = affinity_weights(view, query, affinity, of_all=apart)
    candidates = choose(view, query, semantics, weights, 3 * options.max_predictions, stop, threads=threads)
    if len(candidates.rows) == 0:
        return NOTHING
    return describe(
        *close_up(view, candidates.rows),
        query,
        candidates,
        options,
        contract=contract,
        weights=weights,
        emotives=emotives,
        finalized=finalized,
        stop=stop,
    )


def describe(
    view: View,
    rows: Ints,
    query: Query,
    candidates: Candidates,
    options: Options,
    *,
    contract: Contract,
    weights: Weights,
    emotives: EmotivesOf,
    finalized: Finalized | None,
    stop: Stop,
) -> Prediction:
    """The predictions made of some candidates, which are these rows of the view. Raises as `predict`."""
    semantics, similarity = contract.semantics, candidates.similarity
    members = _align(view, query, semantics, rows, stop)
    values = measure(
        view.columns,
        members,
        similarity,
        query.state,
        semantics,
        view.statistics,
        _finalized_members(view, rows, None if semantics.whole_pattern else finalized),
        weights,
        stop.flag,
    )
    stop.check()
    futures = group_futures(view.columns, members, similarity)
    share_futures(futures.group_of, futures.aggregate, values)
    chosen = _rank(view, members, values, candidates.in_ties, options)
    names = view.hex_names(rows[chosen])
    facts = Facts(
        view=view,
        query=query,
        members=members,
        chosen=chosen,
        names=names,
        respelled=find_respelled(view, query, members, chosen, stop),
        values=values,
        windows=emotives(names),
        weighted=weights.active,
        stop=stop,
    )
    return Prediction(render(contract, facts), describe_futures(view, members, futures), len(chosen))


def render(contract: Contract, facts: Facts) -> bytes:
    """The objects of the contract, as a JSON array."""
    return _RENDERERS[contract.name](facts)


def _align(view: View, query: Query, semantics: Semantics, rows: Ints, stop: Stop) -> Members:
    if query.state.size == 1:
        token, anywhere = query.state.tokens[0], query.single_anywhere
        return align_single(view.columns, rows, token, anywhere, semantics.by_position)
    if query.fuzzy.active and len(rows) * query.state.size > MOST_MATCHED_PLACES:
        raise PredictionTooLarge(
            "max_predictions", f"{len(rows)} patterns are too many for fuzzy matching with {query.state.size} symbols"
        )
    members = align_members(view.columns, rows, query.state, query.fuzzy, semantics.by_position, stop.flag)
    stop.check()
    return members


def _finalized_members(view: View, rows: Ints, finalized: Finalized | None) -> FinalizedMembers:
    """Which of the rows are finalised, and their global_normalized_entropy (4.4)."""
    values = np.zeros(len(rows))
    if finalized is None:
        return FinalizedMembers(np.zeros(len(rows), dtype=np.bool_), values, 0)
    names = view.hex_names(rows)
    existed = finalized.existed(names)
    flags = np.fromiter((name in existed for name in names), dtype=np.bool_, count=len(rows))
    columns, statistics = view.columns, finalized.statistics
    values[flags] = global_entropies(columns.tokens, columns.starts, rows[flags], statistics)
    return FinalizedMembers(flags, values, statistics.symbol_count)


def _rank(view: View, members: Members, values: Floats, in_ties: Ints, options: Options) -> Ints:
    """The members to return, best first (5.7, D01; kato-6.md 3.4). A weighted metric without affinity ranks as 0.

    in_ties: by member, its place in the order of ties.
    """
    if options.rank_sort_algo == "frequency":
        ranked = view.columns.frequency[members.rows].astype(np.float64)
    else:
        ranked = values[:, FIELDS.index(_SAME_VALUE.get(options.rank_sort_algo, options.rank_sort_algo))]
    return np.lexsort((in_ties, -np.rint(ranked * DECIMALS)))[: options.max_predictions]


_SAME_VALUE = {"bayesian_prior": "pattern_probability", "bayesian_likelihood": "similarity"}
