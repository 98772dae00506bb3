"""The symbols of an index: the number of each, called its token, and its texts, all of them as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from secrets import randbits

import numpy as np
from pydantic_core import to_json

from engine.arrays import Bytes, Hashes, Ints, Json, Masks, Slots, Texts
from engine.growing import Array, GrowingArray, GrowingTable
from engine.kernels.symbol_table import enter_tokens, find_tokens
from engine.minhash import symbol_hashes


def json_texts(texts: Sequence[bytes]) -> Json:
    """The texts joined, and where each starts."""
    ends = np.fromiter(accumulate(map(len, texts), initial=0), dtype=np.int64)
    return Json(np.frombuffer(b"".join(texts), dtype=np.uint8), ends)


@dataclass(frozen=True, slots=True)
class Symbols:
    """The symbols that an index knew at one moment: `symbols[token]`, `symbols.tokens_of(texts)`.

    utf8: all of them, one after the other: that of token t is utf8[starts[t] : starts[t + 1]].
    """

    utf8: Bytes
    starts: Ints
    slots: Slots
    key: Masks

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, token: int) -> str:
        return self.utf8[self.starts[token] : self.starts[token + 1]].tobytes().decode()

    def tokens_of(self, symbols: Iterable[str]) -> Ints:
        """The token of each, -1 for those that are not known."""
        # No known symbol has a lone surrogate.
        texts = json_texts([symbol.encode("utf-8", "surrogatepass") for symbol in symbols])
        return find_tokens(*texts, self.utf8, self.starts, self.slots, self.key)


SYMBOL_COLUMNS = {
    "utf8": np.uint8,
    "utf8_starts": np.int64,
    "code_points": np.uint32,
    "code_point_starts": np.int64,
    "json": np.uint8,
    "json_starts": np.int64,
    "hashes": np.uint32,
}
_STARTS = ("utf8_starts", "code_point_starts", "json_starts")


class SymbolTable:
    """Symbols are only ever added."""

    def __init__(self) -> None:
        self._columns = {name: GrowingArray(dtype) for name, dtype in SYMBOL_COLUMNS.items()}
        for name in _STARTS:
            self._columns[name].append([0])
        self._table, self._key = GrowingTable(), np.array([randbits(64), randbits(64)], dtype=np.uint64)
        self._given = 0

    @classmethod
    def over(cls, arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> "SymbolTable":
        """What `stored` gave."""
        table = cls()
        table._columns = {name: GrowingArray.over(arrays[name], sizes[name]) for name in SYMBOL_COLUMNS}
        table._table, table._key = GrowingTable.over(arrays["symbol_slots"]), arrays["symbol_key"]
        table._given = len(table)
        return table

    def stored(self) -> dict[str, Array]:
        """The arrays by name, as they are now: nothing that is added later changes them."""
        arrays = {name: column.array() for name, column in self._columns.items()}
        return arrays | {"symbol_slots": self._table.slots.copy(), "symbol_key": self._key}

    def __len__(self) -> int:
        return len(self._array("hashes"))

    def tokens_of(self, symbols: Sequence[str]) -> Ints:
        """The token of each; new symbols receive the next ones, in order of arrival.

        Raises ValueError, and changes nothing, for a symbol with a lone surrogate, because no JSON can hold it.
        """
        distinct = list(dict.fromkeys(symbols))
        tokens = self.symbols().tokens_of(distinct)
        new = [symbol for symbol, token in zip(distinct, tokens.tolist(), strict=True) if token < 0]
        tokens[tokens < 0] = np.arange(len(self), len(self) + len(new))
        self._add(new)
        numbers = dict(zip(distinct, tokens.tolist(), strict=True))
        return np.fromiter(map(numbers.__getitem__, symbols), dtype=np.int64, count=len(symbols))

    def _add(self, new: Sequence[str]) -> None:
        json = [to_json(symbol) for symbol in new]  # first, because only this can fail
        first = len(self)
        self._append("utf8", [symbol.encode() for symbol in new])
        self._append("json", json)
        self._columns["code_points"].append(np.frombuffer("".join(new).encode("utf-32-le"), dtype="<u4"))
        self._append_starts("code_point_starts", map(len, new))
        self._columns["hashes"].append(symbol_hashes(new))
        utf8, starts = self._array("utf8"), self._array("utf8_starts")
        self._table.reserve(len(self), lambda slots: enter_tokens(0, first, utf8, starts, slots, self._key))
        enter_tokens(first, len(self), utf8, starts, self._table.slots, self._key)

    def _append(self, name: str, texts: Sequence[bytes]) -> None:
        self._columns[name].append(np.frombuffer(b"".join(texts), dtype=np.uint8))
        self._append_starts(f"{name}_starts", map(len, texts))

    def _append_starts(self, name: str, lengths: Iterable[int]) -> None:
        self._columns[name].append(self._array(name)[-1] + np.fromiter(accumulate(lengths), dtype=np.int64))

    def _array(self, name: str) -> Array:
        return self._columns[name].array()

    def symbols(self) -> Symbols:
        return Symbols(self._array("utf8"), self._array("utf8_starts"), self._table.slots, self._key)

    def texts(self) -> Texts:
        return Texts(self._array("code_points"), self._array("code_point_starts"))

    def json(self) -> Json:
        return Json(self._array("json"), self._array("json_starts"))

    def hashes(self) -> Hashes:
        return self._array("hashes")

    def memory_bytes(self) -> int:
        columns = sum(column.nbytes() for column in self._columns.values())
        return columns + self._table.nbytes(len(self) - self._given) + self._key.nbytes
