"""The keys by which candidates are compared, and what bounds them from above (engine.md 5.2, 5.6)."""

import numpy as np

from engine.arrays import Ints, Tokens
from engine.kernels.alignment import Span, pre_potential, signal_to_noise
from engine.kernels.compiler import compiled, inlined
from engine.kernels.event_ends import event_end

DECIMALS = 1e12
"""Everything is ordered by values rounded to 12 decimals (D01)."""

SLACK = 1e-9
"""Added to upper bounds: they are computed in other steps than the values they bound, so they round differently."""


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
def highest_after_moves(matched: int, blocks: int, length: int, state_size: int) -> float:
    """An upper bound of pre (5.6), if moves may make present smaller."""
    snr = signal_to_noise(matched, state_size)
    evidence = matched / length
    return (evidence + (1.0 if snr > 0 else evidence)) * snr + 1 / blocks


@inlined
def key_between(
    ends: Tokens, span: Span, matched: int, present: int, future: int, blocks: int, state_size: int
) -> float:
    """pre (5.6) to 12 decimals as a whole number, if present is from one event to another (exclusive)."""
    present_size = event_end(ends, span.events, future) - event_end(ends, span.events, present)
    return float(np.rint(pre_potential(matched, blocks, span.length, present_size, state_size) * DECIMALS))
