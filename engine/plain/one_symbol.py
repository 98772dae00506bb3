"""The candidates for a state of one symbol (engine.md 5.9; kato-6.md 3.5)."""

from engine.contracts import Semantics
from engine.options import Options
from engine.plain.knowledge import Knowledge, Pattern
from engine.plain.matching import Match, measured, similarity
from engine.plain.moves import Pair, event_numbers
from engine.plain.segmentation import Parts, by_position, without
from engine.stopping import Stop


def one_symbol_candidates(
    knowledge: Knowledge, symbol: str, options: Options, semantics: Semantics, stop: Stop
) -> list[Match]:
    """The patterns that begin with the symbol or, if it may be anywhere, have it in any place."""
    anywhere = options.single_symbol_match == "anywhere"
    patterns = [p for p in knowledge.predictable if symbol in (p.symbols if anywhere else p.symbols[:1])]
    if semantics.one_symbol_apart:
        return [_match_apart(pattern, symbol) for pattern in patterns]
    return [_match(pattern, symbol, stop, moving=anywhere) for pattern in patterns]


def _match_apart(pattern: Pattern, symbol: str) -> Match:
    """A match of 5.9: present is the first event that holds the symbol."""
    length, events = len(pattern.symbols), pattern.events
    number = event_numbers(events)[pattern.symbols.index(symbol)]
    present = events[number : number + 1]
    return Match(
        pattern=pattern,
        similarity=2 / (length + 1),
        matches=[symbol],
        fuzzy_matches=[],
        parts=Parts(events[:number], present, events[number + 1 :], without(present, [symbol]), [[]]),
        evidence=1 / length,
        confidence=1.0,
        snr=1.0,
        fragmentation=0.0,
    )


def _match(pattern: Pattern, symbol: str, stop: Stop, *, moving: bool) -> Match:
    """A match as for any other state: of the first occurrence, which may move unless it has to be the first symbol."""
    symbols = pattern.symbols
    parts = by_position(pattern.events, [[symbol]], [Pair(symbols.index(symbol), 0)], stop, moving=moving)
    similar = similarity(symbols, [symbol], stop, by_tokens=True)
    return measured(pattern, similar, [symbol], [], parts, observed=1, blocks=1)
