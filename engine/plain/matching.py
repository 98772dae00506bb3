"""One pattern against the state: similarity, blocks, alignment (engine.md 5.2 to 5.5; kato-6.md 3.1, 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.contracts import Semantics
from engine.options import Options
from engine.plain.knowledge import Pattern
from engine.plain.segmentation import Block, Events, Parts, by_consumption, by_position, by_value, pairs_of
from engine.stm import Stm, state
from engine.stopping import Stop


class FuzzyMatch(NamedTuple):
    """An observed symbol, and the most similar symbol of the pattern."""

    observed: str
    expected: str
    similarity: float


@dataclass(frozen=True, kw_only=True)
class Match:
    """A candidate aligned with the state. The names are those of the fields of a prediction."""

    pattern: Pattern
    similarity: float
    matches: list[str]
    fuzzy_matches: list[dict[str, Any]]
    parts: Parts
    evidence: float
    confidence: float
    snr: float
    fragmentation: float

    @property
    def present(self) -> Events:
        return self.parts.present

    @property
    def future(self) -> Events:
        return self.parts.future

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


def fuzzy_matches(symbols: list[str], observed: list[str], threshold: float, stop: Stop) -> list[FuzzyMatch]:
    """The matches of 5.4 for F > 0: every observed symbol takes the most similar pattern symbol."""
    matches = []
    for symbol in observed:
        ratios = [character_ratio(symbol, expected, stop) for expected in symbols]
        best = max(ratios, default=0.0)
        if ratios and best * 100 >= threshold * 100:
            matches.append(FuzzyMatch(symbol, symbols[ratios.index(best)], best * 100 / 100))
    return matches


def align(pattern: Pattern, stm: Stm, options: Options, semantics: Semantics, stop: Stop) -> Match | None:
    """The pattern as a match; None if it is below the threshold or has no symbol in common with the state (5.2)."""
    symbols, observed = pattern.symbols, state(stm)
    similar = similarity(symbols, observed, stop, by_tokens=options.use_token_matching)
    blocks = find_blocks(symbols, observed, stop)
    if similar < options.recall_threshold or (options.recall_threshold > 0 and not blocks):
        return None
    matches = [symbol for block in blocks for symbol in symbols[block.start : block.start + block.size]]
    fuzzy: list[FuzzyMatch] = []
    if options.fuzzy_token_threshold > 0:
        fuzzy = fuzzy_matches(symbols, observed, options.fuzzy_token_threshold, stop)
        matches = [match.observed for match in fuzzy]
    if not semantics.by_position:
        parts = by_value(pattern.events, stm, blocks, matches)
    elif options.fuzzy_token_threshold > 0:
        parts = by_consumption(pattern.events, stm, blocks, matches, [match.expected for match in fuzzy])
    else:
        parts = by_position(pattern.events, stm, pairs_of(blocks), stop)
    return measured(pattern, similar, matches, fuzzy, parts, observed=len(observed), blocks=len(blocks))


def measured(
    pattern: Pattern,
    similar: float,
    matches: list[str],
    fuzzy: list[FuzzyMatch],
    parts: Parts,
    *,
    observed: int,
    blocks: int,
) -> Match:
    """The match with what follows from it alone (5.5). observed: the symbols of the state."""
    return Match(
        pattern=pattern,
        similarity=similar,
        matches=matches,
        fuzzy_matches=[match._asdict() for match in fuzzy if match.observed != match.expected],
        parts=parts,
        evidence=len(matches) / len(pattern.symbols),
        confidence=ratio(len(matches), len(state(parts.present))),
        snr=signal_to_noise(len(matches), observed),
        fragmentation=float(blocks - 1),
    )


def signal_to_noise(matched: int, observed: int) -> float:
    """snr of 5.5, which counts as noise what the matcher left over of the state."""
    unmatched = observed - matched
    return ratio(2 * matched - unmatched, 2 * matched + unmatched)


def ratio(part: float, whole: float) -> float:
    """part / whole, 0 if the whole is 0."""
    return part / whole if whole else 0.0
