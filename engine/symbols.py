"""The symbols of an index: each has a number, called its token, and the forms of it that kernels work on."""

from collections.abc import Sequence
from itertools import accumulate
from sys import getsizeof

import numpy as np
from pydantic_core import to_json

from engine.arrays import Hashes, Json, Texts
from engine.growing import Column
from engine.minhash import symbol_hashes


def json_texts(texts: Sequence[bytes]) -> Json:
    ends = np.fromiter(accumulate(map(len, texts), initial=0), dtype=np.int64)
    return Json(np.frombuffer(b"".join(texts), dtype=np.uint8), ends)


class Numbers(dict[str, int]):
    """Numbers symbols by order of arrival: looking one up is enough.

    That raises ValueError, and gives no number, for a symbol with a lone surrogate: no JSON can hold it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.symbols: list[str] = []
        self.new: list[bytes] = []
        """The JSON of those that came since the table was extended."""

    def __missing__(self, symbol: str) -> int:
        self.new.append(to_json(symbol))
        number = self[symbol] = len(self.symbols)
        self.symbols.append(symbol)
        return number


class SymbolTable:
    """Symbols only ever come in addition. `numbers` may be ahead of the columns, which `extend` brings up to it."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._code_points, self._starts = Column(np.uint32), Column(np.int64)
        self._json, self._json_starts = Column(np.uint8), Column(np.int64)
        self._hashes = Column(np.uint32)
        self._starts.append([0])
        self._json_starts.append([0])
        self._string_bytes = 0

    def __len__(self) -> int:
        return len(self._hashes.array())

    def extend(self) -> None:
        """Columns for the symbols that have got a number since the last time."""
        new = self.numbers.symbols[len(self) :]
        json, starts = json_texts(self.numbers.new)
        self.numbers.new.clear()
        self._json.append(json)
        self._json_starts.append(self._json_starts.array()[-1] + starts[1:])
        self._code_points.append(np.frombuffer("".join(new).encode("utf-32-le"), dtype="<u4"))
        lengths = np.fromiter(map(len, new), dtype=np.int64, count=len(new))
        self._starts.append(self._starts.array()[-1] + np.cumsum(lengths))
        self._hashes.append(symbol_hashes(new))
        self._string_bytes += sum(map(getsizeof, new))

    def texts(self) -> Texts:
        return Texts(self._code_points.array(), self._starts.array())

    def json(self) -> Json:
        return Json(self._json.array(), self._json_starts.array())

    def hashes(self) -> Hashes:
        return self._hashes.array()

    def memory_bytes(self) -> int:
        columns = (self._code_points, self._starts, self._json, self._json_starts, self._hashes)
        strings = getsizeof(self.numbers) + getsizeof(self.numbers.symbols) + self._string_bytes
        return sum(column.nbytes() for column in columns) + strings
