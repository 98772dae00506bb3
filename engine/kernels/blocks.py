"""Blocks and longest common subsequence of one pattern and the state (engine.md 5.2, 5.3).

Both need only the pattern's *hits*, the tokens that occur in the state; `at` holds their places in the pattern. For a
state of at most 64 symbols every token has a 64-bit mask of its places in the state (`masks`, by token). The functions
work on whole masks; `hit_masks` holds those of the hits. `engine.kernels.long_states` does the same for longer states.

The functions take plain arrays, because reading an array from a tuple inside a loop costs more than the loop itself.
Numbers may come in tuples at no cost.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Flags, Ints, Masks, Tokens
from engine.kernels.bits import bit_count, lowest_bit
from engine.kernels.compiler import inlined
from engine.kernels.stopping import is_set

WORD = 64
"""The longest state that fits into one mask."""

AT, PLACE, SIZE = range(3)
"""The columns of `blocks`: where a block starts in the pattern, where in the state, how many symbols it has."""

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
NONE = np.uint64(0)


class FirstRun(NamedTuple):
    """The longest run of a pattern: its first hit, its first place in the state, its size.

    further: a bound of its `further_matches`.
    """

    hit: int
    place: int
    size: int
    further: int


class Window(NamedTuple):
    """Where to search for a run: among hits lo to hi (exclusive) and state places j0 to j1 (exclusive)."""

    lo: int
    hi: int
    j0: int
    j1: int


@inlined
def places_between(low: int, high: int) -> np.uint64:
    """The mask of the state places low to high (exclusive); low < high."""
    return (ALL >> np.uint64(WORD - (high - low))) << np.uint64(low)


@inlined
def collect_hits(
    tokens: Tokens, start: int, end: int, masks: Masks, at: Ints, hit_masks: Masks
) -> tuple[int, np.uint64]:
    """Fill `at` and `hit_masks` for the pattern tokens[start : end]; return the number of hits, and the pairs.

    pairs: the mask of the state places where a run of two symbols ends. Most patterns have none.
    """
    hits, pairs, before = 0, NONE, NONE
    for i in range(start, end):
        mask = masks[tokens[i]]
        at[hits] = i - start
        hit_masks[hits] = mask
        pairs |= mask & (before << ONE)
        hits += mask != NONE
        before = mask
    return hits, pairs


@inlined
def count_singles(hits: int, at: Ints, hit_masks: Masks) -> tuple[int, int]:
    """The number of blocks of a pattern without pairs, and the end of the last one in the pattern.

    All its runs are single symbols. The first hit is the first block. The next block is the next hit that has a state
    place after that of the block before; it takes the smallest such place.
    """
    count, last, free = 0, 0, ALL
    for t in range(hits):
        places = hit_masks[t] & free
        smallest = places & (NONE - places)
        free = free if places == NONE else NONE - (smallest << ONE)
        last = last if places == NONE else at[t] + 1
        count += places != NONE
    return count, last


@inlined
def write_singles(hits: int, at: Ints, hit_masks: Masks, blocks: Ints) -> int:
    """`find_blocks` for a pattern without pairs; returns the number of blocks."""
    count, free = 0, ALL
    for t in range(hits):
        places = hit_masks[t] & free
        if places != NONE:
            place = lowest_bit(places)
            blocks[count, AT], blocks[count, PLACE], blocks[count, SIZE] = at[t], place, 1
            count += 1
            free = (ALL << np.uint64(place)) << ONE
    return count


@inlined
def longest_run(lo: int, hi: int, window: np.uint64, at: Ints, hit_masks: Masks, ends: Masks) -> tuple[int, int, int]:
    """The longest run of hits lo to hi (exclusive) at the state places in `window`: first hit, first place, size.

    Ties: the smallest place in the pattern, then in the state. The size is 0 if there is no run.
    ends: scratch; by hit, the mask of the state places where runs of the current size end.
    """
    size, hit, last = 0, -1, NONE
    for t in range(lo, hi):
        ends[t] = hit_masks[t] & window
        if hit < 0 and ends[t] != NONE:
            size, hit, last = 1, t, ends[t]
    longer = hit
    while longer >= 0:
        # In place, from the runs of `size` symbols to those of one more; `longer` is the first of these.
        longer = -1
        for t in range(hi - 1, hit, -1):
            ends[t] &= (ends[t - 1] << ONE) if at[t] == at[t - 1] + 1 else NONE
            if ends[t] != NONE:
                longer = t
        ends[hit] = NONE
        if longer >= 0:
            size, hit, last = size + 1, longer, ends[longer]
    return hit - size + 1, lowest_bit(last) - size + 1, size


@inlined
def further_matches(hit: int, place: int, size: int, hits: int, state_size: int, hit_masks: Masks) -> int:
    """An upper bound of the hits that match beside the longest run: on each side, those that have a place there.

    If it is 0, the run is the only block.
    """
    before, after = 0, 0
    if place > 0:
        earlier = places_between(0, place)
        for t in range(hit):
            before += (hit_masks[t] & earlier) != NONE
    if place + size < state_size:
        later = places_between(place + size, state_size)
        for t in range(hit + size, hits):
            after += (hit_masks[t] & later) != NONE
    return min(before, place) + min(after, state_size - place - size)


@inlined
def first_run(hits: int, state_size: int, at: Ints, hit_masks: Masks, ends: Masks) -> FirstRun:
    """The longest run of all hits, of which there are some."""
    hit, place, size = longest_run(0, hits, places_between(0, state_size), at, hit_masks, ends)
    return FirstRun(hit, place, size, further_matches(hit, place, size, hits, state_size, hit_masks))


@inlined
def open_window(windows: Ints, pending: int, lo: int, hi: int, j0: int, j1: int) -> int:
    """Remember to search a window, unless it is empty; returns how many are pending."""
    windows[pending, 0] = lo
    windows[pending, 1] = hi
    windows[pending, 2] = j0
    windows[pending, 3] = j1
    return pending + (lo < hi and j0 < j1)


@inlined
def window_at(windows: Ints, number: int) -> Window:
    return Window(windows[number, 0], windows[number, 1], windows[number, 2], windows[number, 3])


@inlined
def find_blocks(
    run: FirstRun,
    hits: int,
    state_size: int,
    at: Ints,
    hit_masks: Masks,
    ends: Masks,
    windows: Ints,
    blocks: Ints,
) -> int:
    """Write all blocks, in the order of finding; returns how many.

    Blocks never touch, so there is nothing to join: each is maximal in its window, and a window ends at a block.
    """
    hit, place, size, further = run
    window = Window(0, hits, 0, state_size)
    count, pending = 0, 0
    while True:
        if size > 0:
            blocks[count, AT], blocks[count, PLACE], blocks[count, SIZE] = at[hit], place, size
            count += 1
            pending = open_window(windows, pending, window.lo, hit, window.j0, place)
            pending = open_window(windows, pending, hit + size, window.hi, place + size, window.j1)
        if pending == 0 or further == 0:
            return count
        pending -= 1
        window = window_at(windows, pending)
        places = places_between(window.j0, window.j1)
        hit, place, size = longest_run(window.lo, window.hi, places, at, hit_masks, ends)


@inlined
def order_blocks(count: int, blocks: Ints, stop: Flags) -> None:
    """Sort the blocks by place, which sorts them by position, too."""
    for b in range(1, count):
        if is_set(stop):
            break
        while b > 0 and blocks[b, PLACE] < blocks[b - 1, PLACE]:
            for k in (AT, PLACE, SIZE):
                blocks[b, k], blocks[b - 1, k] = blocks[b - 1, k], blocks[b, k]
            b -= 1


@inlined
def common_subsequence(hits: int, state_size: int, hit_masks: Masks) -> int:
    """l of 5.2, bit-parallel (Hyyrö 2004): each state place that ends a longer subsequence is cleared in `word`."""
    places = places_between(0, state_size)
    word = places
    for t in range(hits):
        common = word & hit_masks[t]
        word = ((word + common) | (word - common)) & places
    return state_size - int(bit_count(word))
