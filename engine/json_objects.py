"""JSON arrays of objects, made field by field.

What is large comes from kernels as text; a kernel then joins the fields. No Python object is made for each field.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from engine.arrays import Bytes, Floats, Ints
from engine.kernels.distinct import find_distinct
from engine.kernels.joining import join_fields

_COMMA = ord(",")


class Cells(NamedTuple):
    """The values of one key, one for each object: texts[starts[k] : ends[k]], each between `before` and `after`."""

    starts: Ints
    ends: Ints
    before: bytes = b""
    after: bytes = b""


@cache
def _opening(key: str) -> bytes:
    return to_json(key) + b":"


class JsonObjects:
    """`count` objects in the making. Cells refer to the texts of the instance that made them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._texts: list[Any] = []  # bytes or arrays of bytes
        self._size = 0

    def constant(self, value: object) -> Cells:
        """The same value for each object."""
        nothing = np.zeros(self._count, dtype=np.int64)
        return Cells(nothing, nothing, before=to_json(value))

    def texts(self, texts: Sequence[bytes]) -> Cells:
        """One text for each object."""
        offset = self._add(b"".join(texts))
        bounds = np.fromiter(accumulate(map(len, texts), initial=offset), dtype=np.int64)
        return Cells(bounds[:-1], bounds[1:])

    def numbers(self, *tables: Floats | Ints) -> list[Cells]:
        """Cells for each row of each table, shape (keys, objects). Equal numbers share a text, almost always."""
        written, of_tables = list[float](), []
        for table in tables:
            distinct, places = find_distinct(table.view(np.int64).ravel())
            of_tables.append(places.reshape(table.shape) + len(written))
            written += distinct.view(table.dtype).tolist()
        text = to_json(written)
        commas = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _COMMA)
        bounds = np.concatenate(([0], commas, [len(text) - 1])) + self._add(text)
        places = np.concatenate(of_tables)
        return list(map(Cells, bounds[places] + 1, bounds[places + 1]))

    def parts(self, text: Bytes, starts: Ints, ends: Ints, before: bytes, after: bytes) -> list[Cells]:
        """Cells for each row of `starts` and `ends`, shape (keys, objects): where in `text` the values are."""
        offset = self._add(text)
        return [Cells(*bounds, before, after) for bounds in zip(starts + offset, ends + offset, strict=True)]

    def join(self, fields: Mapping[str, Cells]) -> bytes:
        """The array of the objects, with the fields in this order. There must be at least one object."""
        literals, before = [], b"{"
        for key, cells in fields.items():
            literals.append(before + _opening(key) + cells.before)
            before = cells.after + b","
        literals.append(before.removesuffix(b",") + b"},")
        joined = join_fields(
            np.frombuffer(b"".join(literals), dtype=np.uint8),
            np.fromiter(accumulate(map(len, literals)), dtype=np.int64),
            np.frombuffer(b"".join(self._texts), dtype=np.uint8),
            np.concatenate([cells.starts for cells in fields.values()]).reshape(len(fields), -1),
            np.concatenate([cells.ends for cells in fields.values()]).reshape(len(fields), -1),
        )
        return joined.tobytes()

    def _add(self, text: bytes | Bytes) -> int:
        """Add a text; return where it begins in all texts joined."""
        offset = self._size
        self._texts.append(text)
        self._size += len(text)
        return offset
