"""Reading where the events of a pattern end."""

from engine.arrays import Numbers, Tokens
from engine.kernels.compiler import inlined


@inlined
def event_end(ends: Numbers, events: int, number: int) -> int:
    """The symbols in the first `number` events of the pattern whose events start at `events` in the column `ends`."""
    return int(ends[events + number - 1]) if number > 0 else 0


@inlined
def events_until(ends: Tokens, events: int, count: int, symbols: int) -> int:
    """The smallest number of leading events that hold at least `symbols` symbols, of the `count` from `events` on."""
    number = 0
    for e in range(events, events + count):
        number += ends[e] < symbols
    return number + 1 if symbols > 0 else 0


@inlined
def holds(tokens: Tokens, start: int, end: int, token: int) -> bool:
    """Whether `token` is in tokens[start : end]."""
    found = False
    for i in range(start, end):
        found |= int(tokens[i]) == token
    return found
