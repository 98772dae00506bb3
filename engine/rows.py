"""The patterns of an index, one row each, as columns that grow."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from engine.arrays import Bytes, Columns, Flags, Ints
from engine.growing import Array, GrowingArray, GrowingTable
from engine.kernels.name_table import enter_rows, find_rows

NAME_BYTES = 20

NARROW, WIDE = np.dtype(np.uint16), np.dtype(np.uint32)


class Rows:
    """The columns are those of `Columns`.

    longest, largest_event: the most symbols in a pattern, and in an event.
    """

    def __init__(self, width: npt.DTypeLike) -> None:
        self._names = GrowingArray(np.uint8, (NAME_BYTES,))
        self._starts, self._event_starts = GrowingArray(np.int64), GrowingArray(np.int64)
        self._starts.append([0])
        self._event_starts.append([0])
        self._tokens, self._ends = GrowingArray(width), GrowingArray(width)
        self.frequency = GrowingArray(np.uint32)
        self._table, self._given = GrowingTable(), 0
        self.longest = self.largest_event = 0

    @classmethod
    def over(cls, arrays: Mapping[str, Array], sizes: Mapping[str, int], numbers: Mapping[str, int]) -> "Rows":
        """What `stored` gave."""
        rows = cls(arrays["tokens"].dtype)
        columns = {name: GrowingArray.over(arrays[name], sizes[name]) for name in Columns._fields}
        rows._names, rows._starts, rows._event_starts, rows._tokens, rows._ends, rows.frequency = columns.values()
        rows._table, rows._given = GrowingTable.over(arrays["row_slots"]), sizes["names"]
        rows.longest, rows.largest_event = numbers["longest"], numbers["largest_event"]
        return rows

    def stored(self) -> dict[str, Array]:
        """The arrays by name, as they are now: nothing that is added later changes them."""
        return self.columns()._asdict() | {"row_slots": self._table.slots.copy()}

    def columns(self) -> Columns:
        return Columns(*(column.array() for column in self._growing()))

    def __len__(self) -> int:
        return len(self._names.array())

    def find(self, names: Bytes) -> Ints:
        """By name, its row, -1 if there is none. names: shape (names, 20)."""
        return find_rows(names, self._names.array(), self._table.slots)

    def append(
        self,
        names: Bytes,
        lengths: Ints,
        event_counts: Ints,
        tokens: npt.NDArray[np.uint32],
        ends: npt.NDArray[np.uint32],
        frequencies: Ints,
    ) -> None:
        """Add rows, whose names must be new."""
        first = len(self)
        self.longest = max(self.longest, int(lengths.max(initial=0)))
        begun = np.concatenate(([0], ends[:-1]))
        begun[np.cumsum(event_counts) - event_counts] = 0
        self.largest_event = max(self.largest_event, int((ends - begun).max(initial=0)))
        if max(self.longest, int(tokens.max(initial=0)) + 1) > np.iinfo(NARROW).max:
            self._tokens.widen(WIDE)
            self._ends.widen(WIDE)
        self._names.append(names)
        self._starts.append(self._starts.array()[-1] + np.cumsum(lengths))
        self._event_starts.append(self._event_starts.array()[-1] + np.cumsum(event_counts))
        self._tokens.append(tokens)
        self._ends.append(ends)
        self.frequency.append(frequencies)
        all_names = self._names.array()
        self._table.reserve(len(self), lambda slots: enter_rows(0, first, all_names, slots))
        enter_rows(first, len(self), all_names, self._table.slots)

    def only(self, kept: Flags) -> "Rows":
        """These rows alone."""
        columns = self.columns()
        lengths, event_counts = np.diff(columns.starts), np.diff(columns.event_starts)
        rows = Rows(columns.tokens.dtype)
        rows.append(
            columns.names[kept],
            lengths[kept],
            event_counts[kept],
            columns.tokens[np.repeat(kept, lengths)].astype(WIDE),
            columns.ends[np.repeat(kept, event_counts)].astype(WIDE),
            columns.frequency[kept].astype(np.int64),
        )
        return rows

    def memory_bytes(self) -> int:
        return sum(column.nbytes() for column in self._growing()) + self._table.nbytes(len(self) - self._given)

    def _growing(self) -> tuple[GrowingArray, ...]:
        """In the order of `Columns`."""
        return self._names, self._starts, self._event_starts, self._tokens, self._ends, self.frequency
