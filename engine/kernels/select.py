"""Selecting the ensemble: every pattern is a candidate, the best are kept (engine.md 5.1, 5.2, 5.6).

The scan skips a pattern early only if the pattern provably fails the threshold or cannot enter a full ensemble. Its
hits are an upper bound of the longest common subsequence; its hits and its longest run are an upper bound of the
blocks. Moves of pairs (kato-6.md 3.3) never take the first or the last of two pairs away from the other, so present
never has more events for them. The values of all candidates that are kept are exact.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Flags, Floats, Ints, Masks, Texts, Tokens
from engine.contracts import Semantics
from engine.kernels import long_states
from engine.kernels.alignment import (
    Extent,
    Fuzzy,
    Span,
    State,
    events_around,
    extent_of,
    fuzzy_matches,
    pre_potential,
    signal_to_noise,
    split_events,
    workspace,
)
from engine.kernels.bits import lowest_bit
from engine.kernels.blocks import (
    NONE,
    collect_hits,
    common_subsequence,
    count_singles,
    find_blocks,
    first_run,
    order_blocks,
    write_singles,
)
from engine.kernels.compiler import compiled, inlined
from engine.kernels.domain import weight_of
from engine.kernels.event_ends import event_end
from engine.kernels.measure import Weights
from engine.kernels.moves import AT_POSITION, event_of_single, list_pairs, nearest_ends, settle, smallest_event
from engine.kernels.stopping import is_set
from engine.kernels.text_similarity import Needle, joined_similarity

DECIMALS = 1e12
"""Everything is ordered by values rounded to 12 decimals (D01)."""

SLACK = 1e-9
"""Added to upper bounds: they are computed in other steps than the values they bound, so they round differently."""


class Recall(NamedTuple):
    """What a candidate must reach.

    threshold: the recall threshold. by_tokens: token mode, not character mode (5.2).
    least: by pattern length, the smallest l that can reach the threshold.
    largest_event: the most symbols in an event of any pattern.
    filtered: whether there are filters; if so, `allowed` holds by row whether the pattern passed them.
    """

    threshold: float
    by_tokens: bool
    least: Ints
    largest_event: int
    filtered: bool
    allowed: Flags


class Search(NamedTuple):
    """What patterns are compared with, and how. text: the joined state in character mode."""

    state: State
    recall: Recall
    fuzzy: Fuzzy
    text: Needle
    by_position: bool


class Scan(NamedTuple):
    """How far a scan has come: the next row, how many candidates are in `Found`, and the lowest key worth keeping."""

    row: int
    candidates: int
    bar: float


class Found(NamedTuple):
    """Candidates, and room for more. keys: pre or potential to 12 decimals, as a whole number."""

    rows: Ints
    keys: Floats
    similarity: Floats


@inlined
def token_similarity(common: int, length: int, state_size: int) -> float:
    """Similarity of 5.2 in token mode, with the step of D40."""
    return 2 * common / (length + state_size) * 100 / 100


@compiled
def least_common(longest: int, state_size: int, threshold: float) -> Ints:
    """By pattern length, the smallest l of a candidate (5.2); at least 1 if T > 0. Shape (longest + 1,)."""
    least = np.empty(longest + 1, dtype=np.int64)
    for length in range(longest + 1):
        common = max(int(threshold * (length + state_size) / 2) - 1, 1 if threshold > 0 else 0)
        while common <= length and not token_similarity(common, length, state_size) >= threshold:
            common += 1
        least[length] = common
    return least


@inlined
def potential_of_singles(matched: int, most: int, length: int, state_size: int) -> float:
    """An upper bound of pre (5.6) for exact matching by blocks of one symbol. most: the most symbols of present."""
    snr = signal_to_noise(matched, state_size)
    confidence = 1.0 if snr > 0 else matched / most
    return (matched / length + confidence) * snr + 1 / matched + SLACK


@inlined
def highest_potential(size: int, further: int, length: int, state_size: int) -> float:
    """An upper bound of pre (5.6) for exact matching: confidence is at most 1, and at least evidence.

    size: of the longest run, which is the first block. further: the most symbols that can match beside it; if it is 0,
    the run is the only block.
    """
    matched = size + further
    snr = signal_to_noise(matched, state_size)
    evidence = matched / length
    if further > 0:
        return 0.5 + max(0.0, (evidence + 1) * snr) + SLACK
    return 1.0 + (evidence + (1.0 if snr > 0 else evidence)) * snr + SLACK


@inlined
def key_of(tokens: Tokens, ends: Tokens, span: Span, extent: Extent, blocks: int, match: int, state_size: int) -> float:
    """pre (5.6) to 12 decimals as a whole number. match: as in `split_events`."""
    present, future = split_events(tokens, ends, span, extent, match)
    return key_between(ends, span, extent.matched, present, future, blocks, state_size)


@inlined
def key_between(
    ends: Tokens, span: Span, matched: int, present: int, future: int, blocks: int, state_size: int
) -> float:
    """The same for a present from one event to another (exclusive)."""
    present_size = event_end(ends, span.events, future) - event_end(ends, span.events, present)
    return float(np.rint(pre_potential(matched, blocks, span.length, present_size, state_size) * DECIMALS))


@compiled
def select(
    columns: Columns, texts: Texts, search: Search, masks: Masks | None, scan: Scan, found: Found, stop: Flags
) -> Scan:
    """Append candidates to those found, leaving out keys (pre, 5.6) below the bar.

    Ends after the last row, or when there is no room for another candidate.

    masks: those of the state, or None for a state of more than 64 symbols. They are an argument of their own so that
    Numba compiles the two cases apart and drops the branches of the other one: testing the state's size in the loop
    makes a prediction from 100,000 patterns 8 to 20 % slower.
    stop: the flag of a `Stop`.
    """
    starts, event_starts, tokens = columns.starts, columns.event_starts, columns.tokens
    ends, frequency = columns.ends, columns.frequency
    state_size, state_tokens, stm_ends = search.state.size, search.state.tokens, search.state.ends
    first_place, places = search.state.first, search.state.places
    threshold, by_tokens, least = search.recall.threshold, search.recall.by_tokens, search.recall.least
    largest_event, filtered, allowed = search.recall.largest_event, search.recall.filtered, search.recall.allowed
    is_fuzzy, fuzzy_first = search.fuzzy.active, search.fuzzy.first
    fuzzy_places, seen = search.fuzzy.places, search.fuzzy.seen
    rows, keys, similarities = found.rows, found.keys, found.similarity
    scratch = workspace(least.shape[0], state_size)
    at, hit_masks, run_ends = scratch.at, scratch.hit_masks, scratch.ends
    windows, blocks, matched_pairs = scratch.windows, scratch.blocks, scratch.pairs
    by_position = search.by_position and not is_fuzzy
    ended_by, lengths, tails = scratch.by_place[0], scratch.by_place[1], scratch.by_place[2]
    row, count, bar = scan.row - 1, scan.candidates, scan.bar
    while row + 1 < frequency.shape[0] and count < rows.shape[0] and not is_set(stop):
        row += 1
        if frequency[row] == 0 or (filtered and not allowed[row]):
            continue
        start, end, events = starts[row], starts[row + 1], event_starts[row]
        span = Span(start, end - start, events, event_starts[row + 1] - events)
        if masks is not None:
            hits, pairs = collect_hits(tokens, start, end, masks, at, hit_masks)
        else:
            hits, pairs = long_states.collect_hits(tokens, start, end, first_place, at), NONE
        if hits < least[span.length]:
            continue
        if hits == 0:
            block_count, extent = 0, Extent(0, 0, span.length, 0)
        elif masks is None:
            block_count = long_states.find_blocks(
                tokens, start, hits, state_size, first_place, places, at, ended_by, lengths, windows, blocks, stop
            )
            extent = extent_of(block_count, span.length, blocks)
        elif pairs == NONE:
            block_count, last = count_singles(hits, at, hit_masks)
            extent = Extent(block_count, at[0], last, lowest_bit(hit_masks[0]))
            most = min(largest_event * (last - at[0]), span.length)
            if not is_fuzzy and potential_of_singles(block_count, most, span.length, state_size) * DECIMALS < bar:
                continue
        else:
            run = first_run(hits, state_size, at, hit_masks, run_ends)
            if not is_fuzzy and highest_potential(run.size, run.further, span.length, state_size) * DECIMALS < bar:
                continue
            block_count = find_blocks(run, hits, state_size, at, hit_masks, run_ends, windows, blocks)
            extent = extent_of(block_count, span.length, blocks)
        if is_fuzzy:
            matched, place = fuzzy_matches(tokens, start, end, row, fuzzy_first, fuzzy_places, seen, stop)
            extent = Extent(matched, extent.first, extent.last, place)
        if by_position:
            first, last, matched = extent.first, extent.last, extent.matched
            present, future = events_around(ends, span, first, last)
            key = key_between(ends, span, matched, present, future, block_count, state_size)
            # Moves need free places, and never widen present.
            if hits > matched > 0:
                if key < bar:
                    highest = pre_potential(matched, block_count, span.length, matched, state_size)
                    if np.rint(highest * DECIMALS) < bar:
                        continue
                right, left = last, first
                if masks is not None and matched == 1:
                    smallest = smallest_event(present, ends, events, hits, at, hit_masks)
                    if smallest != present:
                        key = key_between(ends, span, matched, smallest, smallest + 1, block_count, state_size)
                else:
                    if masks is not None and pairs == NONE:
                        write_singles(hits, at, hit_masks, blocks)
                    order_blocks(block_count, blocks, stop)
                    list_pairs(block_count, blocks, matched_pairs)
                    if masks is not None:
                        right, left = nearest_ends(matched_pairs, matched, state_tokens, masks, hits, at, hit_masks)
                    if right > first or left < last:
                        settle(tokens, ends, span, state_tokens, stm_ends, matched_pairs, matched, stop)
                        first, last = matched_pairs[AT_POSITION, 0], matched_pairs[AT_POSITION, matched - 1] + 1
                        present, future = events_around(ends, span, first, last)
                        key = key_between(ends, span, matched, present, future, block_count, state_size)
        else:
            match = state_tokens[extent.place] if extent.matched > 0 else -1
            key = key_of(tokens, ends, span, extent, block_count, match, state_size)
        if key < bar:
            continue
        if not by_tokens:
            similarity = joined_similarity(search.text, texts, tokens, start, end, stop)
        elif masks is not None:
            similarity = token_similarity(common_subsequence(hits, state_size, hit_masks), span.length, state_size)
        else:
            common = long_states.common_subsequence(tokens, start, hits, first_place, places, at, tails, stop)
            similarity = token_similarity(common, span.length, state_size)
        if similarity >= threshold:
            rows[count], keys[count], similarities[count] = row, key, similarity
            count += 1
    return Scan(row + 1, count, bar)


@compiled
def select_by_symbol(
    columns: Columns,
    token: int,
    anywhere: bool,
    semantics: Semantics,
    weights: Weights,
    scan: Scan,
    found: Found,
    stop: Flags,
) -> Scan:
    """`select` for a state of one symbol: candidates are the patterns that begin with it or, `anywhere`, that have it.

    Keys are potentials for a one-symbol state apart (5.9), otherwise pre. No threshold or filter counts.
    """
    starts, event_starts, tokens = columns.starts, columns.event_starts, columns.tokens
    ends, frequency = columns.ends, columns.frequency
    rows, keys, similarities = found.rows, found.keys, found.similarity
    apart, by_position = semantics.one_symbol_apart, semantics.by_position
    row, count, bar = scan.row - 1, scan.candidates, scan.bar
    while row + 1 < frequency.shape[0] and count < rows.shape[0] and not is_set(stop):
        row += 1
        start, end, events = starts[row], starts[row + 1], event_starts[row]
        if frequency[row] == 0 or (tokens[start] != token and not anywhere):
            continue
        event = 0
        if anywhere:
            span = Span(start, end - start, events, event_starts[row + 1] - events)
            event = event_of_single(tokens, ends, span, token, by_position)
            if event < 0:
                continue
        evidence = 1 / (end - start)
        if apart and weights.active:
            evidence = weights.by_token[token] / weight_of(tokens, start, end, weights.by_token)
        if apart:
            key, similarity = np.rint((evidence + 2) * DECIMALS), 2 / (end - start + 1)
        else:
            size = event_end(ends, events, event + 1) - event_end(ends, events, event)
            key = np.rint(pre_potential(1, 1, end - start, size, 1) * DECIMALS)
            similarity = token_similarity(1, end - start, 1)
        if key >= bar:
            rows[count], keys[count], similarities[count] = row, key, similarity
            count += 1
    return Scan(row + 1, count, bar)
