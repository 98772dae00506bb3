"""Grouping the members of an ensemble by their future (engine.md 5.8)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Columns, Floats, Ints, Tokens
from engine.kernels.compiler import compiled, inlined, part
from engine.kernels.hashing import empty_slots, mix
from engine.kernels.members import Members


class Futures(NamedTuple):
    """The groups, in ensemble order of their first members.

    group_of: by member, its group, -1 if its future is empty.
    By group: first: the first member. members: their number. weight: Σ f·s. aggregate: share of the sum of all weights.
    """

    group_of: Ints
    first: Ints
    members: Ints
    weight: Floats
    aggregate: Floats


@inlined
def hash_future(tokens: Tokens, start: int, ends: Tokens, events: int, count: int) -> np.uint64:
    """A hash of the `count` events from `events` on, equal for futures that agree after sorting inside each event.

    The symbols of an event are added, so their order makes no difference; the events are chained, so theirs does.
    """
    result = np.uint64(count)
    for number in range(events, events + count):
        total = np.uint64(0)
        for i in range(start + np.int64(ends[number - 1]), start + np.int64(ends[number])):
            total += mix(np.uint64(tokens[i]) + np.uint64(1))
        result = mix(result ^ total) + total
    return result


@part
def same_events(
    tokens: Tokens, start: int, other_start: int, ends: Tokens, events: int, other_events: int, count: int
) -> bool:
    """Whether `count` events of two patterns have the same symbols, with repetition, in each event."""
    for number in range(count):
        low, high = np.int64(ends[events + number - 1]), np.int64(ends[events + number])
        other_low, other_high = np.int64(ends[other_events + number - 1]), np.int64(ends[other_events + number])
        if high - low != other_high - other_low:
            return False
        ours = tokens[start + low : start + high]
        theirs = tokens[other_start + other_low : other_start + other_high]
        if not np.array_equal(ours, theirs) and not np.array_equal(np.sort(ours), np.sort(theirs)):
            return False
    return True


@compiled
def group_futures(columns: Columns, members: Members, similarity: Floats) -> Futures:
    """The groups of 5.8, found in an open-addressing table by the hash of the future.

    A future never begins with event 0, so the end of the event before it is always there.
    """
    starts, event_starts, tokens = columns.starts, columns.event_starts, columns.tokens
    ends, frequency = columns.ends, columns.frequency
    rows, future = members.rows, members.future
    count = rows.shape[0]
    slots = empty_slots(count)
    last = slots.shape[0] - 1
    group_of, first = np.full(count, -1, dtype=np.int64), np.empty(count, dtype=np.int64)
    group_members, weight = np.zeros(count, dtype=np.int64), np.zeros(count)
    groups = 0
    for m in range(count):
        start, events = starts[rows[m]], event_starts[rows[m]] + future[m]
        length = event_starts[rows[m] + 1] - events
        if length == 0:
            continue
        slot = np.int64(hash_future(tokens, start, ends, events, length) & np.uint64(last))
        while slots[slot] >= 0:
            other = first[slots[slot]]
            other_events = event_starts[rows[other]] + future[other]
            if event_starts[rows[other] + 1] - other_events == length and same_events(
                tokens, start, starts[rows[other]], ends, events, other_events, length
            ):
                break
            slot = (slot + 1) & last
        if slots[slot] < 0:
            slots[slot] = groups
            first[groups] = m
            groups += 1
        group = slots[slot]
        group_of[m] = group
        group_members[group] += 1
        weight[group] += np.int64(frequency[rows[m]]) * similarity[m]
    total = 0.0
    for group in range(groups):
        total += weight[group]
    aggregate = weight[:groups] / (total if total != 0 else 1.0)
    return Futures(group_of, first[:groups], group_members[:groups], weight[:groups], aggregate)
