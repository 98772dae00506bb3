"""Places in an order against real time. What ended before something else began must not stand behind it."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.torture.history import Request


@dataclass(frozen=True, slots=True)
class Placed:
    """Happened once at some moment from `start` to `end`. It takes the places from `low` to `high`, or shows the state
    after the place `high`."""

    start: float
    end: float
    request: Request
    low: float = 0
    high: float = 0
    writes: bool = False


def overtaken(items: Iterable[Placed]) -> Iterator[tuple[Placed, Placed]]:
    """Pairs (earlier, later): the first ended before the second began, but stands behind it, or shows more than it."""
    begun = sorted(items, key=lambda item: item.start)
    ended = sorted(begun, key=lambda item: item.end)
    highest: Placed | None = None
    finished = 0
    for item in begun:
        while ended[finished].end < item.start:
            if highest is None or ended[finished].high > highest.high:
                highest = ended[finished]
            finished += 1
        if highest is not None and (highest.high >= item.low if item.writes else highest.high > item.high):
            yield highest, item


@dataclass(frozen=True, slots=True)
class Zone:
    """All that belongs to one state that exists once. `first` ended first, `last` began last. If one ended before the
    other began (`stretched`), the state existed all the time between; otherwise at some moment between."""

    first: Placed
    last: Placed

    @classmethod
    def of(cls, items: Sequence[Placed]) -> Self:
        return cls(min(items, key=lambda item: item.end), max(items, key=lambda item: item.start))

    @property
    def stretched(self) -> bool:
        return self.first.end < self.last.start

    @property
    def start(self) -> float:
        return min(self.first.end, self.last.start)

    @property
    def end(self) -> float:
        return max(self.first.end, self.last.start)

    @property
    def story(self) -> tuple[Request, Request]:
        return self.first.request, self.last.request


def torn(zones: Iterable[Zone]) -> Iterator[tuple[Zone, Zone]]:
    """Pairs (state, intruder): the second must have existed while the first did (Gibbons and Korach, 1997)."""
    widest: Zone | None = None
    for zone in sorted(zones, key=lambda zone: zone.start):
        if widest is not None and (
            zone.start < widest.end if zone.stretched else widest.start < zone.start and zone.end < widest.end
        ):
            yield widest, zone
        if zone.stretched and (widest is None or zone.end > widest.end):
            widest = zone


class Possible:
    """Writes that may have happened at some moment of an interval."""

    def __init__(self, writes: Iterable[Placed]) -> None:
        self._writes = sorted(writes, key=lambda write: write.start)
        self._starts = [write.start for write in self._writes]
        self._latest: list[float] = []
        for write in self._writes:
            self._latest.append(max(write.end, self._latest[-1] if self._latest else -math.inf))

    def between(self, start: float, end: float) -> bool:
        """Whether one may have happened at a moment of this interval."""
        begun = bisect_right(self._starts, end)
        return begun > 0 and self._latest[begun - 1] >= start
