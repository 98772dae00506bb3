"""Choosing an ensemble: a kernel finds candidates, and the best are kept (engine.md 5.6, D01; kato-6.md 3.4)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Ints
from engine.contracts import Semantics
from engine.kernels.blocks import WORD
from engine.kernels.gathering import gather
from engine.kernels.measure import Weights
from engine.kernels.one_symbol import select_by_symbol
from engine.kernels.search import Found, Scan, Search
from engine.kernels.select import select
from engine.limits import MOST_GATHERED
from engine.query import Query
from engine.stopping import Stop
from engine.view import View

_ROOM = 512
"""How many candidates beyond the limit the scan finds before the best are picked: few, so that the bar rises early."""


class Candidates(NamedTuple):
    """An ensemble in its order. in_ties: the place of each in the order of ties."""

    rows: Ints
    similarity: Floats
    in_ties: Ints


def choose(view: View, query: Query, semantics: Semantics, weights: Weights, limit: int, stop: Stop) -> Candidates:
    """All candidates in the order of ties; of more than `limit`, the best by pre (or potential, 5.9)."""
    room = min(limit + _ROOM, len(view.columns.frequency))
    found = Found(np.empty(room, dtype=np.int64), np.empty(room), np.empty(room))
    scan, pruned = Scan(row=0, candidates=0, bar=-np.inf), False
    while scan.row < len(view.columns.frequency):
        scan = _continue(scan, view, query, semantics, weights, found, stop)
        stop.check()
        if scan.candidates > limit:
            scan = Scan(scan.row, candidates=limit, bar=_keep_best(view, semantics, scan.candidates, limit, found))
            pruned = True
    count = scan.candidates
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    order = _order_of_ties(view, semantics, rows, similarity)
    place = np.argsort(-keys[order], kind="stable") if pruned else np.arange(count)
    return Candidates(rows[order[place]], similarity[order[place]], place)


def close_up(view: View, rows: Ints) -> tuple[View, Ints]:
    """A view of these patterns alone, with tokens of 32 bits, and their rows in it.

    So the kernels that work on an ensemble are compiled for such tokens alone. A view that has them stays as it is; for
    too many symbols the kernels are compiled when they are needed.
    """
    if view.columns.tokens.itemsize == 4 or _symbols_exceed(view, rows, MOST_GATHERED):
        return view, rows
    return replace(view, columns=gather(view.columns, rows)), np.arange(len(rows))


def _symbols_exceed(view: View, rows: Ints, most: int) -> bool:
    """Whether these patterns have more symbols than `most`. They are counted only if the longest could have so many."""
    starts = view.columns.starts
    return len(rows) * view.longest > most and int((starts[rows + 1] - starts[rows]).sum()) > most


def _order_of_ties(view: View, semantics: Semantics, rows: Ints, similarity: Floats) -> Ints:
    """By name, the larger first (kato-6.md 3.4); otherwise by similarity, descending, and name (D01)."""
    names = view.names(rows)
    if semantics.largest_name_first:
        return np.argsort(names)[::-1]
    return np.lexsort((names, -similarity))


def _continue(
    scan: Scan, view: View, query: Query, semantics: Semantics, weights: Weights, found: Found, stop: Stop
) -> Scan:
    """Scan on, to the last row or until `found` is full."""
    if query.state.size == 1:
        token, anywhere = query.state.tokens[0], query.single_anywhere
        return select_by_symbol(view.columns, token, anywhere, semantics, weights, scan, found, stop.flag)
    search = Search(query.state, query.recall, query.fuzzy, query.text, semantics.by_position)
    masks = query.state.masks if query.state.size <= WORD else None
    return select(view.columns, view.texts, search, masks, scan, found, stop.flag)


def _keep_best(view: View, semantics: Semantics, count: int, limit: int, found: Found) -> float:
    """Move the best `limit` of `count` candidates to the front, in any order; return the lowest of their keys."""
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    least: float = np.partition(keys, count - limit)[count - limit]
    better, ties = np.flatnonzero(keys > least), np.flatnonzero(keys == least)
    ties = ties[_order_of_ties(view, semantics, rows[ties], similarity[ties])]
    best = np.concatenate((better, ties[: limit - len(better)]))
    found.rows[:limit], found.keys[:limit], found.similarity[:limit] = rows[best], keys[best], similarity[best]
    return least
