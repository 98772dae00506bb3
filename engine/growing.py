"""An array that grows at its end."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class GrowingArray:
    """A NumPy array with room to spare: the cost of appending is, over time, proportional to what is appended.

    Items never change in place, so an array taken with `array()` stays as it is: later items come after its end, or
    all items move to a new array.
    """

    def __init__(self, dtype: npt.DTypeLike, width: tuple[int, ...] = ()) -> None:
        self._data: Array = np.empty((0, *width), dtype=dtype)
        self._size = 0

    def array(self) -> Array:
        """The items so far, shape (items, *width). Do not write to it."""
        return self._data[: self._size]

    def append(self, items: npt.ArrayLike) -> None:
        added = np.asarray(items, dtype=self._data.dtype)
        needed = self._size + len(added)
        if needed > len(self._data):
            self._move(needed + needed // 4, self._data.dtype)
        self._data[self._size : needed] = added
        self._size = needed

    def replace(self, places: npt.NDArray[np.int64], items: npt.ArrayLike) -> None:
        """Change the items at `places`, in a copy of all items."""
        self._move(len(self._data), self._data.dtype)
        self._data[places] = items

    def widen(self, dtype: npt.DTypeLike) -> None:
        """Hold items of `dtype` from now on, in a copy unless they are of that type."""
        if self._data.dtype != dtype:
            self._move(len(self._data), dtype)

    def nbytes(self) -> int:
        return self._data.nbytes

    def _move(self, capacity: int, dtype: npt.DTypeLike) -> None:
        data = np.empty((capacity, *self._data.shape[1:]), dtype=dtype)
        data[: self._size] = self.array()
        self._data = data
