"""Members of an ensemble grouped by their future (engine.md 5.8)."""

from typing import NamedTuple

import numpy as np

from engine.kernels import Floats, Ints, compiled
from engine.kernels.columns import Columns, event_bounds
from engine.kernels.members import Members


class Futures(NamedTuple):
    """The groups, in ensemble order of their first members.

    group_of: by member, -1 if its future is empty. first: the first member. members: how many. weight: Σ f·s.
    """

    group_of: Ints
    first: Ints
    members: Ints
    weight: Floats


@compiled
def mix(number: np.uint64) -> np.uint64:
    number = (number ^ (number >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return number ^ (number >> np.uint64(29))


@compiled
def hash_future(columns: Columns, row: int, future: int) -> np.uint64:
    """Equal for futures that agree after sorting inside each event: a sum inside, a chain over the events."""
    start = columns.starts[row]
    events = columns.event_starts[row + 1] - columns.event_starts[row]
    result = np.uint64(events - future)
    for number in range(future, events):
        low, high = event_bounds(columns, row, number)
        total = np.uint64(0)
        for i in range(start + low, start + high):
            total += mix(np.uint64(columns.tokens[i]) + np.uint64(1))
        result = mix(result ^ total) + total
    return result


@compiled
def same_future(columns: Columns, row: int, future: int, other: int, other_future: int) -> bool:
    """Whether two futures have the same symbols, with repetition, in each event."""
    events = columns.event_starts[row + 1] - columns.event_starts[row] - future
    if events != columns.event_starts[other + 1] - columns.event_starts[other] - other_future:
        return False
    for number in range(events):
        low, high = event_bounds(columns, row, future + number)
        other_low, other_high = event_bounds(columns, other, other_future + number)
        if high - low != other_high - other_low:
            return False
        ours = columns.tokens[columns.starts[row] + low : columns.starts[row] + high]
        theirs = columns.tokens[columns.starts[other] + other_low : columns.starts[other] + other_high]
        if not np.array_equal(ours, theirs) and not np.array_equal(np.sort(ours), np.sort(theirs)):
            return False
    return True


@compiled
def group_futures(columns: Columns, members: Members, similarity: Floats) -> Futures:
    """An open-addressing table of the groups by the hash of their future."""
    count = members.rows.shape[0]
    size = 16
    while size < 2 * count:
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    futures = Futures(
        np.full(count, -1, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
        np.zeros(count),
    )
    groups = 0
    for m in range(count):
        row, future = members.rows[m], members.future[m]
        if future == columns.event_starts[row + 1] - columns.event_starts[row]:
            continue
        slot = np.int64(hash_future(columns, row, future) & np.uint64(size - 1))
        while slots[slot] >= 0:
            first = futures.first[slots[slot]]
            if same_future(columns, row, future, members.rows[first], members.future[first]):
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = groups
            futures.first[groups] = m
            groups += 1
        group = slots[slot]
        futures.group_of[m] = group
        futures.members[group] += 1
        futures.weight[group] += np.int64(columns.frequency[row]) * similarity[m]
    return Futures(futures.group_of, futures.first[:groups], futures.members[:groups], futures.weight[:groups])
