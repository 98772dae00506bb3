"""The metrics of an ensemble (engine.md 5.6).

Sums run in the order of the plain implementation, which depends on the data alone: symbols in order of first
appearance, members in ensemble order.
"""

import math
from typing import NamedTuple

import numpy as np

from engine.kernels import Flags, Floats, Ints, compiled
from engine.kernels.alignment import signal_to_noise
from engine.kernels.blocks import State
from engine.kernels.columns import Columns
from engine.kernels.domain import (
    Domain,
    Statistics,
    Tally,
    count_symbols,
    find_domain,
    forget_symbols,
    present_bounds,
    weight_of,
)
from engine.kernels.members import Members

FIELDS = (
    "potential",
    "evidence",
    "similarity",
    "fragmentation",
    "snr",
    "confluence",
    "predictive_information",
    "confidence",
    "weighted_similarity",
    "weighted_evidence",
    "weighted_confidence",
    "weighted_snr",
    "entropy",
    "normalized_entropy",
    "global_normalized_entropy",
    "itfdf_similarity",
    "tfidf_score",
    "pattern_probability",
    "weighted_strength",
    "bayesian_posterior",
)
"""The columns of the values that `measure` answers."""

(
    POTENTIAL,
    EVIDENCE,
    SIMILARITY,
    FRAGMENTATION,
    SNR,
    CONFLUENCE,
    PREDICTIVE_INFORMATION,
    CONFIDENCE,
    WEIGHTED_SIMILARITY,
    WEIGHTED_EVIDENCE,
    WEIGHTED_CONFIDENCE,
    WEIGHTED_SNR,
    ENTROPY,
    NORMALIZED_ENTROPY,
    GLOBAL_NORMALIZED_ENTROPY,
    ITFDF_SIMILARITY,
    TFIDF_SCORE,
    PATTERN_PROBABILITY,
    WEIGHTED_STRENGTH,
    BAYESIAN_POSTERIOR,
) = range(len(FIELDS))


class Finalized(NamedTuple):
    """Of the members: whether finalised, the stored global_normalized_entropy, and V of that moment (4.4)."""

    flags: Flags
    global_entropies: Floats
    symbol_count: int


class Weights(NamedTuple):
    """w(x) by token, also for the unknown symbols of the state; looked at if `active`."""

    active: bool
    by_token: Floats


class Observed(NamedTuple):
    """u of 5.6 by state place, 0 for all but the first place of a symbol; and its norm."""

    weights: Floats
    norm: float


@compiled
def ratio(part: float, whole: float) -> float:
    return part / whole if whole != 0 else 0.0


class Ensemble(NamedTuple):
    """What the metrics of a member are relative to. frequency: F_Σ."""

    columns: Columns
    members: Members
    state: State
    statistics: Statistics
    domain: Domain
    observed: Observed
    frequency: int


@compiled
def measure(
    columns: Columns,
    members: Members,
    similarity: Floats,
    state: State,
    statistics: Statistics,
    finalized: Finalized,
    weights: Weights,
    one_symbol: bool,
) -> Floats:
    """Shape (members, FIELDS). predictive_information is left to `share_futures`."""
    count = members.rows.shape[0]
    values = np.zeros((count, len(FIELDS)))
    domain = find_domain(columns, members, state, statistics)
    longest, frequency = 0, 0
    for row in members.rows:
        longest = max(longest, columns.starts[row + 1] - columns.starts[row])
        frequency += np.int64(columns.frequency[row])
    tally = Tally(np.empty(longest, dtype=np.int64), np.zeros_like(domain.number))
    observed = weigh_observed(state, domain, tally.counts)
    ensemble = Ensemble(columns, members, state, statistics, domain, observed, frequency)
    strength = 0.0
    for m in range(count):
        values[m, SIMILARITY] = similarity[m]
        measure_member(ensemble, m, finalized, weights, one_symbol, tally, values[m])
        strength += values[m, WEIGHTED_STRENGTH]
    for m in range(count):
        values[m, BAYESIAN_POSTERIOR] = ratio(values[m, WEIGHTED_STRENGTH], strength)
    return values


