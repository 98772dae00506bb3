"""Choosing an ensemble: a kernel finds candidates, and the best of them are kept (engine.md 5.6, D01)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Ints
from engine.kernels.blocks import WORD
from engine.kernels.measure import Weights
from engine.kernels.select import Found, Scan, Search, select, select_by_first
from engine.query import Query
from engine.stopping import Stop
from engine.view import View

_ROOM = 512
"""How many candidates beyond the limit the scan finds before the best are picked: few, so that the bar rises early."""


class Candidates(NamedTuple):
    """An ensemble in its order. by_similarity: the place of each in the order of similarity (descending) and name."""

    rows: Ints
    similarity: Floats
    by_similarity: Ints


def choose(view: View, query: Query, weights: Weights, limit: int, stop: Stop) -> Candidates:
    """All candidates by similarity and name; of more than `limit`, the best by pre or, for one symbol, potential."""
    room = min(limit + _ROOM, len(view.columns.frequency))
    found = Found(np.empty(room, dtype=np.int64), np.empty(room), np.empty(room))
    scan, pruned = Scan(row=0, candidates=0, bar=-np.inf), False
    while scan.row < len(view.columns.frequency):
        scan = _continue(scan, view, query, weights, found, stop)
        stop.check()
        if scan.candidates > limit:
            scan = Scan(scan.row, candidates=limit, bar=_keep_best(view, scan.candidates, limit, found))
            pruned = True
    count = scan.candidates
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    order = np.lexsort((view.names(rows), -similarity))
    place = np.argsort(-keys[order], kind="stable") if pruned else np.arange(count)
    return Candidates(rows[order[place]], similarity[order[place]], place)


def _continue(scan: Scan, view: View, query: Query, weights: Weights, found: Found, stop: Stop) -> Scan:
    """Scan on, to the last row or until `found` is full."""
    if query.state.size == 1:
        return select_by_first(view.columns, query.state.tokens[0], weights, scan, found)
    search = Search(query.state, query.recall, query.fuzzy, query.text)
    masks = query.state.masks if query.state.size <= WORD else None
    return select(view.columns, view.texts, search, masks, scan, found, stop.flag)


def _keep_best(view: View, count: int, limit: int, found: Found) -> float:
    """Move the best `limit` of `count` candidates to the front; return the lowest of their keys."""
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    least: float = np.partition(keys, count - limit)[count - limit]
    near = np.flatnonzero(keys >= least)
    best = near[np.lexsort((view.names(rows[near]), -similarity[near], -keys[near]))[:limit]]
    found.rows[:limit], found.keys[:limit], found.similarity[:limit] = rows[best], keys[best], similarity[best]
    return least
