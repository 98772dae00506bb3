"""Where the blocks of a pattern put its events: past, present, future (engine.md 5.4, 5.5)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Ints, Masks, Tokens
from engine.kernels.compiler import compiled, inlined
from engine.kernels.event_ends import event_end, events_until, holds


class State(NamedTuple):
    """The encoded state: `size` symbols as tokens; `masks` if it fits into a word, else `first` and `places`."""

    size: int
    tokens: Ints
    masks: Masks
    first: Ints
    places: Ints


class Fuzzy(NamedTuple):
    """Which state places each token matches (5.4): places[first[token] : first[token + 1]]; `active` if F > 0.

    seen: scratch by state place.
    """

    active: bool
    first: Ints
    places: Ints
    seen: Ints


class Workspace(NamedTuple):
    """Scratch memory for one pattern at a time; see the functions of `blocks` and `listed`."""

    at: Ints
    hit_masks: Masks
    ends: Masks
    windows: Ints
    blocks: Ints
    by_place: Ints


@compiled
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
    )


@inlined
def extent(count: int, length: int, blocks: Ints) -> tuple[int, int, int, int]:
    """M; first and last (exclusive) symbol that the blocks cover, all if there are none; first state place matched."""
    matched, first, last, place = 0, length, 0, 0
    for b in range(count):
        matched += blocks[b, 2]
        last = max(last, blocks[b, 0] + blocks[b, 2])
        if blocks[b, 0] < first:
            first, place = blocks[b, 0], blocks[b, 1]
    return (matched, first, last, place) if count > 0 else (0, 0, length, 0)


@inlined
def fuzzy_matches(
    tokens: Tokens, start: int, end: int, row: int, first: Ints, places: Ints, seen: Ints
) -> tuple[int, int]:
    """M of 5.4 and the first state place that is matched; `seen` holds the row where one is."""
    matched, earliest = 0, seen.shape[0]
    for i in range(start, end):
        for p in range(first[tokens[i]], first[tokens[i] + 1]):
            place = places[p]
            if seen[place] != row:
                seen[place] = row
                matched += 1
                earliest = min(earliest, place)
    return matched, earliest


@inlined
def split_events(
    tokens: Tokens, start: int, ends: Tokens, events: int, count: int, first: int, last: int, match: int
) -> tuple[int, int]:
    """The numbers of the first and last (exclusive) event of present, for blocks that cover symbols first to last.

    events, count: where the ends of the pattern's events begin in the column `ends`, and how many there are.
    match: the token of the first match, -1 if there is none. A last past event that holds it belongs to present (D18).
    """
    present = events_until(ends, events, count, first)
    future = max(present, events_until(ends, events, count, last))
    if present > 0:
        low, high = event_end(ends, events, present - 1), event_end(ends, events, present)
        if holds(tokens, start + low, start + high, match):
            present -= 1
    return present, future


@inlined
def signal_to_noise(matched: int, state_size: int) -> float:
    """snr of 5.5. In fuzzy mode too M is at most S, so that the denominator is positive."""
    unmatched = state_size - matched
    return (2 * matched - unmatched) / (2 * matched + unmatched)


@inlined
def pre_potential(matched: int, blocks: int, length: int, present_size: int, state_size: int) -> float:
    """pre of 5.6."""
    evidence = matched / length
    confidence = matched / present_size if present_size > 0 else 0.0
    unity = 1 / blocks if blocks > 0 else 0.0
    return (evidence + confidence) * signal_to_noise(matched, state_size) + unity
