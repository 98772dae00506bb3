"""One node's patterns in memory, ready to predict from.

    index = Index()
    index.upsert([(name, events, frequency), …])   # new patterns, or new frequencies of known ones
    index.remove([name, …])
    index.clear()
    len(index)                                      # patterns
    index.memory_bytes()
    index.symbol_statistics()                       # freq(x) and pmf(x)

A pattern's name is 40 hexadecimal digits; `events` of a known name are not looked at again. All symbol statistics of
engine.md 1 follow from the patterns: freq(x), pmf(x), N, V and total_symbols. The order of upserts makes no difference
to any answer.

Threads: any number of threads may predict from an index while another changes it. `view()` answers the index as it is,
for good, and takes no lock: a change publishes a new view. Columns that only grow are shared between views, counts are
copied. Changes lock each other out.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from sys import getsizeof
from threading import Lock
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.columns import Column
from engine.kernels import Bytes, Ints
from engine.kernels.columns import Columns
from engine.kernels.domain import Statistics
from engine.kernels.names import count_learned, count_members, enter_rows, find_rows, new_slots
from engine.kernels.text import Texts
from engine.minhash import Hashes, symbol_hashes

Row = tuple[str, Sequence[Sequence[str]], int]

_NARROW, _WIDE = np.dtype(np.uint16), np.dtype(np.uint32)
_NAME_BYTES = 20


class SymbolStatistics(NamedTuple):
    frequency: int
    """freq(x)"""
    membership: int
    """pmf(x)"""


class _SymbolNumbers(dict[str, int]):
    """Numbers symbols by order of arrival: looking one up is enough."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols: list[str] = []

    def __missing__(self, symbol: str) -> int:
        number = self[symbol] = len(self.symbols)
        self.symbols.append(symbol)
        return number


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """An index at one moment.

    symbols: by token, and some more if the index has grown since. numbers: the tokens by symbol, likewise.
    symbol_frequency: freq(x) by token. longest: most symbols in a pattern. total_symbols: Σ length·frequency.
    """

    columns: Columns
    statistics: Statistics
    symbol_frequency: Ints
    texts: Texts
    symbol_hashes: Hashes
    symbols: list[str]
    numbers: dict[str, int]
    longest: int
    total_symbols: int

    def names(self, rows: Ints) -> npt.NDArray[np.bytes_]:
        """The binary names of rows, to sort by. (As bytes; NumPy drops zeros at the end, which sort first anyway.)"""
        return self.columns.names[rows].view(f"S{_NAME_BYTES}")[:, 0]

    def hex_names(self, rows: Ints) -> list[str]:
        digits = self.columns.names[rows].tobytes().hex()
        return [digits[start : start + 2 * _NAME_BYTES] for start in range(0, len(digits), 2 * _NAME_BYTES)]

    def token(self, symbol: str) -> int | None:
        """The number of a symbol that some pattern had when the view was taken."""
        token = self.numbers.get(symbol)
        return token if token is not None and token < len(self.symbol_frequency) else None


