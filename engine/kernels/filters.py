"""The candidate filters (engine.md 5.1 with D26, D27): each clears `allowed` for the patterns that it drops.

stop: the flag of a `Stop`.
"""

import numpy as np

from engine.arrays import Columns, Flags, Hashes, Ints, Texts
from engine.kernels import long_states
from engine.kernels.alignment import State, workspace
from engine.kernels.blocks import WORD, collect_hits, common_subsequence
from engine.kernels.compiler import compiled
from engine.kernels.stopping import is_set
from engine.kernels.text_similarity import Needle, joined_similarity


@compiled
def keep_lengths(starts: Ints, shortest: int, longest: int, allowed: Flags) -> None:
    """length: keeps the patterns of `shortest` to `longest` symbols."""
    for row in range(allowed.shape[0]):
        allowed[row] &= shortest <= starts[row + 1] - starts[row] <= longest


@compiled
def keep_overlaps(
    columns: Columns, in_state: Flags, state_symbols: int, overlap: int, threshold: float, allowed: Flags
) -> None:
    """jaccard. in_state: by token. state_symbols: the distinct symbols of the state, unknown ones included."""
    tokens, starts = columns.tokens, columns.starts
    last_seen = np.full(in_state.shape[0], -1, dtype=np.int64)
    for row in range(allowed.shape[0]):
        distinct, common = 0, 0
        for i in range(starts[row], starts[row + 1]):
            token = tokens[i]
            if last_seen[token] != row:
                last_seen[token] = row
                distinct += 1
                common += in_state[token]
        allowed[row] &= common >= overlap and common / (distinct + state_symbols - common) >= threshold


@compiled
def keep_similar(
    columns: Columns,
    state: State,
    longest: int,
    by_tokens: bool,
    threshold: float,
    text: Needle,
    texts: Texts,
    allowed: Flags,
    stop: Flags,
) -> None:
    """rapidfuzz: at least one equal symbol, and similar before the step of D40 in token mode."""
    tokens, starts = columns.tokens, columns.starts
    state_size, masks, first_place, places = state.size, state.masks, state.first, state.places
    scratch = workspace(longest, state_size)
    at, hit_masks, tails = scratch.at, scratch.hit_masks, scratch.by_place[0]
    for row in range(allowed.shape[0]):
        if not allowed[row]:
            continue
        if is_set(stop):
            break
        start, end = starts[row], starts[row + 1]
        if state_size <= WORD:
            hits, _ = collect_hits(tokens, start, end, masks, at, hit_masks)
            common = common_subsequence(hits, state_size, hit_masks)
        else:
            hits = long_states.collect_hits(tokens, start, end, first_place, at)
            common = long_states.common_subsequence(tokens, start, hits, first_place, places, at, tails, stop)
        similarity = 2 * common / (end - start + state_size)
        if not by_tokens:
            similarity = joined_similarity(text, texts, tokens, start, end, stop)
        allowed[row] = hits > 0 and similarity >= threshold


@compiled
def compare_signatures(
    columns: Columns, symbol_values: Hashes, state_values: Hashes, equal: Ints, allowed: Flags, stop: Flags
) -> Flags:
    """minhash, for some positions of the signature: adds to `equal` the number that agree; returns where all agree.

    symbol_values: shape (tokens, positions). state_values: shape (positions,). Returned, and `equal`: by row.
    """
    tokens, starts = columns.tokens, columns.starts
    positions = state_values.shape[0]
    agree = np.zeros(allowed.shape[0], dtype=np.bool_)
    for row in range(allowed.shape[0]):
        if not allowed[row]:
            continue
        if is_set(stop):
            break
        same = 0
        for k in range(positions):
            lowest = np.uint32(0xFFFFFFFF)
            for i in range(starts[row], starts[row + 1]):
                lowest = min(lowest, symbol_values[tokens[i], k])
            same += lowest == state_values[k]
        equal[row] += same
        agree[row] = same == positions
    return agree
