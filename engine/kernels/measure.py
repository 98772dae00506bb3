"""The metrics of an ensemble (engine.md 5.6; kato-6.md 3.1, 3.5, 3.6).

Sums run in the order of the plain implementation, so that their last bits depend on the data alone: symbols in order of
first appearance, members in ensemble order.
"""

import math
from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Flags, Floats, Ints, Statistics
from engine.contracts import Semantics
from engine.kernels.alignment import State, signal_to_noise
from engine.kernels.compiler import compiled, inlined, part
from engine.kernels.domain import FEW_PATTERNS, Domain, count_symbols, entropy_of, find_domain, weight_of
from engine.kernels.fields import (
    BAYESIAN_POSTERIOR,
    CONFIDENCE,
    CONFLUENCE,
    ENTROPY,
    EVIDENCE,
    FIELDS,
    FRAGMENTATION,
    GLOBAL_NORMALIZED_ENTROPY,
    ITFDF_SIMILARITY,
    NORMALIZED_ENTROPY,
    PATTERN_PROBABILITY,
    POTENTIAL,
    PREDICTIVE_INFORMATION,
    SIMILARITY,
    SNR,
    TFIDF_SCORE,
    WEIGHTED_CONFIDENCE,
    WEIGHTED_EVIDENCE,
    WEIGHTED_SIMILARITY,
    WEIGHTED_SNR,
    WEIGHTED_STRENGTH,
)
from engine.kernels.members import Members
from engine.kernels.stopping import is_set

FEW_TIMES, FEW_SYMBOLS = 8, 64
"""A symbol is seldom more often in a list, which is seldom longer: these share their logarithms."""


class FinalizedMembers(NamedTuple):
    """By member: whether it is finalised, and its global_normalized_entropy. symbol_count: V of that moment (4.4)."""

    flags: Flags
    global_entropies: Floats
    symbol_count: int


class Weights(NamedTuple):
    """w(x) by token, unknown symbols of the state included. active: whether the session has an affinity emotive."""

    active: bool
    by_token: Floats


@inlined
def ratio(part: float, whole: float) -> float:
    """part / whole, 0 if the whole is 0."""
    return part / whole if whole != 0 else 0.0


@compiled
def measure(
    columns: Columns,
    members: Members,
    similarity: Floats,
    state: State,
    semantics: Semantics,
    statistics: Statistics,
    finalized: FinalizedMembers,
    weights: Weights,
    stop: Flags,
) -> Floats:
    """The metrics of 5.6, shape (members, FIELDS). predictive_information is 0 until `share_futures` fills it in.

    A state of one symbol may have its own confidence and potential (5.9). stop: the flag of a `Stop`.
    """
    apart, whole = state.size == 1 and semantics.one_symbol_apart, semantics.whole_pattern
    values = np.zeros((members.rows.shape[0], len(FIELDS)))
    values[:, SIMILARITY] = similarity
    domain = find_domain(columns, members, state, statistics, whole)
    counts = np.zeros_like(domain.number)
    measure_matches(columns, members, state.size, apart, values)
    measure_present(columns, members, state.tokens, statistics.pattern_count, domain, counts, values, stop)
    measure_shares(columns, members, whole, statistics, finalized, domain, counts, values)
    if weights.active:
        extras_by_place = semantics.by_position
        measure_weights(columns, members, state.tokens, extras_by_place, apart, weights.by_token, counts, values, stop)
    measure_potentials(apart, weights.active, values)
    return values


@part
def measure_matches(columns: Columns, members: Members, state_size: int, apart: bool, values: Floats) -> None:
    """evidence, confidence, snr and fragmentation (5.5, 5.9), and the metrics made of shares of F_Σ."""
    starts, rows, matched = columns.starts, members.rows, members.matched
    blocks, present_sizes = members.blocks, members.high - members.low
    frequency = columns.frequency[rows].astype(np.int64)
    whole = frequency.sum()
    strength = 0.0
    for m in range(rows.shape[0]):
        values[m, EVIDENCE] = matched[m] / (starts[rows[m] + 1] - starts[rows[m]])
        values[m, CONFIDENCE] = 1.0 if apart else ratio(matched[m], present_sizes[m])
        values[m, SNR] = signal_to_noise(matched[m], state_size)
        values[m, FRAGMENTATION] = blocks[m] - 1
        values[m, PATTERN_PROBABILITY] = frequency[m] / whole
        values[m, WEIGHTED_STRENGTH] = values[m, SIMILARITY] * values[m, PATTERN_PROBABILITY]
        strength += values[m, WEIGHTED_STRENGTH]
    for m in range(rows.shape[0]):
        values[m, BAYESIAN_POSTERIOR] = ratio(values[m, WEIGHTED_STRENGTH], strength)


