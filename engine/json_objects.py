"""JSON arrays of objects, made field by field.

What is large comes from kernels as text; a kernel then joins the fields. No Python object is made for each field.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from engine.arrays import Bytes, Ints
from engine.kernels.joining import join_fields

_COMMA = ord(",")


class Cells(NamedTuple):
    """The values of one key, one for each object: texts[starts[k] : ends[k]], each between `before` and `after`."""

    starts: Ints
    ends: Ints
    before: bytes = b""
    after: bytes = b""


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

    def texts(self, texts: Sequence[bytes], before: bytes = b"", after: bytes = b"") -> Cells:
        """One text for each object."""
        offset = self._add(b"".join(texts))
        bounds = np.fromiter(accumulate(map(len, texts), initial=offset), dtype=np.int64)
        return Cells(bounds[:-1], bounds[1:], before, after)

    def numbers(self, numbers: list[float]) -> list[Cells]:
        """As many cells as fit: `numbers` holds one number for each object, then those of the next key, and so on."""
        text = to_json(numbers)
        commas = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _COMMA)
        bounds = np.concatenate(([0], commas, [len(text) - 1])) + self._add(text)
        starts, ends = bounds[:-1].reshape(-1, self._count) + 1, bounds[1:].reshape(-1, self._count)
        return list(map(Cells, starts, ends))

    def parts(self, text: Bytes, starts: Ints, ends: Ints, before: bytes, after: bytes) -> list[Cells]:
        """Cells for each row of `starts` and `ends`, shape (keys, objects): where in `text` the values are."""
        offset = self._add(text)
        return [Cells(*bounds, before, after) for bounds in zip(starts + offset, ends + offset, strict=True)]

    def join(self, fields: Mapping[str, Cells]) -> bytes:
        """The array of the objects, with the fields in this order. There must be at least one object."""
        literals, before = [], b"{"
        for key, cells in fields.items():
            literals.append(before + to_json(key) + b":" + cells.before)
            before = cells.after + b","
        literals.append(before.removesuffix(b",") + b"},")
        joined = join_fields(
            np.frombuffer(b"".join(literals), dtype=np.uint8),
            np.fromiter(accumulate(map(len, literals)), dtype=np.int64),
            np.frombuffer(b"".join(self._texts), dtype=np.uint8),
            np.array([cells.starts for cells in fields.values()]),
            np.array([cells.ends for cells in fields.values()]),
        )
        return joined.tobytes()

    def _add(self, text: bytes | Bytes) -> int:
        """Add a text; return where it begins in all texts joined."""
        offset = self._size
        self._texts.append(text)
        self._size += len(text)
        return offset
