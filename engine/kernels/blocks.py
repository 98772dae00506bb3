"""Blocks and longest common subsequence of one pattern and the state (engine.md 5.2, 5.3).

Both need only the pattern's *hits*: its tokens that occur in the state at all, `at` their places in the pattern. A
state of at most 64 symbols gives every token a 64-bit mask of its places in the state (`masks`, by token) and the work
is done on whole masks, `hit_masks` being those of the hits. `engine.kernels.listed` does the same for longer states.

The helpers take plain arrays: reading one from a tuple inside a loop costs more there than the loop itself.
"""

import numpy as np

from engine.arrays import Ints, Masks, Tokens
from engine.kernels.bits import bit_count, lowest_bit
from engine.kernels.compiler import inlined

WORD = 64
"""The longest state that fits into one mask."""

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
NONE = np.uint64(0)


@inlined
def places_between(low: int, high: int) -> np.uint64:
    """The mask of places low to high (exclusive) of the state; low < high."""
    return (ALL >> np.uint64(WORD - (high - low))) << np.uint64(low)


@inlined
def collect_hits(
    tokens: Tokens, start: int, end: int, masks: Masks, at: Ints, hit_masks: Masks
) -> tuple[int, np.uint64]:
    """Fill `at` and `hit_masks` for the pattern at tokens[start : end]; answers how many hits, and pairs.

    pairs: the state places where a run of two symbols ends. Most patterns have none.
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
    """How many blocks a pattern without pairs has, and the end of the last one in the pattern.

    All runs being single symbols, the first hit is the first block, and each next one the first hit that has a state
    place after that of the block before, the smallest such.
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
    """`find_blocks` for a pattern without pairs."""
    count, free = 0, ALL
    for t in range(hits):
        places = hit_masks[t] & free
        if places != NONE:
            place = lowest_bit(places)
            blocks[count, 0] = at[t]
            blocks[count, 1] = place
            blocks[count, 2] = 1
            count += 1
            free = (ALL << np.uint64(place)) << ONE
    return count


@inlined
def longest_run(lo: int, hi: int, window: np.uint64, at: Ints, hit_masks: Masks, ends: Masks) -> tuple[int, int, int]:
    """The longest run among hits lo to hi and the state places in `window`: its first hit, state place and size.

    Ties: smallest place in the pattern, then in the state. Size 0 if there is none. ends: scratch; by hit, where runs
    of the size in question end.
    """
    size, hit, last = 0, -1, NONE
    for t in range(lo, hi):
        ends[t] = hit_masks[t] & window
        if hit < 0 and ends[t] != NONE:
            size, hit, last = 1, t, ends[t]
    longer = hit
    while longer >= 0:
        # From the runs of `size` symbols to those of one more, in place; `longer` is the first of them.
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
    """How many hits could at most be matched beside the longest run: those before it, or after it, on both sides.

    If there is none, the run is the only block.
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
def first_run(hits: int, state_size: int, at: Ints, hit_masks: Masks, ends: Masks) -> tuple[int, int, int, int]:
    """`longest_run` of all hits, of which there are some, and a bound of its `further_matches`."""
    hit, place, size = longest_run(0, hits, places_between(0, state_size), at, hit_masks, ends)
    return hit, place, size, further_matches(hit, place, size, hits, state_size, hit_masks)


@inlined
def open_window(windows: Ints, pending: int, lo: int, hi: int, j0: int, j1: int) -> int:
    """Remember to search hits lo to hi and state places j0 to j1, if there are any; answers how many are pending."""
    windows[pending, 0] = lo
    windows[pending, 1] = hi
    windows[pending, 2] = j0
    windows[pending, 3] = j1
    return pending + (lo < hi and j0 < j1)


@inlined
def find_blocks(
    hit: int,
    place: int,
    size: int,
    further: int,
    hits: int,
    state_size: int,
    at: Ints,
    hit_masks: Masks,
    ends: Masks,
    windows: Ints,
    blocks: Ints,
) -> int:
    """Write all blocks, given the longest run and a bound of its `further_matches`; answers their number.

    blocks: rows of place in the pattern, place in the state, size; in the order of finding. They never touch, so there
    is nothing to join: each is maximal in its window, and a window ends at a block.
    """
    lo, hi, j0, j1 = 0, hits, 0, state_size
    count, pending = 0, 0
    while True:
        if size > 0:
            blocks[count, 0] = at[hit]
            blocks[count, 1] = place
            blocks[count, 2] = size
            count += 1
            pending = open_window(windows, pending, lo, hit, j0, place)
            pending = open_window(windows, pending, hit + size, hi, place + size, j1)
        if pending == 0 or further == 0:
            return count
        pending -= 1
        lo, hi, j0, j1 = windows[pending, 0], windows[pending, 1], windows[pending, 2], windows[pending, 3]
        hit, place, size = longest_run(lo, hi, places_between(j0, j1), at, hit_masks, ends)


@inlined
def common_subsequence(hits: int, state_size: int, hit_masks: Masks) -> int:
    """l of 5.2, bit-parallel: every place of the state that ends a longer subsequence is cleared."""
    places = places_between(0, state_size)
    word = places
    for t in range(hits):
        common = word & hit_masks[t]
        word = ((word + common) | (word - common)) & places
    return state_size - int(bit_count(word))
