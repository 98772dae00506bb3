"""Events as the console shows them: chips, coloured by what each symbol is in a prediction."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# More would make a page longer, not clearer; the export has everything.
MOST_EVENTS, MOST_SYMBOLS = 100, 50


@dataclass(frozen=True, slots=True)
class Chip:
    """`kind`: a CSS class (`past`, `match`, `missing`, `extra`, `future`, or none)."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """`left_out`: how many more symbols it has."""

    chips: list[Chip]
    kind: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class EventList:
    """`left_out`: how many more events there are."""

    events: list[Event]
    left_out: int = 0


def event(symbols: Iterable[str], kind: str = "", symbol_kind: str | None = None) -> Event:
    given = list(symbols)
    chips = [Chip(symbol, kind if symbol_kind is None else symbol_kind) for symbol in given[:MOST_SYMBOLS]]
    return Event(chips, kind, max(0, len(given) - MOST_SYMBOLS))


def newest(events: list[list[str]]) -> EventList:
    return EventList([event(one) for one in events[-MOST_EVENTS:]], max(0, len(events) - MOST_EVENTS))


def oldest(events: list[list[str]], most: int = MOST_EVENTS) -> EventList:
    return EventList([event(one) for one in events[:most]], max(0, len(events) - most))


@dataclass(frozen=True, slots=True)
class PredictionView:
    """A prediction to look at: the pattern's events in time, the extra symbols observed, and how well it fits.

    `misspelt`: what was observed, and the symbol of the pattern that it was accepted for.
    """

    name: str
    timeline: list[Event]
    extras: list[str]
    misspelt: list[dict[str, Any]]
    figures: dict[str, float]
    emotives: dict[str, float]


_FIGURES = ("potential", "similarity", "confidence", "evidence", "snr", "frequency")


def prediction_view(prediction: dict[str, Any]) -> PredictionView:
    present = [
        _present(symbols, missing)
        for symbols, missing in zip(prediction["present"], prediction["missing"], strict=True)
    ]
    return PredictionView(
        name=prediction["name"],
        timeline=[
            *(event(one, "past") for one in prediction["past"]),
            *present,
            *(event(one, "future") for one in prediction["future"]),
        ],
        extras=[symbol for one in prediction["extras"] for symbol in one][:MOST_SYMBOLS],
        misspelt=prediction["fuzzy_matches"][:MOST_SYMBOLS],
        figures={name: prediction[name] for name in _FIGURES},
        emotives=prediction["emotives"],
    )


def _present(symbols: list[str], missing: list[str]) -> Event:
    """A symbol may occur in an event more than once, and only some of its occurrences may be missing."""
    still_missing = Counter(missing)
    chips = []
    for symbol in reversed(symbols):
        is_missing = still_missing[symbol] > 0
        still_missing[symbol] -= is_missing
        chips.append(Chip(symbol, "missing" if is_missing else "match"))
    chips.reverse()
    return Event(chips[:MOST_SYMBOLS], "present", max(0, len(chips) - MOST_SYMBOLS))
