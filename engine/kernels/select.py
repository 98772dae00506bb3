"""Selecting the ensemble: every pattern is a candidate, the best are kept (engine.md 5.1, 5.2, 5.6).

The scan skips a pattern early only if the pattern provably fails the threshold or cannot enter a full ensemble. Its
hits are an upper bound of the longest common subsequence; its hits and its longest run are an upper bound of the
blocks. Moves of pairs (kato-6.md 3.3) never take the first or the last of two pairs away from the other, so present
never has more events for them. The values of all candidates that are kept are exact.
"""

import numpy as np

from engine.arrays import Columns, Flags, Masks, Texts
from engine.kernels import long_states
from engine.kernels.alignment import Extent, Span, events_around, extent_of, fuzzy_matches, split_events, workspace
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
from engine.kernels.compiler import compiled
from engine.kernels.keys import (
    DECIMALS,
    highest_after_moves,
    highest_potential,
    key_between,
    potential_of_singles,
    token_similarity,
)
from engine.kernels.moves import AT_POSITION, list_pairs, nearest_ends, settle, smallest_event
from engine.kernels.search import Found, Scan, Search
from engine.kernels.stopping import is_set
from engine.kernels.text_similarity import joined_similarity


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
    windows, blocks, paired = scratch.windows, scratch.blocks, scratch.pairs
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
        matched = extent.matched
        if not by_position:
            match = state_tokens[extent.place] if matched > 0 else -1
            present, future = split_events(tokens, ends, span, extent, match)
        else:
            present, future = events_around(ends, span, extent.first, extent.last)
        if by_position and hits > matched > 0:  # moves need free places, and never widen present
            if np.rint(highest_after_moves(matched, block_count, span.length, state_size) * DECIMALS) < bar:
                continue
            if masks is not None and matched == 1:
                present = smallest_event(present, ends, events, hits, at, hit_masks)
                future = present + 1
            else:
                if masks is not None and pairs == NONE:
                    write_singles(hits, at, hit_masks, blocks)
                order_blocks(block_count, blocks, stop)
                list_pairs(block_count, blocks, paired)
                right, left = extent.last, extent.first
                if masks is not None:
                    right, left = nearest_ends(paired, matched, state_tokens, masks, hits, at, hit_masks)
                if right > extent.first or left < extent.last:
                    settle(tokens, ends, span, state_tokens, stm_ends, paired, matched, stop)
                    first, last = paired[AT_POSITION, 0], paired[AT_POSITION, matched - 1] + 1
                    present, future = events_around(ends, span, first, last)
        key = key_between(ends, span, matched, present, future, block_count, state_size)
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
