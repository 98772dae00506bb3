"""The symbols of an index: the number of each, called its token, and its texts as arrays."""

from collections.abc import Sequence
from itertools import accumulate
from sys import getsizeof

import numpy as np
from pydantic_core import to_json

from engine.arrays import Hashes, Json, Texts
from engine.growing import GrowingArray
from engine.minhash import symbol_hashes


def json_texts(texts: Sequence[bytes]) -> Json:
    """The texts joined, and where each starts."""
    ends = np.fromiter(accumulate(map(len, texts), initial=0), dtype=np.int64)
    return Json(np.frombuffer(b"".join(texts), dtype=np.uint8), ends)


class TokensBySymbol(dict[str, int]):
    """Numbers symbols in order of arrival: looking up a new symbol gives it the next token.

    Looking up a symbol with a lone surrogate raises ValueError and gives it no token, because no JSON can hold it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.symbols: list[str] = []
        self.new: list[bytes] = []
        """The JSON of the symbols that are not in the arrays of the table yet."""

    def __missing__(self, symbol: str) -> int:
        self.new.append(to_json(symbol))
        token = self[symbol] = len(self.symbols)
        self.symbols.append(symbol)
        return token


class SymbolTable:
    """Symbols are only ever added. `tokens` may have more symbols than the arrays; `extend` adds them there."""

    def __init__(self) -> None:
        self.tokens = TokensBySymbol()
        self._code_points, self._starts = GrowingArray(np.uint32), GrowingArray(np.int64)
        self._json, self._json_starts = GrowingArray(np.uint8), GrowingArray(np.int64)
        self._hashes = GrowingArray(np.uint32)
        self._starts.append([0])
        self._json_starts.append([0])
        self._string_bytes = 0

    def __len__(self) -> int:
        return len(self._hashes.array())

    def extend(self) -> None:
        """Add the symbols that have received a token since the last call to the arrays."""
        new = self.tokens.symbols[len(self) :]
        json, starts = json_texts(self.tokens.new)
        self.tokens.new.clear()
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
        arrays = (self._code_points, self._starts, self._json, self._json_starts, self._hashes)
        strings = getsizeof(self.tokens) + getsizeof(self.tokens.symbols) + self._string_bytes
        return sum(array.nbytes() for array in arrays) + strings
