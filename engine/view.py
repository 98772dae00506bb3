"""An index at one moment: what predictions are made from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arrays import Columns, Hashes, Ints, Json, Statistics, Texts

NAME_BYTES = 20


class SymbolStatistics(NamedTuple):
    frequency: int
    """freq(x)"""
    membership: int
    """pmf(x)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Never changes, whatever becomes of the index.

    symbol_frequency: freq(x), by token as texts, json and symbol_hashes are. symbols: by token, and some more if the
    index has grown since. numbers: the tokens by symbol, likewise. longest, largest_event: most symbols in a pattern,
    in an event. total_symbols: Σ length·frequency.
    """

    columns: Columns
    statistics: Statistics
    symbol_frequency: Ints
    texts: Texts
    json: Json
    symbol_hashes: Hashes
    symbols: list[str]
    numbers: dict[str, int]
    longest: int
    largest_event: int
    total_symbols: int

    def __len__(self) -> int:
        return self.statistics.pattern_count

    def names(self, rows: Ints) -> npt.NDArray[np.bytes_]:
        """The binary names of rows, to sort by. (As bytes; NumPy drops zeros at the end, which sort first anyway.)"""
        return self.columns.names[rows].view(f"S{NAME_BYTES}")[:, 0]

    def hex_names(self, rows: Ints) -> list[str]:
        digits = self.columns.names[rows].tobytes().hex()
        return [digits[start : start + 2 * NAME_BYTES] for start in range(0, len(digits), 2 * NAME_BYTES)]

    def token(self, symbol: str) -> int | None:
        """The number of a symbol that some pattern had when the view was taken."""
        token = self.numbers.get(symbol)
        return token if token is not None and token < len(self.symbol_frequency) else None

    def symbol_statistics(self) -> dict[str, SymbolStatistics]:
        """freq(x) and pmf(x) of every symbol of the node, sorted by symbol."""
        counts = zip(self.symbol_frequency.tolist(), self.statistics.membership.tolist(), strict=True)
        symbols = self.symbols[: len(self.symbol_frequency)]
        return {
            symbol: SymbolStatistics(frequency, membership)
            for symbol, (frequency, membership) in sorted(zip(symbols, counts, strict=True))
            if membership > 0
        }
