"""Ordering the future potentials (D01): by aggregate_potential to 12 decimals, then by their symbols."""

import numpy as np

from engine.arrays import CodePoints, Columns, Ints, Texts, Tokens
from engine.kernels.compiler import compiled, inlined
from engine.kernels.futures import Futures
from engine.kernels.keys import DECIMALS
from engine.kernels.members import Members


@compiled
def order_futures(columns: Columns, members: Members, futures: Futures, texts: Texts) -> Ints:
    """The numbers of the groups, in their order. A merge sort, because NumPy sorts by no comparison of ours."""
    tokens, ends, (code_points, text_starts) = columns.tokens, columns.ends, texts
    rows = members.rows[futures.first]
    starts, lasts = columns.starts[rows], columns.event_starts[rows + 1]
    firsts = columns.event_starts[rows] + members.future[futures.first]
    leading = np.rint(futures.aggregate * -DECIMALS)
    count = rows.shape[0]
    order, spare = np.arange(count), np.empty(count, dtype=np.int64)
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            middle, high = min(low + width, count), min(low + 2 * width, count)
            left, right = low, middle
            for k in range(low, high):
                from_left = right == high
                if left < middle and right < high:
                    ours, theirs = order[left], order[right]
                    from_left = leading[ours] < leading[theirs]
                    if leading[ours] == leading[theirs]:
                        from_left = precedes(
                            tokens, starts, ends, firsts, lasts, ours, theirs, code_points, text_starts
                        )
                spare[k] = order[left] if from_left else order[right]
                left, right = left + from_left, right + (not from_left)
        order, spare = spare, order
        width *= 2
    return order


@inlined
def precedes(
    tokens: Tokens,
    starts: Ints,
    ends: Tokens,
    firsts: Ints,
    lasts: Ints,
    group: int,
    other: int,
    code_points: CodePoints,
    text_starts: Ints,
) -> bool:
    """Whether the future of a group comes before that of the other group; no two futures are the same.

    By group: starts: where the symbols of its pattern begin. firsts, lasts: its future's events in the column `ends`.
    """
    event, other_event, result = firsts[group], firsts[other], 0
    while result == 0 and event < lasts[group] and other_event < lasts[other]:
        place, end = starts[group] + np.int64(ends[event - 1]), starts[group] + np.int64(ends[event])
        there, there_end = starts[other] + np.int64(ends[other_event - 1]), starts[other] + np.int64(ends[other_event])
        while result == 0 and place < end and there < there_end:
            result = compare_texts(tokens[place], tokens[there], code_points, text_starts)
            place, there = place + 1, there + 1
        if result == 0:
            result = (end - place) - (there_end - there)
        event, other_event = event + 1, other_event + 1
    return bool(result < 0 or (result == 0 and event == lasts[group]))


@inlined
def compare_texts(token: int, other: int, code_points: CodePoints, starts: Ints) -> int:
    """Negative if the symbol comes before the other by code points, positive if after it, 0 if they are the same."""
    place, end, there, there_end = starts[token], starts[token + 1], starts[other], starts[other + 1]
    while token != other and place < end and there < there_end and code_points[place] == code_points[there]:
        place, there = place + 1, there + 1
    if token != other and place < end and there < there_end:
        return int(np.int64(code_points[place]) - np.int64(code_points[there]))
    return int((end - place) - (there_end - there))
