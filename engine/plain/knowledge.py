"""A node's patterns and the statistics that follow from them (engine.md 1), and finalize-training (4.4)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import log, log2

from engine.plain.numbers import total
from engine.stm import state


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """emotives: the stored window, oldest map first. retired: it counts in all statistics, and is never predicted."""

    name: str
    events: list[list[str]]
    frequency: int = 1
    emotives: list[dict[str, float]] = field(default_factory=list)
    retired: bool = False

    @property
    def symbols(self) -> list[str]:
        """The symbols of all events."""
        return state(self.events)


class Knowledge:
    """The patterns of one node. All statistics are sums over them; a pattern of frequency f was learned f times."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = {pattern.name: pattern for pattern in patterns}

    @property
    def predictable(self) -> list[Pattern]:
        return [pattern for pattern in self.patterns.values() if not pattern.retired]

    @property
    def pattern_count(self) -> int:
        """N, which is also total_pattern_frequencies (D22)."""
        return len(self.patterns)

    @cached_property
    def symbol_frequency(self) -> Counter[str]:
        """freq(x)."""
        counts: Counter[str] = Counter()
        for pattern in self.patterns.values():
            for symbol in pattern.symbols:
                counts[symbol] += pattern.frequency
        return counts

    @cached_property
    def pattern_membership(self) -> Counter[str]:
        """pmf(x)."""
        return Counter(symbol for pattern in self.patterns.values() for symbol in set(pattern.symbols))

    @property
    def symbol_count(self) -> int:
        """V."""
        return len(self.pattern_membership)


@dataclass(frozen=True, kw_only=True)
class Finalized:
    """What finalize-training stores for one pattern."""

    entropy: float
    normalized_entropy: float
    global_normalized_entropy: float
    tf: dict[str, float]


def finalize(knowledge: Knowledge) -> dict[str, Finalized]:
    """By name, the finalised metrics of every pattern, from the present statistics."""
    return {name: _finalized(pattern, knowledge) for name, pattern in knowledge.patterns.items()}


def _finalized(pattern: Pattern, knowledge: Knowledge) -> Finalized:
    shares = symbol_shares(pattern.symbols)
    probabilities = [knowledge.pattern_membership[symbol] / knowledge.pattern_count for symbol in shares]
    return Finalized(
        entropy=0.0 - total(share * log2(share) for share in shares.values()),
        normalized_entropy=normalized_entropy(shares.values(), knowledge.symbol_count),
        global_normalized_entropy=normalized_entropy(probabilities, knowledge.symbol_count),
        tf=shares,
    )


def symbol_shares(symbols: list[str]) -> dict[str, float]:
    """c(x)/len for every distinct symbol, in order of first appearance."""
    return {symbol: count / len(symbols) for symbol, count in Counter(symbols).items()}


def normalized_entropy(probabilities: Iterable[float], symbol_count: int) -> float:
    """− Σ p·log_V(p) over the positive p; 0 if V ≤ 1."""
    if symbol_count <= 1:
        return 0.0
    return 0.0 - total(p * (log(p) / log(symbol_count)) for p in probabilities if p > 0)
