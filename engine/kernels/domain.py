"""The symbols of an ensemble: their probabilities, and counting them (engine.md 5.6)."""

import math
from typing import NamedTuple

import numpy as np

from engine.kernels import Floats, Ints, Tokens, compiled
from engine.kernels.blocks import State
from engine.kernels.columns import Columns, symbols_between
from engine.kernels.members import Members


class Statistics(NamedTuple):
    """Of the node: N, V, and pmf(x) by token."""

    pattern_count: int
    symbol_count: int
    membership: Ints


class Domain(NamedTuple):
    """The symbols that have a P(x): those in matches or missing of any member.

    number: by token, 1 + its place in the other arrays, 0 for none. probability: P(x). surprise: log10 of P(x).
    entropy: P(x)·log_V P(x). rarity: log2(N/df(x)) + 1.
    """

    number: Ints
    probability: Floats
    surprise: Floats
    entropy: Floats
    rarity: Floats


class Tally(NamedTuple):
    """Symbols counted: distinct tokens in order of first appearance, counts by token (zeros between uses)."""

    tokens: Ints
    counts: Ints


@compiled
def find_domain(columns: Columns, members: Members, state: State, statistics: Statistics) -> Domain:
    known = statistics.membership.shape[0]
    number = np.zeros(known + state.size, dtype=np.int64)
    tokens = np.empty(members.match_places.shape[0] + present_size(columns, members), dtype=np.int64)
    found = 0
    for m in range(members.rows.shape[0]):
        low, high = present_bounds(columns, members, m)
        for i in range(low, high):
            found = enter(np.int64(columns.tokens[i]), number, tokens, found)
        for p in range(members.match_starts[m], members.match_starts[m + 1]):
            token = state.tokens[members.match_places[p]]
            if token < known and statistics.membership[token] > 0:
                found = enter(token, number, tokens, found)
    domain = Domain(number, np.empty(found), np.empty(found), np.empty(found), np.empty(found))
    for x in range(found):
        describe_symbol(x, statistics.membership[tokens[x]], domain, statistics)
    return domain


@compiled
def present_bounds(columns: Columns, members: Members, m: int) -> tuple[int, int]:
    """First and last (exclusive) place of a member's present in the column of tokens."""
    row = members.rows[m]
    low, high = symbols_between(columns, row, members.present[m], members.future[m])
    return columns.starts[row] + low, columns.starts[row] + high


@compiled
def present_size(columns: Columns, members: Members) -> int:
    size = 0
    for m in range(members.rows.shape[0]):
        low, high = present_bounds(columns, members, m)
        size += high - low
    return size


@compiled
def enter(token: int, number: Ints, tokens: Ints, found: int) -> int:
    """Number a token if it is new; answers how many there are."""
    if number[token] == 0:
        tokens[found] = token
        found += 1
        number[token] = found
    return found


@compiled
def describe_symbol(x: int, membership: int, domain: Domain, statistics: Statistics) -> None:
    n = statistics.pattern_count
    p = membership / n
    df = math.floor(p * n)  # may be one too small (D23)
    domain.probability[x] = p
    domain.surprise[x] = math.log10(p)
    domain.entropy[x] = p * (math.log(p) / math.log(statistics.symbol_count)) if statistics.symbol_count > 1 else 0.0
    domain.rarity[x] = math.log2(n / max(df, 1)) + 1


@compiled
def count_symbols(columns: Columns, low: int, high: int, tally: Tally) -> int:
    """Count the symbols at places low to high of the column of tokens; answers how many are distinct."""
    distinct = 0
    for i in range(low, high):
        token = columns.tokens[i]
        if tally.counts[token] == 0:
            tally.tokens[distinct] = token
            distinct += 1
        tally.counts[token] += 1
    return distinct


@compiled
def forget_symbols(distinct: int, tally: Tally) -> None:
    for d in range(distinct):
        tally.counts[tally.tokens[d]] = 0


@compiled
def weight_of(tokens: Tokens, low: int, high: int, weights: Floats) -> float:
    """W of 5.6 for a part of the column of tokens."""
    weight = 0.0
    for i in range(low, high):
        weight += weights[tokens[i]]
    return weight
