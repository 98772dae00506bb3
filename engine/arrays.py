"""The arrays of an index, by type and by name. Importing this module loads NumPy, not the compiler."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.unsignedinteger[Any]]
"""16 or 32 bits wide."""
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.integer[Any]]
"""Tokens or Ints."""
Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint32]
CodePoints = npt.NDArray[np.uint32]
Frequencies = npt.NDArray[np.uint32]
Slots = npt.NDArray[np.int32]
"""An open-addressing table of rows or tokens, -1 for an empty slot."""


class Columns(NamedTuple):
    """The patterns of an index, one row each. A symbol is a number, its token, given in order of arrival.

    names: SHA-1 digests, shape (rows, 20).
    tokens: the symbols of all patterns; row r has tokens[starts[r] : starts[r + 1]].
    ends: where each event ends, counted in symbols from the start of its pattern; row r has
        ends[event_starts[r] : event_starts[r + 1]].
    frequency: by row; 0 for a removed or retired row.
    """

    names: Bytes
    starts: Ints
    event_starts: Ints
    tokens: Tokens
    ends: Tokens
    frequency: Frequencies


class Statistics(NamedTuple):
    """Of a node: N, V, and pmf(x) by token (engine.md 1)."""

    pattern_count: int
    symbol_count: int
    membership: Ints


class Texts(NamedTuple):
    """The symbols' code points: token t has code_points[starts[t] : starts[t + 1]]."""

    code_points: CodePoints
    starts: Ints

    def strings(self) -> list[str]:
        """All of them, by token."""
        joined, starts = self.code_points.tobytes().decode("utf-32-le"), self.starts.tolist()
        return [joined[start:end] for start, end in pairwise(starts)]


class Json(NamedTuple):
    """JSON texts, one after the other: text k is data[starts[k] : starts[k + 1]]."""

    data: Bytes
    starts: Ints
