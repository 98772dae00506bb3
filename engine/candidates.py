"""Choosing an ensemble: kernels find candidates, the best of them are kept (engine.md 5.6, D01)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Ints
from engine.kernels.blocks import WORD
from engine.kernels.measure import Weights
from engine.kernels.select import Found, select, select_by_first, select_long
from engine.query import Query
from engine.view import View

_ROOM = 512
"""Candidates found beyond the limit before the best are picked: few enough to raise the bar early."""


class Candidates(NamedTuple):
    """An ensemble in its order. by_similarity: each one's place in the order of similarity (descending) and name."""

    rows: Ints
    similarity: Floats
    by_similarity: Ints


def choose(view: View, query: Query, weights: Weights, limit: int) -> Candidates:
    """All candidates by similarity and name, or, if there are more than `limit`, the best of them by pre."""
    room = min(limit + _ROOM, len(view.columns.frequency))
    found = Found(np.empty(room, dtype=np.int64), np.empty(room), np.empty(room))
    row, count, bar, pruned = 0, 0, -np.inf, False
    while row < len(view.columns.frequency):
        row, count = _scan(view, query, weights, row, count, bar, found)
        if count > limit:
            bar = _keep_best(view, count, limit, found)
            count, pruned = limit, True
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    order = np.lexsort((view.names(rows), -similarity))
    place = np.argsort(-keys[order], kind="stable") if pruned else np.arange(count)
    return Candidates(rows[order[place]], similarity[order[place]], place)


def _scan(
    view: View, query: Query, weights: Weights, row: int, count: int, bar: float, found: Found
) -> tuple[int, int]:
    if query.state.size == 1:
        token = query.state.tokens[0]
        return select_by_first(view.columns, token, weights.by_token, weights.active, row, count, bar, found)
    scan = select if query.state.size <= WORD else select_long
    return scan(view.columns, query.state, query.recall, query.fuzzy, query.text, view.texts, row, count, bar, found)


def _keep_best(view: View, count: int, limit: int, found: Found) -> float:
    """Bring the best `limit` of `count` candidates to the front; answers the least of their keys."""
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    least: float = np.partition(keys, count - limit)[count - limit]
    near = np.flatnonzero(keys >= least)
    best = near[np.lexsort((view.names(rows[near]), -similarity[near], -keys[near]))[:limit]]
    found.rows[:limit], found.keys[:limit], found.similarity[:limit] = rows[best], keys[best], similarity[best]
    return least
