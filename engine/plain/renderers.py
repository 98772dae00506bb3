"""What the two contracts show of a measured match: the only difference between their prediction objects."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.contracts import KATO_3_10, KATO_6_3
from engine.plain.matching import Match
from engine.stm import state

Fields = dict[str, Any]


def render_3_10(fields: Fields, match: Match, *, one_symbol: bool) -> Fields:
    """anomalies are the fuzzy matches (D16), and a one-symbol state has two more fields (D13)."""
    rendered = fields | {"anomalies": match.fuzzy_matches}
    if one_symbol:
        rendered |= {"pattern_data": match.pattern.events, "length": len(match.pattern.symbols)}
    return rendered


def render_6_3(fields: Fields, match: Match, *, one_symbol: bool) -> Fields:
    """anomalies are symbols: missing ones, extra ones, observed ones of fuzzy matches (kato-6.md 3.2)."""
    fuzzy = [fuzzy_match["observed"] for fuzzy_match in match.fuzzy_matches]
    return fields | {"anomalies": [*state(match.parts.missing), *state(match.parts.extras), *fuzzy]}


RENDERERS: Mapping[str, Callable[..., Fields]] = {KATO_3_10.name: render_3_10, KATO_6_3.name: render_6_3}
"""By the name of the contract."""
