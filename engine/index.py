"""One node's patterns in memory, ready to predict from.

    index = Index()
    index.upsert_json(names, events, frequencies)   # new patterns, or new frequencies of known ones
    index.upsert([(name, events, frequency), …])    # the same, of objects
    index.remove([name, …])
    index.retire([name, …])                        # no prediction returns them any more; they still count
    index.restore([name, …])                       # not retired any more
    index.clear()
    index.memory_bytes()
    view = index.view()
    len(view)                                       # patterns
    view.symbol_statistics()                        # freq(x) and pmf(x)

A pattern's name is 40 hexadecimal digits, or their 20 bytes in `upsert_json`; the `events` of a name that is already
known are ignored. All symbol statistics of engine.md 1 follow from the patterns: freq(x), pmf(x), N, V and
total_symbols. The order of upserts makes no difference to any prediction.

Threads: any number of threads may predict from an index while another thread changes it. `view()` takes no lock and
returns the index as it is at that moment; the view never changes, because a change publishes a new view. Views share
the columns that only grow and have copies of the counts. Changes exclude each other.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
from pydantic_core import to_json

from engine.arrays import Bytes, Columns, Flags, Ints, Statistics
from engine.growing import Array
from engine.kernels.counting import count_learned, count_members
from engine.kernels.events_json import Events
from engine.ranges import LARGEST_FREQUENCY
from engine.rows import NAME_BYTES, NARROW, WIDE, Rows
from engine.symbols import SYMBOL_COLUMNS, SymbolTable
from engine.view import View

Row = tuple[str, Sequence[Sequence[str]], int]


class Stored(NamedTuple):
    """An index of one moment: what `Index.over` needs. Do not write to the arrays."""

    arrays: dict[str, Array]
    numbers: dict[str, int]


GROWING = frozenset({*Columns._fields, *SYMBOL_COLUMNS})
"""The arrays that may have room after their items (`Index.over`)."""


class Index:
    """See the module's docstring. wide: use 32-bit tokens from the start, not only once 16 bits are too few."""

    _retired: Ints  # rows, ascending
    _hidden: Ints  # their frequencies, which are 0 in the column: so predictions see no retired pattern

    def __init__(self, *, wide: bool = False) -> None:
        self._width = WIDE if wide else NARROW
        self._changing = Lock()
        self._start_empty()

    @classmethod
    def over(cls, arrays: Mapping[str, Array], sizes: Mapping[str, int], numbers: Mapping[str, int]) -> "Index":
        """The index that `stored` gave, over arrays that nothing else writes to.

        An array may have room after its first `sizes` items; what is added later is written there while it lasts.
        """
        index = cls()
        index._rows, index._symbols = Rows.over(arrays, sizes, numbers), SymbolTable.over(arrays, sizes)
        index._retired, index._hidden = arrays["retired"], arrays["hidden"]
        index._symbol_frequency, index._membership = arrays["symbol_frequency"], arrays["membership"]
        index._pattern_count, index._total_symbols = numbers["pattern_count"], numbers["total_symbols"]
        index._publish()
        return index

    def stored(self) -> Stored:
        """Its arrays and numbers as they are now."""
        with self._changing:
            arrays = self._rows.stored() | self._symbols.stored()
            arrays |= {
                "retired": self._retired,
                "hidden": self._hidden.copy(),
                "symbol_frequency": self._symbol_frequency,
                "membership": self._membership,
            }
            numbers = {
                "pattern_count": self._pattern_count,
                "total_symbols": self._total_symbols,
                "longest": self._rows.longest,
                "largest_event": self._rows.largest_event,
            }
            return Stored(arrays, numbers)

    def view(self) -> View:
        return self._view

    def upsert_json(self, names: bytes, events: str, frequencies: Ints) -> None:
        """Add new patterns, and replace the frequencies of known ones.

        names: 20 bytes each, all different. events: by name, as JSON, with commas between them.
        A frequency above LARGEST_FREQUENCY counts as that.
        Raises ValueError, and changes nothing, for a frequency below 1, a pattern without symbols, and what is no JSON
        of events or has a symbol with a lone surrogate.
        """
        if len(names) != NAME_BYTES * len(frequencies):
            raise ValueError(f"a pattern name has {NAME_BYTES} bytes")
        with self._changing:
            new = self._symbols.read(events, len(frequencies))
            if min(frequencies.min(initial=1), new.lengths.min(initial=1)) < 1:
                raise ValueError("a pattern has at least one symbol and a frequency of at least 1")
            counted = np.minimum(frequencies, LARGEST_FREQUENCY)
            by_row = np.frombuffer(names, dtype=np.uint8).reshape(-1, NAME_BYTES)
            found = self._rows.find(by_row)
            is_known = found >= 0
            self._append(by_row[~is_known], _only(new, ~is_known), counted[~is_known])
            self._change(found[is_known], counted[is_known])
            self._publish()

    def upsert(self, rows: Iterable[Row]) -> None:
        """`upsert_json` for objects of Python. Of several rows with one name the last counts.

        Raises ValueError also for a name that is not 40 hexadecimal digits.
        """
        latest = {name: (events, frequency) for name, events, frequency in rows}
        names, events = _binary_names(latest).tobytes(), [events for events, _ in latest.values()]
        frequencies = [frequency for _, frequency in latest.values()]
        self.upsert_json(names, to_json(events).decode()[1:-1], np.array(frequencies, dtype=np.int64))

    def remove(self, names: Iterable[str]) -> None:
        """Forget patterns; ignore unknown names. Raises ValueError for a name that is not 40 hexadecimal digits."""
        with self._changing:
            rows = self._rows_of(names)
            self._change(rows, np.zeros_like(rows))
            self._keep_retired(~np.isin(self._retired, rows))
            if 2 * self._pattern_count < len(self._rows):
                self._compact()
            self._publish()

    def retire(self, names: Iterable[str]) -> None:
        """Let no prediction return these patterns, which count in all statistics as before; ignore unknown names."""
        with self._changing:
            rows = self._rows_of(names)
            rows = np.sort(rows[self._rows.frequency.array()[rows] > 0])
            if len(rows):
                places = np.searchsorted(self._retired, rows)
                self._hidden = np.insert(self._hidden, places, self._rows.frequency.array()[rows])
                self._retired = np.insert(self._retired, places, rows)
                self._rows.frequency.replace(rows, 0)
                self._publish()

    def restore(self, names: Iterable[str]) -> None:
        """The reverse of `retire`."""
        with self._changing:
            restored = np.isin(self._retired, self._rows_of(names))
            if restored.any():
                self._rows.frequency.replace(self._retired[restored], self._hidden[restored])
                self._keep_retired(~restored)
                self._publish()

    def _keep_retired(self, kept: Flags) -> None:
        self._retired, self._hidden = self._retired[kept], self._hidden[kept]

    def _rows_of(self, names: Iterable[str]) -> Ints:
        found = self._rows.find(_binary_names(set(names)))
        return found[found >= 0]

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._start_empty()

    def memory_bytes(self) -> int:
        """The memory of its own arrays, with their spare room. Older views may hold more."""
        counts = (self._symbol_frequency, self._membership, self._retired, self._hidden)
        return sum(one.nbytes for one in counts) + self._rows.memory_bytes() + self._symbols.memory_bytes()

    def _start_empty(self) -> None:
        self._symbols = SymbolTable()
        self._symbol_frequency = np.zeros(0, dtype=np.int64)
        self._membership = np.zeros(0, dtype=np.int64)
        self._pattern_count = self._total_symbols = 0
        self._rows = Rows(self._width)
        self._retired, self._hidden = np.zeros((2, 0), dtype=np.int64)
        self._publish()

    def _append(self, names: Bytes, new: Events, frequencies: Ints) -> None:
        first = len(self._rows)
        added = len(self._symbols) - len(self._symbol_frequency)
        self._symbol_frequency = np.pad(self._symbol_frequency, (0, added))
        self._membership = np.pad(self._membership, (0, added))
        self._rows.append(names, *new, frequencies)
        rows = np.arange(first, len(self._rows))
        self._count(rows, frequencies)
        self._count_members(rows, 1)

    def _change(self, rows: Ints, frequencies: Ints) -> None:
        """Set the frequencies of existing rows; 0 removes a row, more than 0 restores it."""
        before = self._rows.frequency.array()[rows].astype(np.int64)
        places = np.searchsorted(self._retired, rows)
        is_retired = np.isin(rows, self._retired)
        before[is_retired] = self._hidden[places[is_retired]]
        if np.array_equal(before, frequencies):
            return
        self._hidden[places[is_retired]] = frequencies[is_retired]
        self._rows.frequency.replace(rows, np.where(is_retired, 0, frequencies))
        self._count(rows, frequencies - before)
        self._count_members(rows[(before > 0) & (frequencies == 0)], -1)
        self._count_members(rows[(before == 0) & (frequencies > 0)], 1)

    def _count(self, rows: Ints, changes: Ints) -> None:
        """Add to freq(x) and total_symbols what the changes of the rows' frequencies amount to."""
        columns = self._rows.columns()
        self._symbol_frequency = self._symbol_frequency.copy()
        count_learned(rows, changes, columns.starts, columns.tokens, self._symbol_frequency)
        self._total_symbols += int(((columns.starts[rows + 1] - columns.starts[rows]) * changes).sum())

    def _count_members(self, rows: Ints, change: int) -> None:
        """Add `change` to N and, for each row, to pmf(x) of its symbols."""
        columns = self._rows.columns()
        self._membership = self._membership.copy()
        count_members(rows, change, columns.starts, columns.tokens, self._membership)
        self._pattern_count += change * len(rows)

    def _compact(self) -> None:
        """Drop removed rows; symbols keep their tokens."""
        live = self._rows.frequency.array() > 0
        live[self._retired] = True
        self._retired = np.flatnonzero(np.isin(np.flatnonzero(live), self._retired))
        self._rows = self._rows.only(live)

    def _publish(self) -> None:
        self._view = View(
            columns=self._rows.columns(),
            statistics=Statistics(self._pattern_count, int(np.count_nonzero(self._membership)), self._membership),
            symbol_frequency=self._symbol_frequency,
            symbols=self._symbols.symbols(),
            texts=self._symbols.texts(),
            json=self._symbols.json(),
            symbol_hashes=self._symbols.hashes(),
            longest=self._rows.longest,
            largest_event=self._rows.largest_event,
            total_symbols=self._total_symbols,
            retired=self._retired,
        )


def _only(events: Events, chosen: Flags) -> Events:
    """Those of the chosen patterns."""
    if chosen.all():
        return events
    lengths, event_counts, tokens, ends = events
    is_chosen = np.repeat(chosen, lengths), np.repeat(chosen, event_counts)
    return Events(lengths[chosen], event_counts[chosen], tokens[is_chosen[0]], ends[is_chosen[1]])


def _binary_names(names: Collection[str]) -> Bytes:
    """Shape (names, 20). Raises ValueError for a name that is not 40 hexadecimal digits."""
    if any(len(name) != 2 * NAME_BYTES for name in names):
        raise ValueError("a pattern name has 40 hexadecimal digits")
    return np.frombuffer(bytes.fromhex("".join(names)), dtype=np.uint8).reshape(-1, NAME_BYTES)
