"""`engine.kernels.blocks` for states of more than 64 symbols.

Token t is at the state places places[first[t] : first[t + 1]], ascending. The time that these functions take grows with
the product of both lengths. So they look at every hit whether `stop`, the flag of a `Stop`, is set.
"""

import numpy as np

from engine.arrays import Flags, Ints, Tokens
from engine.kernels.blocks import AT, PLACE, SIZE, Window, open_window, window_at
from engine.kernels.compiler import inlined
from engine.kernels.stopping import is_set


@inlined
def collect_hits(tokens: Tokens, start: int, end: int, first: Ints, at: Ints) -> int:
    """Fill `at` for the pattern tokens[start : end]; return the number of hits."""
    hits = 0
    for i in range(start, end):
        at[hits] = i - start
        hits += first[tokens[i]] < first[tokens[i] + 1]
    return hits


@inlined
def longest_run(
    tokens: Tokens,
    start: int,
    window: Window,
    first: Ints,
    places: Ints,
    at: Ints,
    ended_by: Ints,
    lengths: Ints,
    stop: Flags,
) -> tuple[int, int, int]:
    """The longest run in the window: its first hit, first state place and size; the size is 0 if there is no run.

    ended_by, lengths: scratch, by state place: the last hit at that place, and the size of the run that it ends.
    """
    lo, hi, j0, j1 = window
    ended_by[:] = -1
    size, hit, place = 0, 0, 0
    for t in range(lo, hi):
        if is_set(stop):
            break
        token = tokens[start + at[t]]
        follows = t > lo and at[t - 1] == at[t] - 1
        # Descending, so that the place before still holds the hit before. Of equal runs the last is the smallest.
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
    stop: Flags,
) -> int:
    """Write all blocks, in the order of finding; return their number."""
    count, pending = 0, open_window(windows, 0, 0, hits, 0, state_size)
    while pending > 0 and not is_set(stop):
        pending -= 1
        window = window_at(windows, pending)
        hit, place, size = longest_run(tokens, start, window, first, places, at, ended_by, lengths, stop)
        if size > 0:
            blocks[count, AT], blocks[count, PLACE], blocks[count, SIZE] = at[hit], place, size
            count += 1
            pending = open_window(windows, pending, window.lo, hit, window.j0, place)
            pending = open_window(windows, pending, hit + size, window.hi, place + size, window.j1)
    return count


@inlined
def common_subsequence(
    tokens: Tokens, start: int, hits: int, first: Ints, places: Ints, at: Ints, tails: Ints, stop: Flags
) -> int:
    """l of 5.2, as the longest ascending chain of places (Hunt and Szymanski 1977).

    tails: scratch; tails[k] is the smallest end of a chain of k + 1 places.
    """
    length = 0
    for t in range(hits):
        if is_set(stop):
            break
        token = tokens[start + at[t]]
        for p in range(first[token + 1] - 1, first[token] - 1, -1):
            k = np.searchsorted(tails[:length], places[p])
            tails[k] = places[p]
            length = max(length, k + 1)
    return length
