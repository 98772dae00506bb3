"""`engine.kernels.blocks` for states of more than 64 symbols.

The state lists the places of each token: places[first[token] : first[token + 1]], ascending.
"""

import numpy as np

from engine.arrays import Ints, Tokens
from engine.kernels.blocks import open_window
from engine.kernels.compiler import inlined


@inlined
def collect_hits(tokens: Tokens, start: int, end: int, first: Ints, at: Ints) -> int:
    hits = 0
    for i in range(start, end):
        at[hits] = i - start
        hits += first[tokens[i]] < first[tokens[i] + 1]
    return hits


@inlined
def longest_run(
    tokens: Tokens,
    start: int,
    lo: int,
    hi: int,
    j0: int,
    j1: int,
    first: Ints,
    places: Ints,
    at: Ints,
    ended_by: Ints,
    lengths: Ints,
) -> tuple[int, int, int]:
    """lengths[j]: the run that ends at state place j, valid for the hit ended_by[j]; both scratch by state place."""
    ended_by[:] = -1
    size, hit, place = 0, 0, 0
    for t in range(lo, hi):
        token = tokens[start + at[t]]
        follows = t > lo and at[t - 1] == at[t] - 1
        # Descending, so that the place before still tells of the hit before; of equals the last is the smallest.
        for p in range(first[token + 1] - 1, first[token] - 1, -1):
            j = places[p]
            if j0 <= j < j1:
                run = lengths[j - 1] + 1 if follows and j > j0 and ended_by[j - 1] == t - 1 else 1
                ended_by[j], lengths[j] = t, run
                if run > size or (run == size and t - run + 1 == hit):
                    size, hit, place = run, t - run + 1, j - run + 1
    return hit, place, size


@inlined
def find_blocks(
    tokens: Tokens,
    start: int,
    hits: int,
    state_size: int,
    first: Ints,
    places: Ints,
    at: Ints,
    ended_by: Ints,
    lengths: Ints,
    windows: Ints,
    blocks: Ints,
) -> int:
    count, pending = 0, open_window(windows, 0, 0, hits, 0, state_size)
    while pending > 0:
        pending -= 1
        lo, hi, j0, j1 = windows[pending, 0], windows[pending, 1], windows[pending, 2], windows[pending, 3]
        hit, place, size = longest_run(tokens, start, lo, hi, j0, j1, first, places, at, ended_by, lengths)
        if size > 0:
            blocks[count, 0] = at[hit]
            blocks[count, 1] = place
            blocks[count, 2] = size
            count += 1
            pending = open_window(windows, pending, lo, hit, j0, place)
            pending = open_window(windows, pending, hit + size, hi, place + size, j1)
    return count


@inlined
def common_subsequence(tokens: Tokens, start: int, hits: int, first: Ints, places: Ints, at: Ints, tails: Ints) -> int:
    """l of 5.2 as the longest ascending chain of places: tails[k] is the smallest end of a chain of k + 1."""
    length = 0
    for t in range(hits):
        token = tokens[start + at[t]]
        for p in range(first[token + 1] - 1, first[token] - 1, -1):
            k = np.searchsorted(tails[:length], places[p])
            tails[k] = places[p]
            length = max(length, k + 1)
    return length
