"""The ensemble: every pattern is a candidate, the best are kept (engine.md 5.1, 5.2, 5.6).

A pattern is left out early only if it provably fails the threshold or cannot enter a full ensemble: its hits bound the
longest common subsequence, and with its longest run they bound the blocks. Everything that is kept is exact.
"""

from typing import NamedTuple

import numpy as np

from engine.kernels import Flags, Floats, Ints, compiled
from engine.kernels.alignment import Fuzzy, align, pre_potential, signal_to_noise
from engine.kernels.blocks import (
    WORD,
    State,
    Workspace,
    between,
    blocks_around,
    collect_hits,
    common_subsequence,
    longest_run,
    workspace,
)
from engine.kernels.columns import Columns
from engine.kernels.domain import weight_of
from engine.kernels.leaders import DECIMALS, Leaders, offer, sort_leaders
from engine.kernels.text import Needle, Texts, joined_similarity

SLACK = 1e-9
"""Added to upper bounds, which are not computed in the same steps as the values they bound."""


class Recall(NamedTuple):
    """What a candidate must reach. least: by pattern length the smallest l that can reach the threshold."""

    threshold: float
    by_tokens: bool
    least: Ints
    filtered: bool
    allowed: Flags


@compiled
def token_similarity(common: int, length: int, state_size: int) -> float:
    return 2 * common / (length + state_size) * 100 / 100


@compiled
def least_common(longest: int, state_size: int, threshold: float) -> Ints:
    """By pattern length up to `longest` the smallest l with which a candidate stays (5.2); at least 1 if T > 0."""
    least = np.empty(longest + 1, dtype=np.int64)
    for length in range(longest + 1):
        common = max(int(threshold * (length + state_size) / 2) - 1, 1 if threshold > 0 else 0)
        while common <= length and not token_similarity(common, length, state_size) >= threshold:
            common += 1
        least[length] = common
    return least


@compiled
def highest_potential(hit: int, place: int, size: int, hits: int, length: int, state: State, work: Workspace) -> float:
    """An upper bound of pre from the longest run, for a short state and exact matching.

    If no other hit lies before or after the run on both sides, the run is the only block. Otherwise there are two
    blocks or more, and no more matches than the run and those hits.
    """
    before, after = 0, 0
    if place > 0:
        earlier = between(0, place)
        for t in range(hit):
            before += (work.masks[t] & earlier) != 0
    if place + size < state.size:
        later = between(place + size, state.size)
        for t in range(hit + size, hits):
            after += (work.masks[t] & later) != 0
    matched = size + min(before, place) + min(after, state.size - place - size)
    snr = signal_to_noise(matched, state.size)
    evidence = matched / length
    if matched > size:
        return 0.5 + max(0.0, (evidence + 1) * snr) + SLACK
    return 1.0 + (evidence + (1.0 if snr > 0 else evidence)) * snr + SLACK


@compiled
def select(
    columns: Columns, state: State, recall: Recall, fuzzy: Fuzzy, text: Needle, texts: Texts, best: Leaders
) -> tuple[int, bool]:
    """Fill `best` with the candidates that lead by pre; answers their number and whether more passed the threshold."""
    work = workspace(recall.least.shape[0], state.size)
    bounded = state.size <= WORD and not fuzzy.active
    capacity = best.rows.shape[0] - 1
    count, full = 0, False
    for row in range(columns.frequency.shape[0]):
        if columns.frequency[row] == 0 or (recall.filtered and not recall.allowed[row]):
            continue
        start = columns.starts[row]
        length = columns.starts[row + 1] - start
        hits = collect_hits(columns.tokens, start, length, state, work)
        if hits < recall.least[length]:
            continue
        hit, place, size = 0, 0, 0
        if hits > 0:
            hit, place, size = longest_run(columns.tokens, start, 0, hits, 0, state.size, state, work)
            if full and bounded:
                bound = highest_potential(hit, place, size, hits, length, state, work)
                if bound * DECIMALS < best.order[0]:
                    continue
        blocks = blocks_around(hit, place, size, columns.tokens, start, hits, state, work)
        alignment = align(columns, row, blocks, state, fuzzy, work)
        key = np.rint(pre_potential(alignment, length, state.size) * DECIMALS)
        if full and key < best.order[0]:
            continue
        if recall.by_tokens:
            common = common_subsequence(columns.tokens, start, hits, state, work)
            similarity = token_similarity(common, length, state.size)
        else:
            similarity = joined_similarity(text, texts, columns.tokens, start, start + length)
        if similarity >= recall.threshold:
            full = count == capacity
            count = offer(row, key, similarity, count, best, columns)
    sort_leaders(count, best, columns)
    return count, full


@compiled
def select_by_first(columns: Columns, token: int, weights: Floats, weighted: bool, best: Leaders) -> tuple[int, bool]:
    """`select` for a state of one symbol: the patterns that start with it lead by potential (5.9).

    weights: w(x) by token, looked at if `weighted`.
    """
    capacity = best.rows.shape[0] - 1
    count, full = 0, False
    for row in range(columns.frequency.shape[0]):
        start, end = columns.starts[row], columns.starts[row + 1]
        if columns.frequency[row] == 0 or columns.tokens[start] != token:
            continue
        evidence = 1 / (end - start)
        if weighted:
            evidence = weights[token] / weight_of(columns.tokens, start, end, weights)
        full = count == capacity
        key = np.rint((evidence + 2) * DECIMALS)
        count = offer(row, key, 2 / (end - start + 1), count, best, columns)
    sort_leaders(count, best, columns)
    return count, full
