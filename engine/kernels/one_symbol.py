"""Selecting the ensemble for a state of one symbol (engine.md 5.9; kato-6.md 3.5)."""

import numpy as np

from engine.arrays import Columns, Flags
from engine.contracts import Semantics
from engine.kernels.alignment import Span, pre_potential
from engine.kernels.compiler import compiled
from engine.kernels.domain import weight_of
from engine.kernels.event_ends import event_end
from engine.kernels.keys import DECIMALS, token_similarity
from engine.kernels.measure import Weights
from engine.kernels.moves import event_of_single
from engine.kernels.search import Found, Scan
from engine.kernels.stopping import is_set


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
