"""The session API in a few lines, as the specification describes it: what each request returns, and what it leaves.

One request at a time. Of a pattern it knows what it consists of and how often it was learned, not how it is named.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Event = tuple[str, ...]
Pattern = tuple[Event, ...]

DEFAULTS: dict[str, Any] = {
    "max_pattern_length": 0,
    "stm_mode": "CLEAR",
    "recall_threshold": 0.1,
    "persistence": 5,
    "max_predictions": 100,
}
LIMIT = 1000


def symbols_of(events: Pattern) -> list[str]:
    return [symbol for event in events for symbol in event]


def common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence."""
    best = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, symbol in enumerate(one):
        for j, against in enumerate(other):
            best[i + 1][j + 1] = best[i][j] + 1 if symbol == against else max(best[i][j + 1], best[i + 1][j])
    return best[-1][-1]


@dataclass
class Node:
    patterns: Counter[Pattern] = field(default_factory=Counter)

    def learn(self, events: Pattern) -> bool:
        """Whether a pattern was learned: it needs two symbols."""
        learned = len(symbols_of(events)) > 1
        self.patterns.update([events] if learned else [])
        return learned

    def symbols(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for pattern, frequency in self.patterns.items():
            for symbol, number in Counter(symbols_of(pattern)).items():
                seen = found.setdefault(symbol, {"name": symbol, "frequency": 0, "pattern_member_frequency": 0})
                seen["frequency"] += number * frequency
                seen["pattern_member_frequency"] += 1
        return found


@dataclass
class Session:
    node: Node
    settings: dict[str, Any] = field(default_factory=dict)
    stm: Pattern = ()
    time: int = 0
    percept: list[str] | None = None
    """The symbols of the last observation."""
    deleted: bool = False

    def configuration(self) -> dict[str, Any]:
        return DEFAULTS | self.settings

    def observe(self, strings: list[str]) -> bool:
        """Whether a pattern was learned automatically."""
        self.stm = (*self.stm, tuple(sorted(strings)))[-LIMIT:]
        self.time += 1
        self.percept = sorted(strings)
        length = self.configuration()["max_pattern_length"]
        if not 0 < length <= len(self.stm):
            return False
        events = self.stm
        rolls = self.configuration()["stm_mode"] == "ROLLING" and len(events) > 1
        self.stm = events[len(events) - (length - 1) :] if rolls else ()
        return self.node.learn(events)

    def sequence(self, events: list[list[str]], *, after_each: bool, at_end: bool, clear_between: bool) -> list[bool]:
        """Which of the learns that were due learned a pattern. Without events nothing is due."""
        learned: list[bool] = []
        for place, strings in enumerate(events):
            if clear_between and place:
                self.stm = ()
            automatic = self.observe(strings)
            if after_each and self.stm:
                learned.append(self.learn())
            learned += [True] if automatic else []
        if at_end and events and self.stm:
            learned.append(self.learn())
        return learned

    def learn(self) -> bool:
        events, self.stm = self.stm, ()
        return self.node.learn(events)

    def clear_stm(self) -> None:
        self.stm, self.time, self.percept = (), 0, None

    def clear_all(self) -> None:
        self.clear_stm()
        self.node.patterns.clear()

    def predictions(self) -> dict[Pattern, int]:
        """The patterns that resemble the STM, with their frequencies."""
        state = symbols_of(self.stm)
        threshold = Fraction(str(self.configuration()["recall_threshold"]))
        found: dict[Pattern, int] = {}
        for pattern, frequency in self.node.patterns.items():
            symbols = symbols_of(pattern)
            if len(state) == 1:
                resembles = pattern[0][0] == state[0]
            else:
                equal = common(symbols, state)
                similarity = Fraction(2 * equal, len(symbols) + len(state))
                resembles = similarity >= threshold and (equal > 0 or threshold == 0)
            if state and resembles:
                found[pattern] = frequency
        return found
