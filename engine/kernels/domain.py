"""The symbols of an ensemble: their probabilities and their counts (engine.md 5.6; kato-6.md 3.6)."""

import math
from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Floats, Ints, Statistics, Tokens
from engine.kernels.alignment import State
from engine.kernels.compiler import compiled, inlined, part
from engine.kernels.members import Members

FEW_PATTERNS = 256
"""Most symbols are in fewer patterns. What depends on their number alone is computed once for each number."""


class Domain(NamedTuple):
    """The symbols that have a P(x): those in matches or missing of any member, that is, in present or matches.

    number: by token, unknown symbols of the state included: 1 + the symbol's place in the other arrays, 0 for none.
    probability: P(x). surprise: log10 P(x). entropy: P(x)·log_V P(x). rarity: log2(N/df(x)) + 1.
    """

    number: Ints
    probability: Floats
    surprise: Floats
    entropy: Floats
    rarity: Floats


@part
def find_domain(columns: Columns, members: Members, state: State, statistics: Statistics, whole: bool) -> Domain:
    """whole: for the metrics of whole patterns, where df(x) is pmf(x) itself."""
    tokens = columns.tokens
    n, v, membership = statistics.pattern_count, statistics.symbol_count, statistics.membership
    known = membership.shape[0]
    match_places, state_tokens = members.match_places[: members.match_starts[-1]], state.tokens
    number = np.zeros(known + state.size, dtype=np.int64)
    symbols = np.empty(match_places.shape[0] + (members.high - members.low).sum() + 1, dtype=np.int64)
    found = 0
    lows, highs = members.low, members.high
    for m in range(lows.shape[0]):
        for i in range(lows[m], highs[m]):
            found = enter(int(tokens[i]), number, symbols, found)
    for place in match_places:
        token = state_tokens[place]
        if token < known and membership[token] > 0:
            found = enter(token, number, symbols, found)
    probability, surprise, entropy, rarity = np.zeros((4, found))
    log_v, logarithms = math.log(v), np.zeros((3, FEW_PATTERNS))
    for x in range(found):
        k = membership[symbols[x]]
        p = k / n
        slot = k if k < FEW_PATTERNS else 0
        if slot == 0 or logarithms[2, slot] == 0:
            df = k if whole else math.floor(p * n)  # may be too small by one (D23)
            logarithms[0, slot] = math.log10(p)
            logarithms[1, slot] = entropy_of(p, v, log_v)
            logarithms[2, slot] = math.log2(n / max(df, 1)) + 1
        probability[x], surprise[x] = p, logarithms[0, slot]
        entropy[x], rarity[x] = logarithms[1, slot], logarithms[2, slot]
    return Domain(number, probability, surprise, entropy, rarity)


@inlined
def entropy_of(p: float, v: int, log_v: float) -> float:
    """p·log_V p, 0 for a single symbol."""
    return p * (math.log(p) / log_v) if v > 1 else 0.0


@inlined
def enter(token: int, number: Ints, symbols: Ints, found: int) -> int:
    """Number a token if it is new; returns how many have a number. (A branch would often be mispredicted.)"""
    is_new = number[token] == 0
    symbols[found] = token
    found += is_new
    number[token] = found if is_new else number[token]
    return found


@inlined
def count_symbols(tokens: Tokens, low: int, high: int, distinct: Ints, counts: Ints) -> int:
    """Add tokens[low : high] to `counts`, by token; list the distinct ones in order and return how many there are."""
    size = 0
    for i in range(low, high):
        token = tokens[i]
        if counts[token] == 0:
            distinct[size] = token
            size += 1
        counts[token] += 1
    return size


@compiled
def global_entropies(tokens: Tokens, starts: Ints, rows: Ints, statistics: Statistics) -> Floats:
    """global_normalized_entropy of whole patterns (4.4). Shape (rows,)."""
    n, v, membership = statistics.pattern_count, statistics.symbol_count, statistics.membership
    values = np.zeros(rows.shape[0])
    counts = np.zeros(membership.shape[0], dtype=np.int64)
    distinct = np.empty((starts[rows + 1] - starts[rows]).max() if rows.shape[0] > 0 else 0, dtype=np.int64)
    for r in range(rows.shape[0] if v > 1 else 0):
        entropy = 0.0
        for d in range(count_symbols(tokens, starts[rows[r]], starts[rows[r] + 1], distinct, counts)):
            p = membership[distinct[d]] / n
            entropy += p * (math.log(p) / math.log(v))
            counts[distinct[d]] = 0
        values[r] = 0.0 - entropy
    return values


@inlined
def weight_of(tokens: Tokens, low: int, high: int, weights: Floats) -> float:
    """W of 5.6 for tokens[low : high]. weights: by token."""
    weight = 0.0
    for i in range(low, high):
        weight += weights[tokens[i]]
    return weight