@compiled
def measure_member(
    ensemble: Ensemble, m: int, finalized: Finalized, weights: Weights, one_symbol: bool, tally: Tally, value: Floats
) -> None:
    columns, statistics = ensemble.columns, ensemble.statistics
    low, high = present_bounds(columns, ensemble.members, m)
    measure_match(ensemble, m, high - low, one_symbol, value)
    distinct = count_symbols(columns, low, high, tally)
    measure_present(ensemble, m, low, high, distinct, tally, value)
    if weights.active:
        measure_weights(ensemble, m, weights, one_symbol, tally, value)
    if not finalized.flags[m]:
        measure_shares(ensemble, distinct, high - low, statistics.symbol_count, tally, value)
    forget_symbols(distinct, tally)
    if finalized.flags[m]:
        start, end = columns.starts[ensemble.members.rows[m]], columns.starts[ensemble.members.rows[m] + 1]
        distinct = count_symbols(columns, start, end, tally)
        measure_shares(ensemble, distinct, end - start, finalized.symbol_count, tally, value)
        forget_symbols(distinct, tally)
        value[GLOBAL_NORMALIZED_ENTROPY] = finalized.global_entropies[m]
    if high == low:
        value[TFIDF_SCORE] = 0.0
    value[POTENTIAL] = potential(value, weights.active, one_symbol)


@compiled
def measure_match(ensemble: Ensemble, m: int, present_size: int, one_symbol: bool, value: Floats) -> None:
    """evidence, confidence, snr, fragmentation (5.5, 5.9) and what follows from the frequency."""
    members, row = ensemble.members, ensemble.members.rows[m]
    length = ensemble.columns.starts[row + 1] - ensemble.columns.starts[row]
    value[EVIDENCE] = members.matched[m] / length
    value[CONFIDENCE] = 1.0 if one_symbol else ratio(members.matched[m], present_size)
    value[SNR] = signal_to_noise(members.matched[m], ensemble.state.size)
    value[FRAGMENTATION] = members.blocks[m] - 1
    value[PATTERN_PROBABILITY] = np.int64(ensemble.columns.frequency[row]) / ensemble.frequency
    value[WEIGHTED_STRENGTH] = value[SIMILARITY] * value[PATTERN_PROBABILITY]


@compiled
def weigh_observed(state: State, domain: Domain, counts: Ints) -> Observed:
    """counts: zeros by token; left as they were."""
    weights = np.zeros(state.size)
    squares = 0.0
    for token in state.tokens:
        counts[token] += 1
    for place in range(state.size):
        token = state.tokens[place]
        if counts[token] > 0 and domain.number[token] > 0:
            weights[place] = domain.probability[domain.number[token] - 1] * counts[token]
            squares += weights[place] * weights[place]
        counts[token] = 0
    return Observed(weights, math.sqrt(squares))


@compiled
def measure_present(
    ensemble: Ensemble, m: int, low: int, high: int, distinct: int, tally: Tally, value: Floats
) -> None:
    """itfdf_similarity, global_normalized_entropy and confluence; the symbols of present are counted in `tally`."""
    domain, columns = ensemble.domain, ensemble.columns
    squares, entropy, dot, exponent = 0.0, 0.0, 0.0, 0.0
    for d in range(distinct):
        x = domain.number[tally.tokens[d]] - 1
        weight = domain.probability[x] * tally.counts[tally.tokens[d]]
        squares += weight * weight
        entropy += domain.entropy[x]
    for place in range(ensemble.state.size):
        weight = ensemble.observed.weights[place]
        if weight > 0:
            token = ensemble.state.tokens[place]
            dot += weight * (domain.probability[domain.number[token] - 1] * tally.counts[token])
    for i in range(low, high):
        exponent += domain.surprise[domain.number[columns.tokens[i]] - 1]
    frequency = np.int64(columns.frequency[ensemble.members.rows[m]])
    distance = 1 - ratio(dot, ensemble.observed.norm * math.sqrt(squares))
    value[ITFDF_SIMILARITY] = 1 - distance * frequency / ensemble.frequency
    value[GLOBAL_NORMALIZED_ENTROPY] = 0.0 - entropy
    if high > low:
        value[CONFLUENCE] = frequency / ensemble.statistics.pattern_count * (1 - math.pow(10.0, exponent))


