"""Arrays that grow at their end, and tables to find their items in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.arrays import Slots

Array = npt.NDArray[Any]

_PAGE = 4096
"""What a process may get for itself, at most, of a shared table for each item that it enters."""


class GrowingArray:
    """A NumPy array with room to spare: the cost of appending is, over time, proportional to what is appended.

    Items never change in place, so an array taken with `array()` stays as it is: later items come after its end, or
    all items move to a new array.
    """

    def __init__(self, dtype: npt.DTypeLike, width: tuple[int, ...] = ()) -> None:
        self._data: Array = np.empty((0, *width), dtype=dtype)
        self._size = 0
        self._given: int | None = None

    @classmethod
    def over(cls, data: Array, size: int) -> "GrowingArray":
        """With the first `size` items of `data`; the rest of it is room. Nothing else may write to it."""
        growing = cls(data.dtype, data.shape[1:])
        growing._data, growing._size, growing._given = data, size, size
        return growing

    def array(self) -> Array:
        """The items so far, shape (items, *width). Do not write to it."""
        return self._data[: self._size]

    def append(self, items: npt.ArrayLike) -> None:
        added = np.asarray(items, dtype=self._data.dtype)
        self.with_room(len(added))[self._size : self._size + len(added)] = added
        self._size += len(added)

    def with_room(self, items: int) -> Array:
        """The items so far and room for at least `items` more behind them, to write there and then `keep` it."""
        needed = self._size + items
        if needed > len(self._data):
            self._move(needed + needed // 4, self._data.dtype)
        return self._data

    def keep(self, size: int) -> None:
        """Have this many items from now on."""
        self._size = size

    def replace(self, places: npt.NDArray[np.int64], items: npt.ArrayLike) -> None:
        """Change the items at `places`, in a copy of all items."""
        self._move(len(self._data), self._data.dtype)
        self._data[places] = items

    def widen(self, dtype: npt.DTypeLike) -> None:
        """Hold items of `dtype` from now on, in a copy unless they are of that type."""
        if self._data.dtype != dtype:
            self._move(len(self._data), dtype)

    def nbytes(self) -> int:
        """What it takes, with its room; of an array that was given, only what was appended to it since."""
        return self._data.nbytes if self._given is None else self._data[self._given : self._size].nbytes

    def _move(self, capacity: int, dtype: npt.DTypeLike) -> None:
        data = np.empty((capacity, *self._data.shape[1:]), dtype=dtype)
        data[: self._size] = self.array()
        self._data, self._given = data, None


class GrowingTable:
    """The slots of an open-addressing table, at most two thirds full."""

    def __init__(self) -> None:
        self.slots = _new_slots(0)
        self._given = False

    @classmethod
    def over(cls, slots: Slots) -> "GrowingTable":
        """With these slots, which nothing else may write to."""
        growing = cls()
        growing.slots, growing._given = slots, True
        return growing

    def reserve(self, items: int, enter: Callable[[Slots], None]) -> None:
        """Make room for so many items. If that takes a new table, `enter` enters those that there are."""
        if 3 * items > 2 * len(self.slots):
            slots = _new_slots(items)
            enter(slots)
            self.slots, self._given = slots, False

    def nbytes(self, appended: int) -> int:
        """What it takes; of slots that were given, what `appended` items since may have changed."""
        return min(self.slots.nbytes, _PAGE * appended) if self._given else self.slots.nbytes


def _new_slots(items: int) -> Slots:
    return np.full(1 << max(4, (3 * items // 2).bit_length()), -1, dtype=np.int32)
