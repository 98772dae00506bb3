"""Blocks and longest common subsequence of one pattern and the state (engine.md 5.2, 5.3).

Both need only the pattern's *hits*: its tokens that occur in the state at all, `at` their places in the pattern. A
state of at most 64 symbols gives every token a 64-bit mask of its places in the state (`masks`, by token) and the work
is done on whole masks. A longer state lists the places of a token instead: `places[first[token] : first[token + 1]]`,
ascending.
"""

from typing import NamedTuple

import numpy as np

from engine.kernels import Ints, Masks, Tokens, compiled
from engine.kernels.bits import bit_count, lowest_bit

WORD = 64
"""The longest state that fits into one mask."""

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


class State(NamedTuple):
    """The encoded state: `size` symbols as tokens; `masks` if it fits into a word, else `first` and `places`."""

    size: int
    tokens: Ints
    masks: Masks
    first: Ints
    places: Ints


class Workspace(NamedTuple):
    """Scratch memory for one pattern at a time.

    at, masks, runs: by hit. windows: (pending, 4), a stack of hit ranges and state ranges. blocks: (found, 3), rows of
    place in the pattern, place in the state, size; in the order of finding. row, lengths, tails: by place in the state.
    """

    at: Ints
    masks: Masks
    runs: Masks
    windows: Ints
    blocks: Ints
    row: Ints
    lengths: Ints
    tails: Ints


@compiled
def workspace(longest: int, state_size: int) -> Workspace:
    """Scratch for patterns of at most `longest` symbols."""
    most = min(longest, state_size) + 2
    listed = state_size + 1 if state_size > WORD else 0
    return Workspace(
        at=np.empty(longest + 1, dtype=np.int64),
        masks=np.empty(longest + 1, dtype=np.uint64),
        runs=np.empty(longest + 1, dtype=np.uint64),
        windows=np.empty((2 * most, 4), dtype=np.int64),
        blocks=np.empty((most, 3), dtype=np.int64),
        row=np.full(listed, -2, dtype=np.int64),
        lengths=np.zeros(listed, dtype=np.int64),
        tails=np.empty(listed, dtype=np.int64),
    )


@compiled
def collect_hits(tokens: Tokens, start: int, length: int, state: State, work: Workspace) -> int:
    """Fill `at` (and `masks`) for the pattern at tokens[start : start + length]; answers the number of hits."""
    hits = 0
    if state.size <= WORD:
        for i in range(length):
            mask = state.masks[tokens[start + i]]
            work.at[hits] = i
            work.masks[hits] = mask
            hits += mask != 0
    else:
        for i in range(length):
            token = tokens[start + i]
            work.at[hits] = i
            hits += state.first[token] < state.first[token + 1]
    return hits


@compiled
def between(low: int, high: int) -> np.uint64:
    """The mask of places low to high (exclusive) of the state; low < high."""
    return (ALL >> np.uint64(WORD - (high - low))) << np.uint64(low)


@compiled
def longest_masked_run(lo: int, hi: int, window: np.uint64, work: Workspace) -> tuple[int, int, int]:
    """`longest_run` for a short state; `window` is the mask of the state places to search."""
    at, masks, runs = work.at, work.masks, work.runs
    size, hit, ends = 0, -1, np.uint64(0)
    for t in range(lo, hi):
        runs[t] = masks[t] & window
        if hit < 0 and runs[t] != 0:
            size, hit, ends = 1, t, runs[t]
    found = hit >= 0
    while found:
        # From the ends of runs of `size` symbols to those of one more, in place.
        found = False
        for t in range(hi - 1, hit, -1):
            runs[t] &= (runs[t - 1] << ONE) if at[t] == at[t - 1] + 1 else np.uint64(0)
            if runs[t] != 0:
                found = True
                best, best_ends = t, runs[t]
        runs[hit] = np.uint64(0)
        if found:
            size, hit, ends = size + 1, best, best_ends
    return hit - size + 1, lowest_bit(ends) - size + 1, size


