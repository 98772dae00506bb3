"""How blocks divide the events of a pattern into past, present and future (engine.md 5.4, 5.5; kato-6.md 3.3)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Flags, Ints, Masks, Tokens
from engine.kernels.blocks import AT, PLACE, SIZE
from engine.kernels.compiler import inlined, part
from engine.kernels.event_ends import event_end, events_until, holds
from engine.kernels.stopping import is_set


class State(NamedTuple):
    """The encoded state: `size` symbols as tokens, and the places in the state of each token.

    masks: by token, for a state of at most 64 symbols; otherwise empty, and token t is at
        places[first[t] : first[t + 1]], ascending.
    ends: where each event of the STM ends, in symbols.
    """

    size: int
    tokens: Ints
    masks: Masks
    first: Ints
    places: Ints
    ends: Ints


class Fuzzy(NamedTuple):
    """The state places that each token t matches (5.4): places[first[t] : first[t + 1]].

    active: whether F > 0. seen: scratch, by state place.
    """

    active: bool
    first: Ints
    places: Ints
    seen: Ints


class Workspace(NamedTuple):
    """Scratch memory for one pattern at a time; `blocks`, `long_states` and `moves` say what it holds."""

    at: Ints
    hit_masks: Masks
    ends: Masks
    windows: Ints
    blocks: Ints
    by_place: Ints
    pairs: Ints


class Span(NamedTuple):
    """Where a pattern is: from `start` in the column `tokens`, from `events` in the column `ends`."""

    start: int
    length: int
    events: int
    event_count: int


class Extent(NamedTuple):
    """What blocks cover: `matched` symbols (M of 5.4), of the pattern's symbols `first` to `last` (exclusive).

    place: the place in the state of the first match.
    """

    matched: int
    first: int
    last: int
    place: int


@part
def workspace(longest: int, state_size: int) -> Workspace:
    """Scratch for patterns of at most `longest` symbols."""
    most = min(longest, state_size) + 2
    return Workspace(
        np.empty(longest + 1, dtype=np.int64),
        np.empty(longest + 1, dtype=np.uint64),
        np.empty(longest + 1, dtype=np.uint64),
        np.empty((2 * most, 4), dtype=np.int64),
        np.empty((most, 3), dtype=np.int64),
        np.empty((3, state_size), dtype=np.int64),
        np.empty((4, most), dtype=np.int64),
    )


@inlined
def extent_of(count: int, length: int, blocks: Ints) -> Extent:
    """The extent of `count` blocks in a pattern of `length` symbols: the whole pattern if there are no blocks."""
    matched, first, last, place = 0, length, 0, 0
    for b in range(count):
        matched += blocks[b, SIZE]
        last = max(last, blocks[b, AT] + blocks[b, SIZE])
        if blocks[b, AT] < first:
            first, place = blocks[b, AT], blocks[b, PLACE]
    return Extent(matched, first, last, place) if count > 0 else Extent(0, 0, length, 0)


@inlined
def fuzzy_matches(
    tokens: Tokens, start: int, end: int, row: int, first: Ints, places: Ints, seen: Ints, stop: Flags
) -> tuple[int, int]:
    """M of 5.4 and the first matched state place. seen: by state place, the last row that matched it.

    stop: the flag of a `Stop`.
    """
    matched, earliest = 0, seen.shape[0]
    for i in range(start, end):
        if is_set(stop):
            break
        for p in range(first[tokens[i]], first[tokens[i] + 1]):
            place = places[p]
            if seen[place] != row:
                seen[place] = row
                matched += 1
                earliest = min(earliest, place)
    return matched, earliest


@inlined
def split_events(tokens: Tokens, ends: Tokens, span: Span, extent: Extent, match: int) -> tuple[int, int]:
    """The numbers of the first and last (exclusive) event of present, by counts and values.

    match: the token of the first match, -1 if there is none. A last past event that holds it belongs to present (D18).
    """
    present = events_until(ends, span.events, span.event_count, extent.first)
    future = max(present, events_until(ends, span.events, span.event_count, extent.last))
    if present > 0:
        low, high = event_end(ends, span.events, present - 1), event_end(ends, span.events, present)
        if holds(tokens, span.start + low, span.start + high, match):
            present -= 1
    return present, future


@inlined
def events_around(ends: Tokens, span: Span, first: int, last: int) -> tuple[int, int]:
    """The numbers of the first and last (exclusive) event that hold symbols `first` to `last` (exclusive)."""
    present = events_until(ends, span.events, span.event_count, first + 1) - 1
    return present, events_until(ends, span.events, span.event_count, last)


@inlined
def signal_to_noise(matched: int, state_size: int) -> float:
    """snr of 5.5. M is at most S, in fuzzy mode too, so the denominator is positive."""
    unmatched = state_size - matched
    return (2 * matched - unmatched) / (2 * matched + unmatched)


@inlined
def pre_potential(matched: int, blocks: int, length: int, present_size: int, state_size: int) -> float:
    """pre of 5.6."""
    evidence = matched / length
    confidence = matched / present_size if present_size > 0 else 0.0
    unity = 1 / blocks if blocks > 0 else 0.0
    return (evidence + confidence) * signal_to_noise(matched, state_size) + unity