@part
def weigh_observed(state_tokens: Ints, domain: Domain, counts: Ints) -> Floats:
    """u of 5.6 by state place, 0 for all but the first place of a symbol. counts: by token, zeros before and after."""
    number, probability = domain.number, domain.probability
    observed = np.zeros(state_tokens.shape[0])
    for token in state_tokens:
        counts[token] += 1
    for place in range(state_tokens.shape[0]):
        token = state_tokens[place]
        if number[token] > 0:
            observed[place] = probability[number[token] - 1] * counts[token]
        counts[token] = 0
    return observed


@part
def measure_present(
    columns: Columns,
    members: Members,
    state_tokens: Ints,
    n: int,
    domain: Domain,
    counts: Ints,
    values: Floats,
    stop: Flags,
) -> None:
    """itfdf_similarity, confluence, global_normalized_entropy. counts: by token, zeros before and after."""
    tokens, rows, lows, highs = columns.tokens, members.rows, members.low, members.high
    number, probability, surprise, entropies = domain.number, domain.probability, domain.surprise, domain.entropy
    frequency = columns.frequency[rows].astype(np.int64)
    whole = frequency.sum()
    observed = weigh_observed(state_tokens, domain, counts)
    norm = norm_of(observed)
    distinct = np.empty((highs - lows).sum(), dtype=np.int64)
    for m in range(rows.shape[0]):
        if is_set(stop):
            break
        squares, entropy, dot, exponent = 0.0, 0.0, 0.0, 0.0
        size = count_symbols(tokens, lows[m], highs[m], distinct, counts)
        for d in range(size):
            x = number[distinct[d]] - 1
            weight = probability[x] * counts[distinct[d]]
            squares += weight * weight
            entropy += entropies[x]
        for place in range(observed.shape[0]):
            if observed[place] > 0:
                token = state_tokens[place]
                dot += observed[place] * (probability[number[token] - 1] * counts[token])
        for i in range(lows[m], highs[m]):
            exponent += surprise[number[tokens[i]] - 1]
            counts[tokens[i]] = 0
        distance = 1 - ratio(dot, norm * math.sqrt(squares))
        values[m, ITFDF_SIMILARITY] = 1 - distance * frequency[m] / whole
        values[m, GLOBAL_NORMALIZED_ENTROPY] = 0.0 - entropy
        if size > 0:
            values[m, CONFLUENCE] = frequency[m] / n * (1 - math.pow(10.0, exponent))


@inlined
def norm_of(vector: Floats) -> float:
    """The Euclidean length."""
    squares = 0.0
    for value in vector:
        squares += value * value
    return math.sqrt(squares)


@part
def measure_shares(
    columns: Columns,
    members: Members,
    whole: bool,
    statistics: Statistics,
    finalized: FinalizedMembers,
    domain: Domain,
    counts: Ints,
    values: Floats,
) -> None:
    """entropy, normalized_entropy and tfidf_score: of present, or of the whole pattern if it is finalised.

    whole: of all whole patterns, with their global_normalized_entropy. counts: by token, zeros before and after.
    """
    tokens, starts, rows, lows, highs = columns.tokens, columns.starts, members.rows, members.low, members.high
    flags, global_entropies = finalized.flags, finalized.global_entropies
    number, entropies, rarity = domain.number, domain.entropy, domain.rarity
    n, v, membership = statistics.pattern_count, statistics.symbol_count, statistics.membership
    bits_of, logarithm_of = np.zeros((2, FEW_TIMES, FEW_SYMBOLS))
    entropy_of_few, log_v = np.zeros(FEW_PATTERNS), math.log(statistics.symbol_count)
    distinct = np.empty((starts[rows + 1] - starts[rows]).sum(), dtype=np.int64)
    absent = math.log2(n) + 1
    for m in range(rows.shape[0]):
        low, high, base = lows[m], highs[m], v
        if whole:
            low, high = starts[rows[m]], starts[rows[m] + 1]
        elif flags[m]:
            low, high, base = starts[rows[m]], starts[rows[m] + 1], finalized.symbol_count
            values[m, GLOBAL_NORMALIZED_ENTROPY] = global_entropies[m]
        entropy, normalized, score, share, bits, digits, count = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
        of_symbols, log_base = 0.0, log_v if base == v else math.log(base)
        size = count_symbols(tokens, low, high, distinct, counts)
        for d in range(size):
            if counts[distinct[d]] != count:  # most symbols occur once: one logarithm for all of these
                count = counts[distinct[d]]
                share = count / (high - low)
                times, symbols = count, high - low
                if times >= FEW_TIMES or symbols >= FEW_SYMBOLS:
                    times, symbols = 0, 0
                if times == 0 or bits_of[times, symbols] == 0:
                    bits_of[times, symbols], logarithm_of[times, symbols] = math.log2(share), math.log(share)
                bits, digits = bits_of[times, symbols], logarithm_of[times, symbols] / log_base if base > 1 else 0.0
            counts[distinct[d]] = 0
            entropy += share * bits
            normalized += share * digits
            x = number[distinct[d]] - 1
            score += share * (rarity[x] if x >= 0 else absent)
            if whole and x >= 0:
                of_symbols += entropies[x]
            elif whole:
                k = membership[distinct[d]]
                slot = k if k < FEW_PATTERNS else 0
                if slot == 0 or entropy_of_few[slot] == 0:
                    entropy_of_few[slot] = entropy_of(k / n, v, log_v)
                of_symbols += entropy_of_few[slot]
        values[m, ENTROPY] = 0.0 - entropy
        values[m, NORMALIZED_ENTROPY] = 0.0 - normalized
        values[m, TFIDF_SCORE] = score / size if whole or lows[m] < highs[m] else 0.0
        if whole:
            values[m, GLOBAL_NORMALIZED_ENTROPY] = 0.0 - of_symbols