@compiled
def longest_listed_run(
    tokens: Tokens, start: int, lo: int, hi: int, j0: int, j1: int, state: State, work: Workspace
) -> tuple[int, int, int]:
    """`longest_run` for a long state. lengths[j] is the run that ends at place j, valid for the hit row[j]."""
    row, lengths = work.row, work.lengths
    size, hit, place = 0, 0, 0
    for t in range(lo, hi):
        i = work.at[t]
        token = tokens[start + i]
        follows = t > lo and work.at[t - 1] == i - 1
        for p in range(state.first[token + 1] - 1, state.first[token] - 1, -1):
            j = state.places[p]
            if j < j0 or j >= j1:
                continue
            run = 1
            if follows and j > j0 and row[j - 1] == t - 1:
                run = lengths[j - 1] + 1
            row[j], lengths[j] = t, run
            # Places come in descending order: among equals of this hit the last is the smallest.
            if run > size or (run == size and t == hit + size - 1):
                size, hit, place = run, t - run + 1, j - run + 1
    for t in range(lo, hi):
        token = tokens[start + work.at[t]]
        for p in range(state.first[token], state.first[token + 1]):
            row[state.places[p]] = -2
    return hit, place, size


@compiled
def longest_run(
    tokens: Tokens, start: int, lo: int, hi: int, j0: int, j1: int, state: State, work: Workspace
) -> tuple[int, int, int]:
    """The longest run among hits lo to hi within state places j0 to j1 (both not empty): first hit, place, size.

    Ties: smallest place in the pattern, then in the state. Size 0 if there is none.
    """
    if state.size <= WORD:
        return longest_masked_run(lo, hi, between(j0, j1), work)
    return longest_listed_run(tokens, start, lo, hi, j0, j1, state, work)


@compiled
def open_window(windows: Ints, pending: int, lo: int, hi: int, j0: int, j1: int) -> int:
    """Remember to search hits lo to hi within state places j0 to j1, if there are any; answers the stack's new size."""
    if lo >= hi or j0 >= j1:
        return pending
    windows[pending, 0], windows[pending, 1], windows[pending, 2], windows[pending, 3] = lo, hi, j0, j1
    return pending + 1


@compiled
def blocks_around(
    hit: int, place: int, size: int, tokens: Tokens, start: int, hits: int, state: State, work: Workspace
) -> int:
    """Write all blocks, given the longest run of all; answers their number.

    Blocks never touch, so there is nothing to join: each is maximal in its window, and a window ends at a block.
    """
    windows, blocks = work.windows, work.blocks
    lo, hi, j0, j1 = 0, hits, 0, state.size
    count, pending = 0, 0
    while True:
        if size > 0:
            blocks[count, 0], blocks[count, 1], blocks[count, 2] = work.at[hit], place, size
            count += 1
            pending = open_window(windows, pending, lo, hit, j0, place)
            pending = open_window(windows, pending, hit + size, hi, place + size, j1)
        if pending == 0:
            return count
        pending -= 1
        lo, hi, j0, j1 = windows[pending, 0], windows[pending, 1], windows[pending, 2], windows[pending, 3]
        hit, place, size = longest_run(tokens, start, lo, hi, j0, j1, state, work)


@compiled
def subsequence_by_mask(hits: int, state: State, work: Workspace) -> int:
    """Length of the longest common subsequence, bit-parallel: a zero for every place of the state that ends one."""
    places = between(0, state.size)
    word = places
    for t in range(hits):
        common = word & work.masks[t]
        word = ((word + common) | (word - common)) & places
    return state.size - bit_count(word)


@compiled
def subsequence_by_list(tokens: Tokens, start: int, hits: int, state: State, work: Workspace) -> int:
    """Longest strictly increasing chain of places: tails[k] is the smallest end of a chain of k + 1 (Hunt–Szymanski)."""
    tails = work.tails
    length = 0
    for t in range(hits):
        token = tokens[start + work.at[t]]
        for p in range(state.first[token + 1] - 1, state.first[token] - 1, -1):
            j = state.places[p]
            k = np.searchsorted(tails[:length], j)
            tails[k] = j
            length = max(length, k + 1)
    return length


@compiled
def common_subsequence(tokens: Tokens, start: int, hits: int, state: State, work: Workspace) -> int:
    """l of 5.2 in token mode."""
    if state.size <= WORD:
        return subsequence_by_mask(hits, state, work)
    return subsequence_by_list(tokens, start, hits, state, work)
