"""How matches divide a pattern into past, present and future, and what is missing and extra."""

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import accumulate
from typing import NamedTuple

from engine.plain.moves import Alignment, Pair, event_numbers
from engine.stm import Stm, state
from engine.stopping import Stop

Events = list[list[str]]


class Block(NamedTuple):
    """A run of `size` equal symbols: pattern symbols from `start` on, state symbols from `state_start` on."""

    start: int
    state_start: int
    size: int


class Parts(NamedTuple):
    """Named as the fields of a prediction."""

    past: Events
    present: Events
    future: Events
    missing: Events
    extras: Events


def by_value(events: Events, stm: Stm, blocks: list[Block], matches: list[str]) -> Parts:
    """By counts of symbols, and by what symbols are anywhere in the matches or in present (engine.md 5.5)."""
    past, present, future = split(events, blocks, matches)
    return Parts(past, present, future, without(present, matches), without(stm, state(present)))


def by_consumption(events: Events, stm: Stm, blocks: list[Block], observed: list[str], expected: list[str]) -> Parts:
    """For fuzzy matching (kato-6.md 3.3): each match takes one symbol from present and one from the STM.

    observed, expected: the matches as they were sent, and as they were learned.
    """
    past, present, future = split(events, blocks, observed)
    return Parts(past, present, future, consumed(present, expected), consumed(stm, observed))


def by_position(events: Events, stm: Stm, pairs: Iterable[Pair], stop: Stop, *, moving: bool = True) -> Parts:
    """By the positions that the matcher paired, after the moves of repeated symbols (kato-6.md 3.3)."""
    alignment = Alignment(
        pairs=list(pairs),
        symbols=state(events),
        observed=state(stm),
        event_of=event_numbers(events),
        observed_event_of=event_numbers(stm),
    )
    settled = alignment.settled(stop).pairs if moving else alignment.pairs
    first = alignment.event_of[settled[0].at] if settled else 0
    last = alignment.event_of[settled[-1].at] if settled else len(events) - 1
    missing = unpaired(events, {pair.at for pair in settled})
    return Parts(
        past=events[:first],
        present=events[first : last + 1],
        future=events[last + 1 :],
        missing=missing[first : last + 1],
        extras=unpaired(stm, {pair.place for pair in settled}),
    )


def pairs_of(blocks: Iterable[Block]) -> list[Pair]:
    """The pairs of the blocks, by position."""
    return [Pair(block.start + k, block.state_start + k) for block in blocks for k in range(block.size)]


def split(events: Events, blocks: list[Block], matches: list[str]) -> tuple[Events, Events, Events]:
    """past, present and future of engine.md 5.5. A last past event that holds the first match joins present (D18)."""
    first = blocks[0].start if blocks else 0
    last = blocks[-1].start + blocks[-1].size if blocks else len(state(events))
    ends = [0, *accumulate(len(event) for event in events)]
    present = next(e for e, end in enumerate(ends) if end >= first)
    future = next(e for e, end in enumerate(ends) if end >= last and e >= present)
    if present > 0 and matches and matches[0] in events[present - 1]:
        present -= 1
    return events[:present], events[present:future], events[future:]


def without(events: Iterable[list[str]], symbols: Iterable[str]) -> Events:
    """The events without the symbols that are in `symbols`."""
    excluded = set(symbols)
    return [[symbol for symbol in event if symbol not in excluded] for event in events]


def consumed(events: Iterable[list[str]], symbols: Iterable[str]) -> Events:
    """The events without as many occurrences of each symbol as `symbols` has, the first ones."""
    left = Counter(symbols)
    remaining: Events = []
    for event in events:
        remaining.append([])
        for symbol in event:
            if left[symbol] > 0:
                left[symbol] -= 1
            else:
                remaining[-1].append(symbol)
    return remaining


def unpaired(events: Iterable[list[str]], positions: Collection[int]) -> Events:
    """The events without the symbols at these positions, which count through all events."""
    remaining: Events = []
    end = 0
    for event in events:
        remaining.append([symbol for position, symbol in enumerate(event, end) if position not in positions])
        end += len(event)
    return remaining
