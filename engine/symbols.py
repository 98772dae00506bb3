"""The symbols of an index: the number of each, called its token, and its texts, all of them as arrays."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from secrets import randbits

import numpy as np
from pydantic_core import to_json

from engine.arrays import Bytes, Hashes, Ints, Json, Masks, Slots, Texts
from engine.growing import Array, GrowingArray, GrowingTable
from engine.kernels.events_json import INVALID, NO_ROOM, Events, Read, read_events
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

    def tokens_of(self, symbols: Collection[str]) -> Ints:
        """The token of each, -1 for those that are not known."""
        # No known symbol has a lone surrogate, and no UTF-8 has 0xFF.
        texts = b"\xff".join([symbol.encode("utf-8", "surrogatepass") for symbol in symbols]) + b"\xff"
        wanted = np.frombuffer(texts, dtype=np.uint8)
        return find_tokens(wanted, len(symbols), self.utf8, self.starts, self.slots, self.key)


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

_ROOM, _ORDINARY_SIZE = 16, 8
"""The new symbols that a table first makes room for, and then twice as many each time; and the bytes for each."""


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

    def read(self, text: str, patterns: int) -> Events:
        """The events of so many patterns, from their JSON texts with commas between them.

        New symbols receive the next tokens, in order of arrival. Raises ValueError for what is no JSON of events or has
        a symbol with a lone surrogate; that may leave symbols in the table that no pattern has.
        """
        data = np.frombuffer(bytearray(text, "utf-8"), dtype=np.uint8)  # UnicodeEncodeError is a ValueError
        most = len(data) // len(b'"",') + 1
        counts, numbers = np.empty((2, patterns), dtype=np.int64), np.empty((2, most), dtype=np.uint32)
        events, room = Events(*counts, *numbers), 0
        read = Read(0, 0, 0, 0, 0, 0, 0, len(self.symbols()), NO_ROOM)
        while read.status == NO_ROOM:
            utf8, starts = self._with_room(room)
            read = read_events(data, read, events, utf8, starts, self._table.slots, self._key)
            self._columns["utf8_starts"].keep(read.symbols + 1)
            self._columns["utf8"].keep(int(starts[read.symbols]))
            room = max(2 * room, _ROOM)
        self._describe_new()
        if read.status == INVALID:
            raise ValueError(f"these are not the events of {patterns} patterns as JSON: see byte {read.at}")
        return events._replace(tokens=events.tokens[: read.tokens], ends=events.ends[: read.events])

    def _with_room(self, symbols: int) -> tuple[Bytes, Ints]:
        """UTF-8 and starts with room for at least so many more symbols of ordinary size; the slots get it, too."""
        utf8 = self._columns["utf8"].with_room(symbols * _ORDINARY_SIZE)
        starts = self._columns["utf8_starts"].with_room(symbols)
        count = len(self.symbols())
        self._table.reserve(count + symbols, lambda slots: enter_tokens(0, count, utf8, starts, slots, self._key))
        return utf8, starts

    def _describe_new(self) -> None:
        """Add what else is known of the symbols that have UTF-8."""
        first, starts = len(self), self._array("utf8_starts")
        if first == len(starts) - 1:
            return
        begun = starts[first]
        joined, places = self._array("utf8")[begun:].tobytes(), (starts[first:] - begun).tolist()
        new = [joined[start:end].decode() for start, end in pairwise(places)]
        json = [to_json(symbol) for symbol in new]
        self._columns["json"].append(np.frombuffer(b"".join(json), dtype=np.uint8))
        self._append_starts("json_starts", map(len, json))
        self._columns["code_points"].append(np.frombuffer("".join(new).encode("utf-32-le"), dtype="<u4"))
        self._append_starts("code_point_starts", map(len, new))
        self._columns["hashes"].append(symbol_hashes(new))

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