@compiled
def measure_shares(
    ensemble: Ensemble, distinct: int, size: int, symbol_count: int, tally: Tally, value: Floats
) -> None:
    """entropy, normalized_entropy and tfidf_score of the counted symbols, `size` with repetition."""
    domain = ensemble.domain
    entropy, normalized, score = 0.0, 0.0, 0.0
    for d in range(distinct):
        token = tally.tokens[d]
        share = tally.counts[token] / size
        entropy += share * math.log2(share)
        if symbol_count > 1:
            normalized += share * (math.log(share) / math.log(symbol_count))
        x = domain.number[token] - 1
        score += share * (domain.rarity[x] if x >= 0 else math.log2(ensemble.statistics.pattern_count) + 1)
    value[ENTROPY] = 0.0 - entropy
    value[NORMALIZED_ENTROPY] = 0.0 - normalized
    value[TFIDF_SCORE] = ratio(score, distinct)


@compiled
def measure_weights(
    ensemble: Ensemble, m: int, weights: Weights, one_symbol: bool, tally: Tally, value: Floats
) -> None:
    """The four weighted metrics of 5.6 and 5.9; the symbols of present are counted in `tally`."""
    members, state, columns = ensemble.members, ensemble.state, ensemble.columns
    row = members.rows[m]
    low, high = present_bounds(columns, members, m)
    matched, observed, extra = 0.0, 0.0, 0.0
    for p in range(members.match_starts[m], members.match_starts[m + 1]):
        matched += weights.by_token[state.tokens[members.match_places[p]]]
    for token in state.tokens:
        observed += weights.by_token[token]
        if tally.counts[token] == 0:
            extra += weights.by_token[token]
    pattern = weight_of(columns.tokens, columns.starts[row], columns.starts[row + 1], weights.by_token)
    present = weight_of(columns.tokens, low, high, weights.by_token)
    value[WEIGHTED_SIMILARITY] = ratio(2 * matched, observed + pattern)
    value[WEIGHTED_EVIDENCE] = ratio(matched, pattern)
    value[WEIGHTED_CONFIDENCE] = 1.0 if one_symbol else ratio(matched, present)
    value[WEIGHTED_SNR] = 1.0 if one_symbol else ratio(matched, matched + extra)


@compiled
def potential(value: Floats, weighted: bool, one_symbol: bool) -> float:
    evidence, confidence, snr = value[EVIDENCE], value[CONFIDENCE], value[SNR]
    if weighted:
        evidence, confidence, snr = value[WEIGHTED_EVIDENCE], value[WEIGHTED_CONFIDENCE], value[WEIGHTED_SNR]
    if one_symbol:
        return evidence + 2
    unity = ratio(1.0, value[FRAGMENTATION] + 1)
    return (evidence + confidence) * snr + value[ITFDF_SIMILARITY] + unity


@compiled
def share_futures(values: Floats, members: Members, group_of: Ints, aggregate: Floats) -> None:
    """predictive_information from the aggregate potential of each member's group, -1 for an empty future (5.6)."""
    for m in range(members.rows.shape[0]):
        if group_of[m] >= 0:
            values[m, PREDICTIVE_INFORMATION] = ratio(values[m, WEIGHTED_STRENGTH], aggregate[group_of[m]])