@part
def measure_weights(
    columns: Columns,
    members: Members,
    state_tokens: Ints,
    extras_by_place: bool,
    apart: bool,
    weights: Floats,
    counts: Ints,
    values: Floats,
    stop: Flags,
) -> None:
    """The four weighted metrics (5.6, 5.9).

    extras_by_place: extras are the state places without a match; otherwise the symbols that are not in present.
    counts: by token, zeros before and after.
    """
    tokens, starts, rows, lows, highs = columns.tokens, columns.starts, members.rows, members.low, members.high
    match_starts, match_places = members.match_starts, members.match_places
    is_extra = np.zeros(state_tokens.shape[0], dtype=np.bool_)
    for m in range(rows.shape[0]):
        if is_set(stop):
            break
        matched, observed, extra = 0.0, 0.0, 0.0
        for p in range(match_starts[m], match_starts[m + 1]):
            matched += weights[state_tokens[match_places[p]]]
        for i in range(lows[m], highs[m]):
            counts[tokens[i]] = 1
        for place in range(state_tokens.shape[0]):
            is_extra[place] = extras_by_place or counts[state_tokens[place]] == 0
        if extras_by_place:
            is_extra[match_places[match_starts[m] : match_starts[m + 1]]] = False
        for place in range(state_tokens.shape[0]):
            observed += weights[state_tokens[place]]
            extra += weights[state_tokens[place]] if is_extra[place] else 0.0
        for i in range(lows[m], highs[m]):
            counts[tokens[i]] = 0
        pattern = weight_of(tokens, starts[rows[m]], starts[rows[m] + 1], weights)
        present = weight_of(tokens, lows[m], highs[m], weights)
        values[m, WEIGHTED_SIMILARITY] = ratio(2 * matched, observed + pattern)
        values[m, WEIGHTED_EVIDENCE] = ratio(matched, pattern)
        values[m, WEIGHTED_CONFIDENCE] = 1.0 if apart else ratio(matched, present)
        values[m, WEIGHTED_SNR] = 1.0 if apart else ratio(matched, matched + extra)


@part
def measure_potentials(apart: bool, weighted: bool, values: Floats) -> None:
    """potential (5.6, 5.9), from the other metrics."""
    for m in range(values.shape[0]):
        evidence, confidence, snr = values[m, EVIDENCE], values[m, CONFIDENCE], values[m, SNR]
        if weighted:
            evidence, confidence = values[m, WEIGHTED_EVIDENCE], values[m, WEIGHTED_CONFIDENCE]
            snr = values[m, WEIGHTED_SNR]
        unity = ratio(1.0, values[m, FRAGMENTATION] + 1)
        values[m, POTENTIAL] = (evidence + confidence) * snr + values[m, ITFDF_SIMILARITY] + unity
        if apart:
            values[m, POTENTIAL] = evidence + 2


@compiled
def share_futures(group_of: Ints, aggregate: Floats, values: Floats) -> None:
    """predictive_information (5.6). group_of: by member, -1 if its future is empty. aggregate: by group."""
    for m in range(group_of.shape[0]):
        if group_of[m] >= 0:
            values[m, PREDICTIVE_INFORMATION] = ratio(values[m, WEIGHTED_STRENGTH], aggregate[group_of[m]])
