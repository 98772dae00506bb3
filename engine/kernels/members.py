"""Aligning the members of an ensemble with the state (engine.md 5.4, 5.5; kato-6.md 3.3)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Flags, Ints
from engine.kernels import long_states
from engine.kernels.alignment import (
    Fuzzy,
    Span,
    State,
    events_around,
    extent_of,
    fuzzy_matches,
    split_events,
    workspace,
)
from engine.kernels.blocks import (
    NONE,
    PLACE,
    SIZE,
    WORD,
    collect_hits,
    find_blocks,
    first_run,
    order_blocks,
    write_singles,
)
from engine.kernels.compiler import compiled, inlined
from engine.kernels.event_ends import event_end
from engine.kernels.moves import AT_PLACE, AT_POSITION, event_of_single, list_pairs, may_move, settle
from engine.kernels.stopping import is_set


class Members(NamedTuple):
    """The aligned members, in ensemble order.

    rows: in the columns of the index. matched: M (5.4). blocks: their number.
    present, future: the number of the first event of each.
    low, high: present is tokens[low : high].
    match_places: the state places that match; member m has match_places[match_starts[m] : match_starts[m + 1]].
    match_positions: the place in the pattern of each; of use only where they are asked for, and without fuzzy matching.
    """

    rows: Ints
    matched: Ints
    blocks: Ints
    present: Ints
    future: Ints
    low: Ints
    high: Ints
    match_starts: Ints
    match_places: Ints
    match_positions: Ints


@compiled
def align_members(columns: Columns, rows: Ints, state: State, fuzzy: Fuzzy, by_position: bool, stop: Flags) -> Members:
    """The patterns of these rows as members, for a state of two or more symbols.

    by_position: divide them by matched positions, if they do not match fuzzily. stop: the flag of a `Stop`.
    """
    starts, event_starts, tokens, ends = columns.starts, columns.event_starts, columns.tokens, columns.ends
    state_size, state_tokens, masks, stm_ends = state.size, state.tokens, state.masks, state.ends
    first_place, places = state.first, state.places
    is_fuzzy, fuzzy_first, fuzzy_places, seen = fuzzy.active, fuzzy.first, fuzzy.places, fuzzy.seen
    count = rows.shape[0]
    longest, capacity = np.int64(0), np.int64(0)
    for row in rows:
        length = starts[row + 1] - starts[row]
        longest = max(longest, length)
        capacity += state_size if is_fuzzy else min(length, state_size)
    scratch = workspace(int(longest), state_size)
    at, hit_masks, run_ends = scratch.at, scratch.hit_masks, scratch.ends
    windows, blocks, by_place, pairs_found = scratch.windows, scratch.blocks, scratch.by_place, scratch.pairs
    by_position = by_position and not is_fuzzy
    sizes, block_count, present, future, low, high = np.empty((6, count), dtype=np.int64)
    match_starts = np.zeros(count + 1, dtype=np.int64)
    match_places = np.empty(capacity, dtype=np.int64)
    match_positions = np.empty(capacity if by_position else 0, dtype=np.int64)
    seen[:] = -1
    for m in range(count):
        if is_set(stop):
            break
        row = rows[m]
        start, end = starts[row], starts[row + 1]
        if state_size <= WORD:
            hits, pairs = collect_hits(tokens, start, end, masks, at, hit_masks)
            if pairs == NONE:
                found = write_singles(hits, at, hit_masks, blocks)
            else:
                run = first_run(hits, state_size, at, hit_masks, run_ends)
                found = find_blocks(run, hits, state_size, at, hit_masks, run_ends, windows, blocks)
        else:
            hits = long_states.collect_hits(tokens, start, end, first_place, at)
            found = long_states.find_blocks(
                tokens,
                start,
                hits,
                state_size,
                first_place,
                places,
                at,
                by_place[0],
                by_place[1],
                windows,
                blocks,
                stop,
            )
        events = event_starts[row]
        span = Span(start, end - start, events, event_starts[row + 1] - events)
        if by_position:
            order_blocks(found, blocks, stop)
            matched = list_pairs(found, blocks, pairs_found)
            if state_size > WORD or may_move(pairs_found, matched, hits, at, hit_masks, state_size):
                settle(tokens, ends, span, state_tokens, stm_ends, pairs_found, matched, stop)
            first = pairs_found[AT_POSITION, 0] if matched > 0 else 0
            last = pairs_found[AT_POSITION, matched - 1] + 1 if matched > 0 else span.length
            present[m], future[m] = events_around(ends, span, first, last)
        else:
            extent = extent_of(found, end - start, blocks)
            matched, place = extent.matched, extent.place
            if is_fuzzy:
                matched, place = fuzzy_matches(tokens, start, end, row, fuzzy_first, fuzzy_places, seen, stop)
            match = state_tokens[place] if matched > 0 else -1
            present[m], future[m] = split_events(tokens, ends, span, extent, match)
        low[m] = start + event_end(ends, events, present[m])
        high[m] = start + event_end(ends, events, future[m])
        block_count[m] = found
        if by_position:
            first_match = match_starts[m]
            match_starts[m + 1] = first_match + matched
            for p in range(matched):
                match_places[first_match + p] = pairs_found[AT_PLACE, p]
                match_positions[first_match + p] = pairs_found[AT_POSITION, p]
        elif is_fuzzy:
            match_starts[m + 1] = list_fuzzy_matches(row, seen, match_starts[m], match_places)
        else:
            match_starts[m + 1] = list_matches(found, blocks, match_starts[m], match_places, stop)
        sizes[m] = match_starts[m + 1] - match_starts[m]
    return Members(
        rows,
        sizes,
        block_count,
        present,
        future,
        low,
        high,
        match_starts,
        match_places,
        match_positions,
    )


@compiled
def align_single(columns: Columns, rows: Ints, token: int, anywhere: bool, by_position: bool) -> Members:
    """`align_members` for a state of one symbol: it matches the first symbol of a pattern or, `anywhere`, another."""
    starts, event_starts, tokens, ends = columns.starts, columns.event_starts, columns.tokens, columns.ends
    count = rows.shape[0]
    ones, places = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    present, low, high, positions = np.zeros((4, count), dtype=np.int64)
    for m in range(count):
        start, events = starts[rows[m]], event_starts[rows[m]]
        if anywhere:
            span = Span(start, starts[rows[m] + 1] - start, events, event_starts[rows[m] + 1] - events)
            present[m] = event_of_single(tokens, ends, span, token, by_position)
        low[m] = start + event_end(ends, events, present[m])
        high[m] = start + event_end(ends, events, present[m] + 1)
        positions[m] = low[m] - start
        while tokens[start + positions[m]] != token:
            positions[m] += 1
    return Members(rows, ones, ones, present, present + 1, low, high, np.arange(count + 1), places, positions)


@inlined
def list_matches(count: int, blocks: Ints, end: int, match_places: Ints, stop: Flags) -> int:
    """Append the state places of the blocks, ascending, at `end`; return the new end."""
    order_blocks(count, blocks, stop)
    for b in range(count):
        for k in range(blocks[b, SIZE]):
            match_places[end] = blocks[b, PLACE] + k
            end += 1
    return end


@inlined
def list_fuzzy_matches(row: int, seen: Ints, end: int, match_places: Ints) -> int:
    """Append the state places that the row matches, ascending, at `end`; return the new end."""
    for place in range(seen.shape[0]):
        if seen[place] == row:
            match_places[end] = place
            end += 1
    return end
