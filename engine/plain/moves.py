"""The pairs of matched positions, and moving those of repeated symbols (kato-6.md 3.3, 3.8)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from engine.stm import Stm
from engine.stopping import Stop


class Pair(NamedTuple):
    """The position of a symbol in the flattened pattern, and that of the same symbol in the state."""

    at: int
    place: int


def event_numbers(events: Stm) -> list[int]:
    """By position, the number of the event that holds it."""
    return list(chain.from_iterable([number] * len(event) for number, event in enumerate(events)))


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Pairs in their order, which is strictly increasing on both sides, and the two lists of symbols they are in.

    event_of, observed_event_of: by position, the number of the event of the pattern and of the STM.
    """

    pairs: Sequence[Pair]
    symbols: list[str]
    observed: list[str]
    event_of: list[int]
    observed_event_of: list[int]

    def settled(self, stop: Stop) -> "Alignment":
        """After the moves. Each pair in turn makes the first move that a rule allows, until none is left to make."""
        pairs, before = list(self.pairs), None
        while pairs != before:
            before = list(pairs)
            for p in range(len(pairs)):
                stop.check()
                pairs[p] = self._with(pairs)._moved(p)
        return self._with(pairs)

    def _with(self, pairs: Sequence[Pair]) -> "Alignment":
        return Alignment(
            pairs=pairs,
            symbols=self.symbols,
            observed=self.observed,
            event_of=self.event_of,
            observed_event_of=self.observed_event_of,
        )

    def _moved(self, p: int) -> Pair:
        """Where pair p belongs, by the first rule that moves it; where it is, if none does."""
        pair = self.pairs[p]
        beside = [other for other in self.pairs if other != pair]
        companions = [o for o in beside if self._observed_event(o) == self._observed_event(pair)]
        if companions:
            event = _most(map(self._event, companions), self._event(pair))
            at = self._free_at(p).get(event)
        else:
            at = self._least_missing(p)
        if at is not None:
            return pair._replace(at=at)
        neighbours = [o for o in beside if self._event(o) == self._event(pair)]
        event = _most(map(self._observed_event, neighbours), self._observed_event(pair))
        return pair._replace(place=self._free_places(p).get(event, pair.place))

    def _free_at(self, p: int) -> dict[int | None, int]:
        """By event of the pattern, the first free occurrence of the symbol between the pairs before and after."""
        low = self.pairs[p - 1].at + 1 if p > 0 else 0
        high = self.pairs[p + 1].at if p + 1 < len(self.pairs) else len(self.symbols)
        return _first_by_event(self.symbols, low, high, self.pairs[p].at, self.event_of)

    def _free_places(self, p: int) -> dict[int | None, int]:
        """The same by event of the STM."""
        low = self.pairs[p - 1].place + 1 if p > 0 else 0
        high = self.pairs[p + 1].place if p + 1 < len(self.pairs) else len(self.observed)
        return _first_by_event(self.observed, low, high, self.pairs[p].place, self.observed_event_of)

    def _least_missing(self, p: int) -> int | None:
        """The free occurrence that leaves strictly the fewest missing symbols, of all and of where the pair is."""
        choices = {at: self._present_size(p, at) for at in [self.pairs[p].at, *self._free_at(p).values()]}
        fewest = [at for at, size in choices.items() if size == min(choices.values())]
        return fewest[0] if len(fewest) == 1 and fewest[0] != self.pairs[p].at else None

    def _present_size(self, p: int, at: int) -> int:
        """The symbols of present if pair p were at `at`. As many of them as there are pairs are not missing."""
        ats = [at if number == p else pair.at for number, pair in enumerate(self.pairs)]
        return sum(self.event_of[ats[0]] <= event <= self.event_of[ats[-1]] for event in self.event_of)

    def _event(self, pair: Pair) -> int:
        return self.event_of[pair.at]

    def _observed_event(self, pair: Pair) -> int:
        return self.observed_event_of[pair.place]


def _most(events: Iterable[int], here: int) -> int | None:
    """The event that is there most often, if it is the only one and is there strictly more often than `here`."""
    counts = Counter(events)
    most = max(counts.values(), default=0)
    leaders = [event for event, count in counts.items() if count == most]
    return leaders[0] if len(leaders) == 1 and most > counts[here] else None


def _first_by_event(symbols: list[str], low: int, high: int, at: int, event_of: list[int]) -> dict[int | None, int]:
    """By event, the first position from low to high (exclusive) with the symbol at `at`, leaving out `at` itself."""
    found: dict[int | None, int] = {}
    for position in range(low, high):
        if position != at and symbols[position] == symbols[at]:
            found.setdefault(event_of[position], position)
    return found
