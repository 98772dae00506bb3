"""Choosing an ensemble: a kernel finds candidates, and the best are kept (engine.md 5.6, D01; kato-6.md 3.4)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Floats, Ints
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
from engine.together import together
from engine.view import View

_ROOM = 512
"""How many candidates beyond the limit the scan finds before the best are picked: few, so that the bar rises early."""
CHUNK = 50_000
"""Rows that a thread scans before it takes the next ones: a thread is started where there is work for two."""


class Candidates(NamedTuple):
    """An ensemble in its order. in_ties: the place of each in the order of ties."""

    rows: Ints
    similarity: Floats
    in_ties: Ints


class _Part:
    """What one thread finds, in chunks of rows that no other thread scans."""

    def __init__(self, view: View, query: Query, semantics: Semantics, weights: Weights, limit: int) -> None:
        self._view, self._query, self._semantics, self._weights, self._limit = view, query, semantics, weights, limit
        room = min(limit + _ROOM, len(view.columns.frequency))
        self.found = Found(np.empty(room, dtype=np.int64), np.empty(room), np.empty(room))
        self.count, self.pruned = 0, False
        # Scratch, which no two threads may share.
        self._fuzzy = query.fuzzy._replace(seen=query.fuzzy.seen.copy())

    def scan(self, chunk: range, bar: "_Bar", stop: Stop) -> None:
        # The kernels scan to the last frequency.
        columns = self._view.columns._replace(frequency=self._view.columns.frequency[: chunk.stop])
        row = chunk.start
        while row < chunk.stop:
            row, self.count, _ = self._continue(columns, Scan(row, self.count, bar.lowest), stop)
            stop.check()
            if self.count > self._limit:
                bar.lowest = max(
                    bar.lowest, _keep_best(self._view, self._semantics, self.count, self._limit, self.found)
                )
                self.count, self.pruned = self._limit, True

    def candidates(self) -> Found:
        count = self.count
        return Found(self.found.rows[:count], self.found.keys[:count], self.found.similarity[:count])

    def _continue(self, columns: Columns, scan: Scan, stop: Stop) -> Scan:
        """Scan on, to the last row or until there is no room for another candidate."""
        query, semantics = self._query, self._semantics
        if query.state.size == 1:
            token, anywhere = query.state.tokens[0], query.single_anywhere
            return select_by_symbol(columns, token, anywhere, semantics, self._weights, scan, self.found, stop.flag)
        search = Search(query.state, query.recall, self._fuzzy, query.text, semantics.by_position)
        masks = query.state.masks if query.state.size <= WORD else None
        return select(columns, self._view.texts, search, masks, scan, self.found, stop.flag)


@dataclass(slots=True)
class _Bar:
    """The lowest key worth keeping, of all threads. One that reads an older bar finds more than it must, never less."""

    lowest: float = -np.inf


def choose(
    view: View, query: Query, semantics: Semantics, weights: Weights, limit: int, stop: Stop, *, threads: int = 1
) -> Candidates:
    """All candidates in the order of ties; of more than `limit`, the best by pre (or potential, 5.9).

    However many threads scan, and whatever each of them finds first, the best are the same.
    """
    rows = len(view.columns.frequency)
    chunks = iter([range(start, min(start + CHUNK, rows)) for start in range(0, rows, CHUNK)])
    number = max(1, min(threads, rows // CHUNK))
    parts, bar = [_Part(view, query, semantics, weights, limit) for _ in range(number)], _Bar()

    def scan(part: _Part) -> None:
        for chunk in chunks:
            part.scan(chunk, bar, stop)

    together(scan, parts)
    found = _joined([part.candidates() for part in parts])
    count, pruned = len(found.rows), any(part.pruned for part in parts)
    if count > limit:
        _keep_best(view, semantics, count, limit, found)
        count, pruned = limit, True
    rows_of, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    order = _order_of_ties(view, semantics, rows_of, similarity)
    place = np.argsort(-keys[order], kind="stable") if pruned else np.arange(count)
    return Candidates(rows_of[order[place]], similarity[order[place]], place)


def _joined(parts: list[Found]) -> Found:
    """All of them. One alone is not copied: one thread scans most nodes."""
    return parts[0] if len(parts) == 1 else Found(*map(np.concatenate, zip(*parts, strict=True)))


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


def _keep_best(view: View, semantics: Semantics, count: int, limit: int, found: Found) -> float:
    """Move the best `limit` of `count` candidates to the front, in any order; return the lowest of their keys."""
    rows, keys, similarity = found.rows[:count], found.keys[:count], found.similarity[:count]
    least: float = np.partition(keys, count - limit)[count - limit]
    better, ties = np.flatnonzero(keys > least), np.flatnonzero(keys == least)
    ties = ties[_order_of_ties(view, semantics, rows[ties], similarity[ties])]
    best = np.concatenate((better, ties[: limit - len(better)]))
    found.rows[:limit], found.keys[:limit], found.similarity[:limit] = rows[best], keys[best], similarity[best]
    return least
