"""One node's patterns in memory, ready to predict from.

    index = Index()
    index.upsert([(name, events, frequency), …])   # new patterns, or new frequencies of known ones
    index.remove([name, …])
    index.retire([name, …])                        # no prediction returns them any more; they still count
    index.restore([name, …])                       # not retired any more
    index.clear()
    index.memory_bytes()
    view = index.view()
    len(view)                                       # patterns
    view.symbol_statistics()                        # freq(x) and pmf(x)

A pattern's name is 40 hexadecimal digits; the `events` of a name that is already known are ignored. All symbol
statistics of engine.md 1 follow from the patterns: freq(x), pmf(x), N, V and total_symbols. The order of upserts makes
no difference to any prediction.

Threads: any number of threads may predict from an index while another thread changes it. `view()` takes no lock and
returns the index as it is at that moment; the view never changes, because a change publishes a new view. Views share
the columns that only grow and have copies of the counts. Changes exclude each other.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, chain
from threading import Lock

import numpy as np
import numpy.typing as npt

from engine.arrays import Bytes, Columns, Flags, Ints, Statistics
from engine.growing import GrowingArray
from engine.kernels.counting import count_learned, count_members
from engine.kernels.name_table import enter_rows, find_rows, new_slots
from engine.ranges import LARGEST_FREQUENCY
from engine.symbols import SymbolTable
from engine.view import NAME_BYTES, View

Row = tuple[str, Sequence[Sequence[str]], int]

_NARROW, _WIDE = np.dtype(np.uint16), np.dtype(np.uint32)


class Index:
    """See the module's docstring. wide: use 32-bit tokens from the start, not only once 16 bits are too few."""

    _retired: Ints  # rows, ascending
    _hidden: Ints  # their frequencies, which are 0 in the column: so predictions see no retired pattern

    def __init__(self, *, wide: bool = False) -> None:
        self._width = _WIDE if wide else _NARROW
        self._changing = Lock()
        self._start_empty()

    def view(self) -> View:
        return self._view

    def upsert(self, rows: Iterable[Row]) -> None:
        """Add new patterns, and replace the frequencies of known ones. Of several rows with one name the last counts.

        A frequency above LARGEST_FREQUENCY counts as that.
        Raises ValueError, and changes nothing, for a frequency below 1, a pattern without symbols, a symbol with a lone
        surrogate, or a name that is not 40 hexadecimal digits.
        """
        latest = {name: (events, frequency) for name, events, frequency in rows}
        if not latest:
            return
        names = _binary_names(latest)
        frequencies = np.fromiter((frequency for _, frequency in latest.values()), dtype=np.int64, count=len(latest))
        if frequencies.min() < 1 or not all(any(events) for events, _ in latest.values()):
            raise ValueError("a pattern has at least one symbol and a frequency of at least 1")
        np.minimum(frequencies, LARGEST_FREQUENCY, out=frequencies)
        with self._changing:
            found = find_rows(names, self._names.array(), self._slots)
            known = found >= 0
            new = [
                events for (events, _), is_known in zip(latest.values(), known.tolist(), strict=True) if not is_known
            ]
            if new:  # first, because only this can fail
                self._append(names[~known], new, frequencies[~known])
            self._change(found[known], frequencies[known])
            self._publish()

    def remove(self, names: Iterable[str]) -> None:
        """Forget patterns; ignore unknown names. Raises ValueError for a name that is not 40 hexadecimal digits."""
        with self._changing:
            rows = self._rows_of(names)
            self._change(rows, np.zeros_like(rows))
            self._keep_retired(~np.isin(self._retired, rows))
            if 2 * self._pattern_count < len(self._frequency.array()):
                self._compact()
            self._publish()

    def retire(self, names: Iterable[str]) -> None:
        """Let no prediction return these patterns, which count in all statistics as before; ignore unknown names."""
        with self._changing:
            rows = self._rows_of(names)
            rows = np.sort(rows[self._frequency.array()[rows] > 0])
            if len(rows):
                places = np.searchsorted(self._retired, rows)
                self._hidden = np.insert(self._hidden, places, self._frequency.array()[rows])
                self._retired = np.insert(self._retired, places, rows)
                self._frequency.replace(rows, 0)
                self._publish()

    def restore(self, names: Iterable[str]) -> None:
        """The reverse of `retire`."""
        with self._changing:
            restored = np.isin(self._retired, self._rows_of(names))
            if restored.any():
                self._frequency.replace(self._retired[restored], self._hidden[restored])
                self._keep_retired(~restored)
                self._publish()

    def _keep_retired(self, kept: Flags) -> None:
        self._retired, self._hidden = self._retired[kept], self._hidden[kept]

    def _rows_of(self, names: Iterable[str]) -> Ints:
        found = find_rows(_binary_names(set(names)), self._names.array(), self._slots)
        return found[found >= 0]

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._start_empty()

    def memory_bytes(self) -> int:
        """The memory of the arrays, with their spare room, and of the symbols. Older views may hold more."""
        columns = (self._names, self._starts, self._event_starts, self._tokens, self._ends, self._frequency)
        arrays = sum(one.nbytes for one in (self._slots, self._symbol_frequency, self._membership, self._retired))
        return sum(column.nbytes() for column in columns) + arrays + self._hidden.nbytes + self._symbols.memory_bytes()

    def _start_empty(self) -> None:
        self._symbols = SymbolTable()
        self._symbol_frequency = np.zeros(0, dtype=np.int64)
        self._membership = np.zeros(0, dtype=np.int64)
        self._pattern_count = self._total_symbols = 0
        self._start_without_patterns()
        self._publish()

    def _start_without_patterns(self) -> None:
        self._names = GrowingArray(np.uint8, (NAME_BYTES,))
        self._starts, self._event_starts = GrowingArray(np.int64), GrowingArray(np.int64)
        self._starts.append([0])
        self._event_starts.append([0])
        self._tokens, self._ends = GrowingArray(self._width), GrowingArray(self._width)
        self._frequency = GrowingArray(np.uint32)
        self._retired, self._hidden = np.zeros((2, 0), dtype=np.int64)
        self._slots = new_slots(0)
        self._longest = self._largest_event = 0

    def _append(self, names: Bytes, patterns: list[Sequence[Sequence[str]]], frequencies: Ints) -> None:
        """Add rows for new patterns. Raises ValueError, and changes nothing, for a symbol with a lone surrogate."""
        first = len(self._frequency.array())
        tokens_by_symbol = self._symbols.tokens
        tokens = [tokens_by_symbol[symbol] for events in patterns for event in events for symbol in event]
        ends = [list(accumulate(map(len, events))) for events in patterns]
        self._symbols.extend()
        added = len(self._symbols) - len(self._symbol_frequency)
        self._symbol_frequency = np.pad(self._symbol_frequency, (0, added))
        self._membership = np.pad(self._membership, (0, added))
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
        begun = np.concatenate(([0], ends[:-1]))
        begun[np.cumsum(event_counts) - event_counts] = 0
        self._largest_event = max(self._largest_event, int((ends - begun).max(initial=0)))
        if max(self._longest, len(self._symbols)) > np.iinfo(_NARROW).max:
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
        """Set the frequencies of existing rows; 0 removes a row, more than 0 restores it."""
        before = self._frequency.array()[rows].astype(np.int64)
        places = np.searchsorted(self._retired, rows)
        is_retired = np.isin(rows, self._retired)
        before[is_retired] = self._hidden[places[is_retired]]
        if np.array_equal(before, frequencies):
            return
        self._hidden[places[is_retired]] = frequencies[is_retired]
        self._frequency.replace(rows, np.where(is_retired, 0, frequencies))
        self._count(rows, frequencies - before)
        self._count_members(rows[(before > 0) & (frequencies == 0)], -1)
        self._count_members(rows[(before == 0) & (frequencies > 0)], 1)

    def _count(self, rows: Ints, changes: Ints) -> None:
        """Add to freq(x) and total_symbols what the changes of the rows' frequencies amount to."""
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
        """Drop removed rows; symbols keep their tokens."""
        frequency, names = self._frequency.array(), self._names.array()
        lengths, event_counts = np.diff(self._starts.array()), np.diff(self._event_starts.array())
        tokens, ends = self._tokens.array(), self._ends.array()
        live = frequency > 0
        live[self._retired] = True
        retired, hidden = np.flatnonzero(np.isin(np.flatnonzero(live), self._retired)), self._hidden
        self._start_without_patterns()
        self._append_rows(
            names[live],
            lengths[live],
            event_counts[live],
            tokens[np.repeat(live, lengths)].astype(_WIDE),
            ends[np.repeat(live, event_counts)].astype(_WIDE),
            frequency[live].astype(np.int64),
        )
        self._retired, self._hidden = retired, hidden

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
            texts=self._symbols.texts(),
            json=self._symbols.json(),
            symbol_hashes=self._symbols.hashes(),
            symbols=self._symbols.tokens.symbols,
            tokens_by_symbol=self._symbols.tokens,
            longest=self._longest,
            largest_event=self._largest_event,
            total_symbols=self._total_symbols,
            retired=self._retired,
        )


def _binary_names(names: Collection[str]) -> Bytes:
    """Shape (names, 20). Raises ValueError for a name that is not 40 hexadecimal digits."""
    if any(len(name) != 2 * NAME_BYTES for name in names):
        raise ValueError("a pattern name has 40 hexadecimal digits")
    return np.frombuffer(bytes.fromhex("".join(names)), dtype=np.uint8).reshape(-1, NAME_BYTES)
