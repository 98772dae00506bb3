"""The ensemble: every pattern is a candidate, the best are kept (engine.md 5.1, 5.2, 5.6).

A pattern is left out early only if it provably fails the threshold or cannot enter a full ensemble: its hits bound the
longest common subsequence, and with its longest run they bound the blocks. Everything that is kept is exact.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Flags, Floats, Ints, Texts, Tokens
from engine.kernels import long_states
from engine.kernels.alignment import (
    Fuzzy,
    State,
    extent,
    fuzzy_matches,
    pre_potential,
    signal_to_noise,
    split_events,
    workspace,
)
from engine.kernels.bits import lowest_bit
from engine.kernels.blocks import NONE, collect_hits, common_subsequence, count_singles, find_blocks, first_run
from engine.kernels.compiler import compiled, inlined
from engine.kernels.domain import weight_of
from engine.kernels.event_ends import event_end
from engine.kernels.text_similarity import Needle, joined_similarity

DECIMALS = 1e12
"""Orders are made by values rounded to 12 decimals (D01)."""

SLACK = 1e-9
"""Added to upper bounds, which are not computed in the same steps as the values they bound."""


class Recall(NamedTuple):
    """What a candidate must reach.

    least: by pattern length the smallest l that can reach the threshold. largest_event: most symbols in an event.
    """

    threshold: float
    by_tokens: bool
    least: Ints
    largest_event: int
    filtered: bool
    allowed: Flags


class Found(NamedTuple):
    """Candidates, and room for more. keys: what leads, to 12 decimals, as a whole number."""

    rows: Ints
    keys: Floats
    similarity: Floats


@inlined
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


@inlined
def potential_of_singles(matched: int, most: int, length: int, state_size: int) -> float:
    """An upper bound of pre for exact matching by blocks of one symbol. most: symbols that present can have."""
    snr = signal_to_noise(matched, state_size)
    confidence = 1.0 if snr > 0 else matched / most
    return (matched / length + confidence) * snr + 1 / matched + SLACK


@inlined
def highest_potential(size: int, further: int, length: int, state_size: int) -> float:
    """An upper bound of pre for exact matching: confidence is at most 1, and at least evidence.

    size: of the longest run, the first block. further: how many more can at most be matched; the run is the only block
    if it is 0.
    """
    matched = size + further
    snr = signal_to_noise(matched, state_size)
    evidence = matched / length
    if further > 0:
        return 0.5 + max(0.0, (evidence + 1) * snr) + SLACK
    return 1.0 + (evidence + (1.0 if snr > 0 else evidence)) * snr + SLACK


@inlined
def key_of(
    block_count: int,
    matched: int,
    first: int,
    last: int,
    match: int,
    tokens: Tokens,
    start: int,
    length: int,
    ends: Tokens,
    events: int,
    event_count: int,
    state_size: int,
) -> float:
    """pre (5.6) to 12 decimals as a whole number, from the blocks; the arguments are those of `split_events`."""
    present, future = split_events(tokens, start, ends, events, event_count, first, last, match)
    present_size = event_end(ends, events, future) - event_end(ends, events, present)
    return float(np.rint(pre_potential(matched, block_count, length, present_size, state_size) * DECIMALS))


@compiled
def select(
    columns: Columns,
    state: State,
    recall: Recall,
    fuzzy: Fuzzy,
    text: Needle,
    texts: Texts,
    row: int,
    count: int,
    bar: float,
    found: Found,
) -> tuple[int, int]:
    """Append candidates from `row` on to the `count` found, leaving out keys (pre, 5.6) below `bar`.

    For a state of at most 64 symbols. Ends when there is no room for another; answers the next row and the new count.
    """
    _, starts, event_starts, tokens, ends, frequency = columns
    state_size, state_tokens, masks, _, _ = state
    threshold, by_tokens, least, largest_event, filtered, allowed = recall
    is_fuzzy, fuzzy_first, fuzzy_places, seen = fuzzy
    rows, keys, similarities = found
    at, hit_masks, run_ends, windows, blocks, _ = workspace(least.shape[0], state_size)
    row -= 1
    while row + 1 < frequency.shape[0] and count < rows.shape[0]:
        row += 1
        if frequency[row] == 0 or (filtered and not allowed[row]):
            continue
        start, end, events = starts[row], starts[row + 1], event_starts[row]
        length = end - start
        hits, pairs = collect_hits(tokens, start, end, masks, at, hit_masks)
        if hits < least[length]:
            continue
        if hits == 0:
            block_count, matched, first, last, place = 0, 0, 0, length, 0
        elif pairs == NONE:
            block_count, last = count_singles(hits, at, hit_masks)
            matched, first, place = block_count, at[0], lowest_bit(hit_masks[0])
            most = min(largest_event * (last - first), length)
            if not is_fuzzy and potential_of_singles(block_count, most, length, state_size) * DECIMALS < bar:
                continue
        else:
            hit, place, size, further = first_run(hits, state_size, at, hit_masks, run_ends)
            if not is_fuzzy and highest_potential(size, further, length, state_size) * DECIMALS < bar:
                continue
            block_count = find_blocks(
                hit, place, size, further, hits, state_size, at, hit_masks, run_ends, windows, blocks
            )
            matched, first, last, place = extent(block_count, length, blocks)
        if is_fuzzy:
            matched, place = fuzzy_matches(tokens, start, end, row, fuzzy_first, fuzzy_places, seen)
        match = state_tokens[place] if matched > 0 else -1
        event_count = event_starts[row + 1] - events
        key = key_of(
            block_count, matched, first, last, match, tokens, start, length, ends, events, event_count, state_size
        )
        if key < bar:
            continue
        if by_tokens:
            similarity = token_similarity(common_subsequence(hits, state_size, hit_masks), length, state_size)
        else:
            similarity = joined_similarity(text, texts, tokens, start, end)
        if similarity >= threshold:
            rows[count], keys[count], similarities[count] = row, key, similarity
            count += 1
    return row + 1, count


@compiled
def select_long(
    columns: Columns,
    state: State,
    recall: Recall,
    fuzzy: Fuzzy,
    text: Needle,
    texts: Texts,
    row: int,
    count: int,
    bar: float,
    found: Found,
) -> tuple[int, int]:
    """`select` for a state of more than 64 symbols."""
    _, starts, event_starts, tokens, ends, frequency = columns
    state_size, state_tokens, _, first_place, places = state
    threshold, by_tokens, least, _, filtered, allowed = recall
    is_fuzzy, fuzzy_first, fuzzy_places, seen = fuzzy
    rows, keys, similarities = found
    at, _, _, windows, blocks, by_place = workspace(least.shape[0], state_size)
    ended_by, lengths, tails = by_place[0], by_place[1], by_place[2]
    row -= 1
    while row + 1 < frequency.shape[0] and count < rows.shape[0]:
        row += 1
        if frequency[row] == 0 or (filtered and not allowed[row]):
            continue
        start, end, events = starts[row], starts[row + 1], event_starts[row]
        length = end - start
        hits = long_states.collect_hits(tokens, start, end, first_place, at)
        if hits < least[length]:
            continue
        block_count = long_states.find_blocks(
            tokens, start, hits, state_size, first_place, places, at, ended_by, lengths, windows, blocks
        )
        matched, first, last, place = extent(block_count, length, blocks)
        if is_fuzzy:
            matched, place = fuzzy_matches(tokens, start, end, row, fuzzy_first, fuzzy_places, seen)
        match = state_tokens[place] if matched > 0 else -1
        event_count = event_starts[row + 1] - events
        key = key_of(
            block_count, matched, first, last, match, tokens, start, length, ends, events, event_count, state_size
        )
        if key < bar:
            continue
        if by_tokens:
            common = long_states.common_subsequence(tokens, start, hits, first_place, places, at, tails)
            similarity = token_similarity(common, length, state_size)
        else:
            similarity = joined_similarity(text, texts, tokens, start, end)
        if similarity >= threshold:
            rows[count], keys[count], similarities[count] = row, key, similarity
            count += 1
    return row + 1, count


@compiled
def select_by_first(
    columns: Columns, token: int, weights: Floats, weighted: bool, row: int, count: int, bar: float, found: Found
) -> tuple[int, int]:
    """`select` for a state of one symbol: the patterns that start with it lead by potential (5.9).

    weights: w(x) by token, looked at if `weighted`.
    """
    starts, tokens, frequency = columns.starts, columns.tokens, columns.frequency
    rows, keys, similarities = found
    row -= 1
    while row + 1 < frequency.shape[0] and count < rows.shape[0]:
        row += 1
        start, end = starts[row], starts[row + 1]
        if frequency[row] == 0 or tokens[start] != token:
            continue
        evidence = 1 / (end - start)
        if weighted:
            evidence = weights[token] / weight_of(tokens, start, end, weights)
        key = np.rint((evidence + 2) * DECIMALS)
        if key >= bar:
            rows[count], keys[count], similarities[count] = row, key, 2 / (end - start + 1)
            count += 1
    return row + 1, count
