"""The patterns and queries that the engine benchmarks use: symbols with a Zipf distribution, from a fixed seed."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from engine.naming import pattern_name

Events = list[list[str]]
Row = tuple[str, Events, int]

EVENTS = 10
MOST_SYMBOLS = 3
OBSERVED_EVENTS = 5
_CHUNK = 10_000


class Source:
    """Patterns of 10 events with 1 to 3 symbols, drawn by Zipf(1) from `vocabulary` symbols."""

    def __init__(self, vocabulary: int, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._symbols = [f"symbol{number}" for number in range(vocabulary)]
        weights = 1 / np.arange(1, vocabulary + 1)
        self._cumulative = np.cumsum(weights / weights.sum())
        self._rows = self._patterns()

    def rows(self, count: int) -> list[Row]:
        """The next `count` patterns."""
        return list(islice(self._rows, count))

    def queries(self, patterns: list[Row], count: int) -> list[Events]:
        """`count` queries, each 5 consecutive events of a pattern with one symbol replaced and one added."""
        chosen = self._random.integers(len(patterns), size=count)
        return [self._query(patterns[number][1]) for number in chosen]

    def _patterns(self) -> Iterator[Row]:
        while True:
            sizes = self._random.integers(1, MOST_SYMBOLS + 1, size=(_CHUNK, EVENTS))
            drawn = iter(self._draw(int(sizes.sum())))
            for events_sizes in sizes.tolist():
                events = [sorted(islice(drawn, size)) for size in events_sizes]
                yield pattern_name(events), events, 1

    def _query(self, events: Events) -> Events:
        start = int(self._random.integers(len(events) - OBSERVED_EVENTS + 1))
        query = [list(event) for event in events[start : start + OBSERVED_EVENTS]]
        replacement, addition = self._draw(2)
        replaced = query[self._random.integers(OBSERVED_EVENTS)]
        replaced[self._random.integers(len(replaced))] = replacement
        query[self._random.integers(OBSERVED_EVENTS)].append(addition)
        return [sorted(event) for event in query]

    def _draw(self, count: int) -> list[str]:
        numbers = np.searchsorted(self._cumulative, self._random.random(count))
        return [self._symbols[number] for number in numbers.tolist()]
