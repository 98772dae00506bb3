"""An index at one moment, which predictions are made from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arrays import Columns, Hashes, Ints, Json, Statistics, Texts
from engine.rows import NAME_BYTES
from engine.symbols import Symbols


class SymbolStatistics(NamedTuple):
    """Of one symbol x."""

    frequency: int
    """freq(x)"""
    membership: int
    """pmf(x)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Never changes, whatever happens to the index.

    symbol_frequency: freq(x). It is by token, as are symbols, texts, json and symbol_hashes.
    longest, largest_event: the most symbols in a pattern, and in an event.
    total_symbols: Σ length·frequency.
    retired: the rows of retired patterns, which have the frequency 0 in the columns and count in everything else.
    """

    columns: Columns
    statistics: Statistics
    symbol_frequency: Ints
    symbols: Symbols
    texts: Texts
    json: Json
    symbol_hashes: Hashes
    longest: int
    largest_event: int
    total_symbols: int
    retired: Ints

    def __len__(self) -> int:
        return self.statistics.pattern_count

    def names(self, rows: Ints) -> npt.NDArray[np.bytes_]:
        """The binary names of rows, to sort by. NumPy drops zero bytes at the end, which makes no difference there."""
        return self.columns.names.take(rows, axis=0).view(f"S{NAME_BYTES}")[:, 0]

    def hex_names(self, rows: Ints) -> list[str]:
        """The names of rows, 40 hexadecimal digits each."""
        digits = self.columns.names.take(rows, axis=0).tobytes().hex()
        return [digits[start : start + 2 * NAME_BYTES] for start in range(0, len(digits), 2 * NAME_BYTES)]

    def token(self, symbol: str) -> int | None:
        """The token of a symbol; None if the index did not know the symbol when the view was taken."""
        [token] = self.symbols.tokens_of([symbol]).tolist()
        return token if token >= 0 else None

    def rows_with(self, token: int) -> Ints:
        """The rows of the patterns that have this symbol, retired ones too; not those that were removed."""
        starts, frequency = self.columns.starts, self.columns.frequency
        places = np.flatnonzero(self.columns.tokens == token)
        rows = np.unique(np.searchsorted(starts, places, side="right") - 1)
        return rows[(frequency[rows] > 0) | np.isin(rows, self.retired)]

    def symbol_statistics(self) -> dict[str, SymbolStatistics]:
        """By symbol of the node's patterns, freq(x) and pmf(x), sorted by symbol."""
        counts = zip(self.symbol_frequency.tolist(), self.statistics.membership.tolist(), strict=True)
        return {
            symbol: SymbolStatistics(frequency, membership)
            for symbol, (frequency, membership) in sorted(zip(self.texts.strings(), counts, strict=True))
            if membership > 0
        }
