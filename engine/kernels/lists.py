"""Lists of symbols for the answer: sequence, missing, extras, futures (engine.md 5.5)."""

from typing import NamedTuple

import numpy as np

from engine.kernels import Ints, Tokens, compiled, inlined
from engine.kernels.alignment import State
from engine.kernels.columns import Columns, event_end
from engine.kernels.members import Members


class Lists(NamedTuple):
    """Many lists in one: list k holds items[bounds[k] : bounds[k + 1]], owner o the lists owned[o] to owned[o + 1]."""

    items: Ints
    bounds: Ints
    owned: Ints


@compiled
def room(owned_counts: Ints, items: int) -> Lists:
    """Lists yet to be filled: per owner how many, and at most so many items in all, and one to spare."""
    owned = np.zeros(owned_counts.shape[0] + 1, dtype=np.int64)
    owned[1:] = np.cumsum(owned_counts)
    return Lists(np.empty(items + 1, dtype=np.int64), np.zeros(owned[-1] + 1, dtype=np.int64), owned)


@compiled
def event_lists(columns: Columns, rows: Ints, first: Ints) -> Lists:
    """Per row its events from number first[…] on, as tokens."""
    _, starts, event_starts, tokens, ends, _ = columns
    lists = room(event_starts[rows + 1] - event_starts[rows] - first, (starts[rows + 1] - starts[rows]).sum())
    items, bounds, owned = lists
    filled, k = 0, 0
    for o in range(rows.shape[0]):
        start, events = starts[rows[o]], event_starts[rows[o]]
        place = start + event_end(ends, events, first[o])
        for number in range(first[o], first[o] + owned[o + 1] - owned[o]):
            end = start + event_end(ends, events, number + 1)
            while place < end:
                items[filled] = tokens[place]
                filled += 1
                place += 1
            k += 1
            bounds[k] = filled
    return lists


@compiled
def match_lists(members: Members, chosen: Ints) -> Lists:
    """Per chosen member one list, its matches, as state places."""
    starts, places = members.match_starts, members.match_places
    lists = room(np.ones(chosen.shape[0], dtype=np.int64), (starts[chosen + 1] - starts[chosen]).sum())
    items, bounds, _ = lists
    for k in range(chosen.shape[0]):
        low, high = starts[chosen[k]], starts[chosen[k] + 1]
        items[bounds[k] : bounds[k] + high - low] = places[low:high]
        bounds[k + 1] = bounds[k] + high - low
    return lists


@compiled
def missing_lists(columns: Columns, members: Members, chosen: Ints, state: State, tally: Ints) -> Lists:
    """Per chosen member the symbols of its present events that are not in its matches, as tokens.

    tally: zeros by token, also for the unknown symbols of the state; left as it was.
    """
    _, starts, event_starts, tokens, ends, _ = columns
    rows, _, _, present, future, lows, highs, match_starts, match_places = members
    state_tokens = state.tokens
    lists = room(future[chosen] - present[chosen], (highs[chosen] - lows[chosen]).sum())
    items, bounds, _ = lists
    filled, k = 0, 0
    for m in chosen:
        matches = match_places[match_starts[m] : match_starts[m + 1]]
        mark(state_tokens, matches, tally, 1)
        start, events = starts[rows[m]], event_starts[rows[m]]
        place = lows[m]
        for number in range(present[m], future[m]):
            end = start + event_end(ends, events, number + 1)
            while place < end:
                items[filled] = tokens[place]
                filled += tally[tokens[place]] == 0
                place += 1
            k += 1
            bounds[k] = filled
        mark(state_tokens, matches, tally, 0)
    return lists


@compiled
def extra_lists(columns: Columns, members: Members, chosen: Ints, state: State, stm_ends: Ints, tally: Ints) -> Lists:
    """Per chosen member the state places of each STM event whose symbol is not in present.

    stm_ends: the ends of the STM's events. tally: as for `missing_lists`.
    """
    tokens, state_tokens, lows, highs = columns.tokens, state.tokens, members.low, members.high
    lists = room(np.full(chosen.shape[0], stm_ends.shape[0]), chosen.shape[0] * state.size)
    items, bounds, _ = lists
    filled, k = 0, 0
    for m in chosen:
        mark_between(tokens, lows[m], highs[m], tally, 1)
        place = 0
        for end in stm_ends:
            while place < end:
                items[filled] = place
                filled += tally[state_tokens[place]] == 0
                place += 1
            k += 1
            bounds[k] = filled
        mark_between(tokens, lows[m], highs[m], tally, 0)
    return lists


@inlined
def mark(state_tokens: Ints, places: Ints, tally: Ints, value: int) -> None:
    for place in places:
        tally[state_tokens[place]] = value


@inlined
def mark_between(tokens: Tokens, low: int, high: int, tally: Ints, value: int) -> None:
    for place in range(low, high):
        tally[tokens[place]] = value
