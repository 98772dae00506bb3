"""The members of an ensemble aligned with the state, and what they match (engine.md 5.4, 5.5)."""

from typing import NamedTuple

import numpy as np

from engine.kernels import Ints, compiled
from engine.kernels.alignment import Alignment, Fuzzy, align
from engine.kernels.blocks import State, Workspace, blocks_around, collect_hits, longest_run, workspace
from engine.kernels.columns import Columns, event_bounds, symbols_between


class Members(NamedTuple):
    """In ensemble order. The matches of a member are the state places from match_starts[m] to match_starts[m + 1]."""

    rows: Ints
    matched: Ints
    blocks: Ints
    present: Ints
    future: Ints
    match_starts: Ints
    match_places: Ints


@compiled
def align_members(columns: Columns, rows: Ints, state: State, fuzzy: Fuzzy, one_symbol: bool) -> Members:
    """`one_symbol`: a state of one symbol, which matches the first of each pattern (5.9)."""
    count = rows.shape[0]
    longest, capacity = 0, 0
    for row in rows:
        length = columns.starts[row + 1] - columns.starts[row]
        longest = max(longest, length)
        capacity += state.size if fuzzy.active else min(length, state.size)
    members = Members(
        rows,
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.zeros(count + 1, dtype=np.int64),
        np.empty(capacity, dtype=np.int64),
    )
    work = workspace(longest, state.size)
    fuzzy.seen[:] = -1
    for m in range(count):
        if one_symbol:
            work.blocks[0, 0], work.blocks[0, 1], work.blocks[0, 2] = 0, 0, 1
            blocks, alignment = 1, Alignment(1, 1, 0, 1, np.int64(0))
        else:
            blocks = blocks_of(columns, rows[m], state, work)
            alignment = align(columns, rows[m], blocks, state, fuzzy, work)
        members.matched[m], members.blocks[m] = alignment.matched, alignment.blocks
        members.present[m], members.future[m] = alignment.present, alignment.future
        if fuzzy.active:
            list_fuzzy_matches(m, members, fuzzy)
        else:
            list_matches(m, blocks, members, work)
    return members


@compiled
def blocks_of(columns: Columns, row: int, state: State, work: Workspace) -> int:
    start = columns.starts[row]
    hits = collect_hits(columns.tokens, start, columns.starts[row + 1] - start, state, work)
    if hits == 0:
        return 0
    hit, place, size = longest_run(columns.tokens, start, 0, hits, 0, state.size, state, work)
    return blocks_around(hit, place, size, columns.tokens, start, hits, state, work)


@compiled
def list_matches(m: int, blocks: int, members: Members, work: Workspace) -> None:
    """The state places of the blocks, in the order of the pattern; found blocks never cross, so also of the state."""
    end = members.match_starts[m]
    order = np.argsort(work.blocks[:blocks, 0])
    for b in order:
        for k in range(work.blocks[b, 2]):
            members.match_places[end] = work.blocks[b, 1] + k
            end += 1
    members.match_starts[m + 1] = end


@compiled
def list_fuzzy_matches(m: int, members: Members, fuzzy: Fuzzy) -> None:
    """The state places that `align` has just seen matched, in the order of the state."""
    end = members.match_starts[m]
    for place in range(fuzzy.seen.shape[0]):
        if fuzzy.seen[place] == members.rows[m]:
            members.match_places[end] = place
            end += 1
    members.match_starts[m + 1] = end


class Lists(NamedTuple):
    """Many lists in one: list k holds items[bounds[k] : bounds[k + 1]]; owner o has `owned[o + 1] - owned[o]` lists."""

    items: Ints
    bounds: Ints
    owned: Ints


@compiled
def event_lists(columns: Columns, rows: Ints, first: Ints) -> Lists:
    """Per row its events from number first[…] on, as tokens."""
    owned = np.zeros(rows.shape[0] + 1, dtype=np.int64)
    size = 0
    for o in range(rows.shape[0]):
        events = columns.event_starts[rows[o] + 1] - columns.event_starts[rows[o]]
        owned[o + 1] = owned[o] + events - first[o]
        low, high = symbols_between(columns, rows[o], first[o], events)
        size += high - low
    lists = Lists(np.empty(size, dtype=np.int64), np.zeros(owned[-1] + 1, dtype=np.int64), owned)
    filled, k = 0, 0
    for o in range(rows.shape[0]):
        start = columns.starts[rows[o]]
        for number in range(first[o], first[o] + owned[o + 1] - owned[o]):
            low, high = event_bounds(columns, rows[o], number)
            for i in range(start + low, start + high):
                lists.items[filled] = columns.tokens[i]
                filled += 1
            k += 1
            lists.bounds[k] = filled
    return lists


@compiled
def missing_lists(columns: Columns, members: Members, chosen: Ints, state: State, tally: Ints) -> Lists:
    """Per chosen member the symbols of its present events that are not in its matches, as tokens.

    tally: zeros by token, also for the unknown symbols of the state; left as it was.
    """
    owned = np.zeros(chosen.shape[0] + 1, dtype=np.int64)
    size = 0
    for o in range(chosen.shape[0]):
        m = chosen[o]
        owned[o + 1] = owned[o] + members.future[m] - members.present[m]
        low, high = symbols_between(columns, members.rows[m], members.present[m], members.future[m])
        size += high - low
    lists = Lists(np.empty(size, dtype=np.int64), np.zeros(owned[-1] + 1, dtype=np.int64), owned)
    filled, k = 0, 0
    for m in chosen:
        mark_matches(m, members, state, tally, 1)
        start = columns.starts[members.rows[m]]
        for number in range(members.present[m], members.future[m]):
            low, high = event_bounds(columns, members.rows[m], number)
            for i in range(start + low, start + high):
                token = columns.tokens[i]
                if tally[token] == 0:
                    lists.items[filled] = token
                    filled += 1
            k += 1
            lists.bounds[k] = filled
        mark_matches(m, members, state, tally, 0)
    return lists


@compiled
def mark_matches(m: int, members: Members, state: State, tally: Ints, mark: int) -> None:
    for p in range(members.match_starts[m], members.match_starts[m + 1]):
        tally[state.tokens[members.match_places[p]]] = mark


@compiled
def extra_lists(columns: Columns, members: Members, chosen: Ints, state: State, stm_ends: Ints, tally: Ints) -> Lists:
    """Per chosen member the state places of each STM event whose symbol is not in present.

    stm_ends: the ends of the STM's events. tally: as for `missing_lists`.
    """
    events = stm_ends.shape[0]
    owned = np.arange(chosen.shape[0] + 1) * events
    items = np.empty(chosen.shape[0] * state.size, dtype=np.int64)
    lists = Lists(items, np.zeros(owned[-1] + 1, dtype=np.int64), owned)
    filled, k = 0, 0
    for m in chosen:
        mark_present(m, columns, members, tally, 1)
        place = 0
        for end in stm_ends:
            while place < end:
                if tally[state.tokens[place]] == 0:
                    items[filled] = place
                    filled += 1
                place += 1
            k += 1
            lists.bounds[k] = filled
        mark_present(m, columns, members, tally, 0)
    return lists


@compiled
def mark_present(m: int, columns: Columns, members: Members, tally: Ints, mark: int) -> None:
    row = members.rows[m]
    low, high = symbols_between(columns, row, members.present[m], members.future[m])
    for i in range(columns.starts[row] + low, columns.starts[row] + high):
        tally[columns.tokens[i]] = mark
