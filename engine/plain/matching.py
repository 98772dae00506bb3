"""One pattern against the state: similarity, blocks, alignment (engine.md 5.2 to 5.5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from engine.options import Options
from engine.plain.knowledge import Pattern
from engine.stm import Stm, state
from engine.stopping import Stop

Events = list[list[str]]


class Block(NamedTuple):
    """A run of `size` equal symbols: pattern symbols from `start` on, state symbols from `state_start` on."""

    start: int
    state_start: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """A candidate aligned with the state. The names are those of the fields of a prediction."""

    pattern: Pattern
    similarity: float
    matches: list[str]
    anomalies: list[dict[str, Any]]
    past: Events
    present: Events
    future: Events
    missing: Events
    extras: Events
    evidence: float
    confidence: float
    snr: float
    fragmentation: float

    @property
    def unity(self) -> float:
        """g of 5.6."""
        return 0.0 if self.fragmentation == -1.0 else 1 / (self.fragmentation + 1)

    @property
    def pre_potential(self) -> float:
        """pre of 5.6."""
        return (self.evidence + self.confidence) * self.snr + self.unity


def common_subsequence(first: Sequence[str], second: Sequence[str], stop: Stop) -> int:
    """l of 5.2: the length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for item in first:
        stop.check()
        previous = row
        row = [0]
        for j, other in enumerate(second):
            row.append(previous[j] + 1 if item == other else max(previous[j + 1], row[j]))
    return row[-1]


def token_ratio(symbols: list[str], observed: list[str], stop: Stop) -> float:
    """2·l / (L+S), before the step of D40."""
    return 2 * common_subsequence(symbols, observed, stop) / (len(symbols) + len(observed))


def character_ratio(first: str, second: str, stop: Stop) -> float:
    """1 − (t − 2l)/t in code points; 1 for two empty texts."""
    length = len(first) + len(second)
    if length == 0:
        return 1.0
    return 1 - (length - 2 * common_subsequence(first, second, stop)) / length


def similarity(symbols: list[str], observed: list[str], stop: Stop, *, by_tokens: bool) -> float:
    """Similarity of 5.2. The last two operations change some values by one unit in the last place (D40)."""
    if by_tokens:
        return token_ratio(symbols, observed, stop) * 100 / 100
    return character_ratio(" ".join(observed), " ".join(symbols), stop) * 100 / 100


def find_blocks(symbols: list[str], observed: list[str], stop: Stop) -> list[Block]:
    """The blocks of 5.3, by place: greedy, the longest run first. Blocks that touch in both texts are joined."""
    runs = sorted(_runs(symbols, observed, 0, len(symbols), 0, len(observed), stop))
    joined: list[Block] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and (last.start + last.size, last.state_start + last.size) == (run.start, run.state_start):
            joined[-1] = last._replace(size=last.size + run.size)
        else:
            joined.append(run)
    return joined


def _runs(symbols: list[str], observed: list[str], i0: int, i1: int, j0: int, j1: int, stop: Stop) -> list[Block]:
    best = Block(i0, j0, 0)
    for i in range(i0, i1):
        stop.check()
        for j in range(j0, j1):
            size = 0
            while i + size < i1 and j + size < j1 and symbols[i + size] == observed[j + size]:
                size += 1
            if size > best.size:
                best = Block(i, j, size)
    if best.size == 0:
        return []
    before = _runs(symbols, observed, i0, best.start, j0, best.state_start, stop)
    after = _runs(symbols, observed, best.start + best.size, i1, best.state_start + best.size, j1, stop)
    return [*before, best, *after]


def fuzzy_matches(
    symbols: list[str], observed: list[str], threshold: float, stop: Stop
) -> tuple[list[str], list[dict[str, Any]]]:
    """matches and anomalies of 5.4 for F > 0: every observed symbol takes the most similar pattern symbol."""
    matches, anomalies = [], []
    for symbol in observed:
        ratios = [character_ratio(symbol, expected, stop) for expected in symbols]
        best = max(ratios, default=0.0)
        if not ratios or best * 100 < threshold * 100:
            continue
        matches.append(symbol)
        expected = symbols[ratios.index(best)]
        if expected != symbol:
            anomalies.append({"observed": symbol, "expected": expected, "similarity": best * 100 / 100})
    return matches, anomalies


def align(pattern: Pattern, stm: Stm, options: Options, stop: Stop) -> Match | None:
    """The pattern as a match; None if it is below the threshold or has no symbol in common with the state (5.2)."""
    symbols, observed = pattern.symbols, state(stm)
    similar = similarity(symbols, observed, stop, by_tokens=options.use_token_matching)
    blocks = find_blocks(symbols, observed, stop)
    if similar < options.recall_threshold or (options.recall_threshold > 0 and not blocks):
        return None
    matches = [symbol for block in blocks for symbol in symbols[block.start : block.start + block.size]]
    anomalies: list[dict[str, Any]] = []
    if options.fuzzy_token_threshold > 0:
        matches, anomalies = fuzzy_matches(symbols, observed, options.fuzzy_token_threshold, stop)
    first = blocks[0].start if blocks else 0
    last = blocks[-1].start + blocks[-1].size if blocks else len(symbols)
    past, present, future = split(pattern.events, first, last)
    if past and matches and matches[0] in past[-1]:
        present.insert(0, past.pop())
    matched = len(matches)
    unmatched = len(observed) - matched
    in_present = len(state(present))
    return Match(
        pattern=pattern,
        similarity=similar,
        matches=matches,
        anomalies=anomalies,
        past=past,
        present=present,
        future=future,
        missing=without(present, matches),
        extras=without(stm, state(present)),
        evidence=matched / len(symbols),
        confidence=matched / in_present if in_present else 0.0,
        snr=ratio(2 * matched - unmatched, 2 * matched + unmatched),
        fragmentation=float(len(blocks) - 1),
    )


def split(events: Events, first: int, last: int) -> tuple[Events, Events, Events]:
    """past, present and future of 5.5 for blocks that cover symbols `first` to `last` (exclusive)."""
    ends = [0, *accumulate(len(event) for event in events)]
    present = next(e for e, end in enumerate(ends) if end >= first)
    future = next(e for e, end in enumerate(ends) if end >= last and e >= present)
    return events[:present], events[present:future], events[future:]


def without(events: Iterable[list[str]], symbols: Iterable[str]) -> Events:
    """The events without the symbols that are in `symbols`."""
    excluded = set(symbols)
    return [[symbol for symbol in event if symbol not in excluded] for event in events]


def ratio(part: float, whole: float) -> float:
    """part / whole, 0 if the whole is 0."""
    return part / whole if whole else 0.0
