"""The columns of an index as the kernels see them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import Bytes, Ints, Tokens, compiled


class Columns(NamedTuple):
    """Patterns, one row each; symbols are numbers, by order of arrival, called tokens.

    names: (rows, 20). tokens: the symbols of all patterns; those of a row from starts[row] to starts[row + 1].
    ends: the ends of all events, counted from the start of the pattern; those of a row from event_starts[row] to
    event_starts[row + 1]. frequency: 0 for a removed row.
    """

    names: Bytes
    starts: Ints
    event_starts: Ints
    tokens: Tokens
    ends: Tokens
    frequency: npt.NDArray[np.uint32]


@compiled
def event_bounds(columns: Columns, row: int, number: int) -> tuple[int, int]:
    """First and last (exclusive) symbol of an event, counted from the start of the pattern."""
    place = columns.event_starts[row] + number
    return (np.int64(columns.ends[place - 1]) if number > 0 else 0), np.int64(columns.ends[place])


@compiled
def split_events(columns: Columns, row: int, first: int, last: int) -> tuple[int, int]:
    """e1 and e2 of 5.5 for blocks that cover symbols `first` to `last` (exclusive), before an event is pulled in."""
    events = columns.event_starts[row]
    count = columns.event_starts[row + 1] - events
    present = 0
    while present < count and (columns.ends[events + present - 1] if present > 0 else 0) < first:
        present += 1
    future = present
    while future < count and (columns.ends[events + future - 1] if future > 0 else 0) < last:
        future += 1
    return present, future


@compiled
def pulls_past(columns: Columns, row: int, present: int, token: int) -> bool:
    """Whether the last past event holds `token`, the first match, and so belongs to present (5.5, D18)."""
    if present == 0:
        return False
    low, high = event_bounds(columns, row, present - 1)
    start = columns.starts[row]
    for i in range(start + low, start + high):
        if np.int64(columns.tokens[i]) == token:
            return True
    return False


@compiled
def symbols_between(columns: Columns, row: int, present: int, future: int) -> tuple[int, int]:
    """First and last (exclusive) symbol of the events present to future, counted from the start of the pattern."""
    events = columns.event_starts[row]
    low = np.int64(columns.ends[events + present - 1]) if present > 0 else 0
    high = np.int64(columns.ends[events + future - 1]) if future > 0 else 0
    return low, high


@compiled
def precedes(names: Bytes, row: int, other: int) -> bool:
    """Whether the name of `row` sorts before that of `other`."""
    for k in range(names.shape[1]):
        if names[row, k] != names[other, k]:
            return names[row, k] < names[other, k]
    return False