class Index:
    """See the module's docstring. wide: use 32-bit tokens from the start, not only when 16 bits are too few."""

    def __init__(self, *, wide: bool = False) -> None:
        self._width = _WIDE if wide else _NARROW
        self._changing = Lock()
        self._start_empty()

    def __len__(self) -> int:
        return self._view.statistics.pattern_count

    def view(self) -> View:
        return self._view

    def upsert(self, rows: Iterable[Row]) -> None:
        """Bring patterns in, or their frequencies up to date. The last of several rows of one name counts.

        Raises ValueError, and changes nothing, for a frequency below 1, a pattern without symbols or a bad name.
        """
        latest = {name: (events, frequency) for name, events, frequency in rows}
        if not latest:
            return
        names = _binary_names(latest)
        frequencies = np.fromiter((frequency for _, frequency in latest.values()), dtype=np.int64, count=len(latest))
        if frequencies.min() < 1 or not all(any(events) for events, _ in latest.values()):
            raise ValueError("a pattern has at least one symbol and a frequency of at least 1")
        with self._changing:
            found = find_rows(names, self._names.array(), self._slots)
            known = found >= 0
            self._change(found[known], frequencies[known])
            new = [
                events for (events, _), is_known in zip(latest.values(), known.tolist(), strict=True) if not is_known
            ]
            if new:
                self._append(names[~known], new, frequencies[~known])
            self._publish()

    def remove(self, names: Iterable[str]) -> None:
        """Forget patterns; unknown names are ignored."""
        wanted = _binary_names(set(names))
        with self._changing:
            found = find_rows(wanted, self._names.array(), self._slots)
            rows = found[found >= 0]
            self._change(rows, np.zeros_like(rows))
            if 2 * self._pattern_count < len(self._frequency.array()):
                self._compact()
            self._publish()

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._start_empty()

    def memory_bytes(self) -> int:
        columns = (self._names, self._starts, self._event_starts, self._tokens, self._ends, self._frequency)
        symbols = (self._code_points, self._text_starts, self._symbol_hashes)
        arrays = self._slots.nbytes + self._symbol_frequency.nbytes + self._membership.nbytes
        objects = getsizeof(self._numbers) + getsizeof(self._numbers.symbols) + self._symbol_bytes
        return sum(column.nbytes() for column in (*columns, *symbols)) + arrays + objects

    def symbol_statistics(self) -> dict[str, SymbolStatistics]:
        """freq(x) and pmf(x) of every symbol of the node, sorted by symbol."""
        view = self._view
        counts = zip(view.symbol_frequency.tolist(), view.statistics.membership.tolist(), strict=True)
        symbols = view.symbols[: len(view.symbol_frequency)]
        return {
            symbol: SymbolStatistics(frequency, membership)
            for symbol, (frequency, membership) in sorted(zip(symbols, counts, strict=True))
            if membership > 0
        }

    def _start_empty(self) -> None:
        self._numbers = _SymbolNumbers()
        self._symbol_bytes = 0
        self._code_points = Column(np.uint32)
        self._text_starts = Column(np.int64)
        self._text_starts.append([0])
        self._symbol_hashes = Column(np.uint32)
        self._symbol_frequency = np.zeros(0, dtype=np.int64)
        self._membership = np.zeros(0, dtype=np.int64)
        self._pattern_count = self._total_symbols = 0
        self._start_without_patterns()
        self._publish()

    def _start_without_patterns(self) -> None:
        self._names = Column(np.uint8, (_NAME_BYTES,))
        self._starts, self._event_starts = Column(np.int64), Column(np.int64)
        self._starts.append([0])
        self._event_starts.append([0])
        self._tokens, self._ends = Column(self._width), Column(self._width)
        self._frequency = Column(np.uint32)
        self._slots = new_slots(0)
        self._longest = 0

    def _append(self, names: Bytes, patterns: list[Sequence[Sequence[str]]], frequencies: Ints) -> None:
        """Rows for new patterns."""
        first = len(self._frequency.array())
        numbers = self._numbers
        tokens = [numbers[symbol] for events in patterns for event in events for symbol in event]
        ends = [list(accumulate(map(len, events))) for events in patterns]
        self._append_symbols()
        self._append_rows(
            names,
            np.fromiter((pattern_ends[-1] for pattern_ends in ends), dtype=np.int64, count=len(ends)),
            np.fromiter(map(len, ends), dtype=np.int64, count=len(ends)),
            np.array(tokens, dtype=_WIDE),
            np.fromiter(chain.from_iterable(ends), dtype=_WIDE),
            frequencies,
        )
        rows = np.arange(first, len(self._frequency.array()))
        self._count(rows, frequencies)
        self._count_members(rows, 1)

    def _append_symbols(self) -> None:
        """Columns for the symbols that have got a number since the last time."""
        known = len(self._symbol_frequency)
        new = self._numbers.symbols[known:]
        texts = [np.frombuffer(symbol.encode("utf-32-le", "surrogatepass"), dtype="<u4") for symbol in new]
        lengths = np.fromiter(map(len, new), dtype=np.int64, count=len(new))
        self._text_starts.append(self._text_starts.array()[-1] + np.cumsum(lengths))
        self._code_points.append(np.concatenate(texts) if texts else ())
        self._symbol_hashes.append(symbol_hashes(new))
        self._symbol_frequency = np.pad(self._symbol_frequency, (0, len(new)))
        self._membership = np.pad(self._membership, (0, len(new)))
        self._symbol_bytes += sum(map(getsizeof, new))

    def _append_rows(
        self,
        names: Bytes,
        lengths: Ints,
        event_counts: Ints,
        tokens: npt.NDArray[np.uint32],
        ends: npt.NDArray[np.uint32],
        frequencies: Ints,
    ) -> None:
        first = len(self._frequency.array())
        self._longest = max(self._longest, int(lengths.max(initial=0)))
        if max(self._longest, len(self._numbers)) > np.iinfo(_NARROW).max:
            self._width = _WIDE
            self._tokens.widen(_WIDE)
            self._ends.widen(_WIDE)
        self._names.append(names)
        self._starts.append(self._starts.array()[-1] + np.cumsum(lengths))
        self._event_starts.append(self._event_starts.array()[-1] + np.cumsum(event_counts))
        self._tokens.append(tokens)
        self._ends.append(ends)
        self._frequency.append(frequencies)
        end = first + len(names)
        if 2 * end > len(self._slots):
            self._slots = new_slots(2 * end)
            first = 0
        enter_rows(first, end, self._names.array(), self._slots)

    def _change(self, rows: Ints, frequencies: Ints) -> None:
        """New frequencies of rows that are there; 0 removes a row, more than 0 brings it back."""
        before = self._frequency.array()[rows].astype(np.int64)
        if np.array_equal(before, frequencies):
            return
        self._frequency.replace(rows, frequencies)
        self._count(rows, frequencies - before)
        self._count_members(rows[(before > 0) & (frequencies == 0)], -1)
        self._count_members(rows[(before == 0) & (frequencies > 0)], 1)

    def _count(self, rows: Ints, changes: Ints) -> None:
        """Add `changes` learns of the rows to freq(x) and total_symbols."""
        starts = self._starts.array()
        self._symbol_frequency = self._symbol_frequency.copy()
        count_learned(rows, changes, starts, self._tokens.array(), self._symbol_frequency)
        self._total_symbols += int(((starts[rows + 1] - starts[rows]) * changes).sum())

    def _count_members(self, rows: Ints, change: int) -> None:
        """Add `change` to N and, for each row, to pmf(x) of its symbols."""
        self._membership = self._membership.copy()
        count_members(rows, change, self._starts.array(), self._tokens.array(), self._membership)
        self._pattern_count += change * len(rows)

    def _compact(self) -> None:
        """Drop removed rows; symbols keep their numbers."""
        frequency, names = self._frequency.array(), self._names.array()
        lengths, event_counts = np.diff(self._starts.array()), np.diff(self._event_starts.array())
        tokens, ends = self._tokens.array(), self._ends.array()
        live = frequency > 0
        self._start_without_patterns()
        self._append_rows(
            names[live],
            lengths[live],
            event_counts[live],
            tokens[np.repeat(live, lengths)].astype(_WIDE),
            ends[np.repeat(live, event_counts)].astype(_WIDE),
            frequency[live].astype(np.int64),
        )

    def _publish(self) -> None:
        self._view = View(
            columns=Columns(
                names=self._names.array(),
                starts=self._starts.array(),
                event_starts=self._event_starts.array(),
                tokens=self._tokens.array(),
                ends=self._ends.array(),
                frequency=self._frequency.array(),
            ),
            statistics=Statistics(self._pattern_count, int(np.count_nonzero(self._membership)), self._membership),
            symbol_frequency=self._symbol_frequency,
            texts=Texts(self._code_points.array(), self._text_starts.array()),
            symbol_hashes=self._symbol_hashes.array(),
            symbols=self._numbers.symbols,
            numbers=self._numbers,
            longest=self._longest,
            total_symbols=self._total_symbols,
        )


def _binary_names(names: Collection[str]) -> Bytes:
    """Shape (names, 20). Raises ValueError for what is not 40 hexadecimal digits."""
    if any(len(name) != 2 * _NAME_BYTES for name in names):
        raise ValueError("a pattern name has 40 hexadecimal digits")
    return np.frombuffer(bytes.fromhex("".join(names)), dtype=np.uint8).reshape(-1, _NAME_BYTES)
