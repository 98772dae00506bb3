"""The columns of an index as the kernels see them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import Bytes, Ints, Numbers, Tokens, inlined


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


@inlined
def event_end(ends: Numbers, events: int, number: int) -> int:
    """Where the first `number` events of the pattern end whose events start at `events` in the column `ends`."""
    return int(ends[events + number - 1]) if number > 0 else 0


@inlined
def events_until(ends: Tokens, events: int, count: int, symbols: int) -> int:
    """The smallest number of leading events, of `count` from `events` on, that hold at least `symbols` symbols."""
    number = 0
    for e in range(events, events + count):
        number += ends[e] < symbols
    return number + 1 if symbols > 0 else 0


@inlined
def holds(tokens: Tokens, start: int, end: int, token: int) -> bool:
    """Whether tokens[start : end] holds `token`."""
    found = False
    for i in range(start, end):
        found |= int(tokens[i]) == token
    return found
