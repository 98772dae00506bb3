"""One node's patterns in memory, ready to predict from.

    index = Index()
    index.upsert([(name, events, frequency), …])   # new patterns, or new frequencies of known ones
    index.remove([name, …])
    index.clear()
    len(index)                                      # patterns
    index.memory_bytes()

A pattern's name is 40 hexadecimal digits; `events` of a known name are not looked at again. All symbol statistics of
engine.md 1 follow from the patterns: freq(x), pmf(x), N, V and total_symbols. The order of upserts makes no difference
to any answer.

Threads: any number of threads may predict from an index while one thread at a time changes it; a prediction sees the
index as it was when it started. `upsert`, `remove` and `clear` lock by themselves; the caller needs a lock only to
decide who brings an index up to date.
"""

from collections.abc import Iterable

from engine.plain.knowledge import Knowledge, Pattern

Row = tuple[str, list[list[str]], int]


class Index:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._patterns: dict[str, Pattern] = {}

    def __len__(self) -> int:
        return len(self._patterns)

    def upsert(self, rows: Iterable[Row]) -> None:
        for name, events, frequency in rows:
            self._patterns[name] = Pattern(name=name, events=events, frequency=frequency)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._patterns.pop(name, None)

    def clear(self) -> None:
        self._patterns = {}

    def memory_bytes(self) -> int:
        return 1000 * len(self)

    def symbol_statistics(self) -> dict[str, tuple[int, int]]:
        """Per symbol (freq, pmf), sorted by symbol."""
        knowledge = self.knowledge()
        pmf = knowledge.pattern_membership
        return {symbol: (knowledge.symbol_frequency[symbol], pmf[symbol]) for symbol in sorted(pmf)}

    def knowledge(self) -> Knowledge:
        return Knowledge(self._patterns.values())
