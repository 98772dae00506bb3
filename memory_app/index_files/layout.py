"""The format of an index file: arrays behind a header that says what they are.

    8 bytes FORMAT · length of the header, 8 bytes · its digest, 8 bytes · header, JSON · arrays, each from a page on

An array that grows has room behind its items: a hole in the file, which takes no space on disk. A process that maps
the file copies what it writes (`ACCESS_COPY`), so what it appends is its own, and all else is in memory once for all
processes. Nothing ever writes to a file that has its name: another one takes its place, and those who have mapped the
old one keep it.
"""

import json
import mmap
import os
import struct
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

Array = npt.NDArray[Any]

FORMAT = b"KATOidx1"
_PREFIX = struct.Struct("<8sQQ")
_PAGE = 4096
_MOST_HEADER = 64 * 1024
_ROOM = 4
"""An array that grows has room for a quarter more than its items."""


class Unusable(Exception):
    """A file that is not what it should be. The text says why."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an array is: `offset` in bytes; `shape` of its items; `room`, how many items there is space for."""

    name: str
    dtype: str
    shape: list[int]
    room: int
    offset: int
    digest: int

    @property
    def end(self) -> int:
        return self.offset + self.room * prod(self.shape[1:]) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Mapped:
    """arrays: with their room. sizes: how many items of each are in the file. size: its bytes on disk."""

    facts: dict[str, Any]
    arrays: dict[str, Array]
    sizes: dict[str, int]
    size: int


def write(path: Path, *, facts: Mapping[str, Any], arrays: Mapping[str, Array], growing: Collection[str]) -> None:
    """Write a file. `facts`: what JSON can hold. Raises OSError."""
    placed = _place(arrays, growing, offset=_PREFIX.size + _MOST_HEADER)
    header = json.dumps({"facts": dict(facts), "arrays": [asdict(one) for one in placed]}).encode()
    if len(header) > _MOST_HEADER:
        raise ValueError(f"the facts of {path.name} are too long")
    with path.open("wb") as file:
        os.truncate(file.fileno(), max(one.end for one in placed))
        file.write(_PREFIX.pack(FORMAT, len(header), xxh3_64_intdigest(header)) + header)
        for one in placed:
            file.seek(one.offset)
            file.write(_bytes(arrays[one.name]))
        # No fsync: what a crash of the machine leaves half written has another digest.


def _place(arrays: Mapping[str, Array], growing: Collection[str], offset: int) -> list[Placed]:
    placed = []
    for name, array in arrays.items():
        offset = -(-offset // _PAGE) * _PAGE
        room = len(array) + max(len(array) // _ROOM, _PAGE) if name in growing else len(array)
        placed.append(Placed(name, array.dtype.str, list(array.shape), room, offset, xxh3_64_intdigest(_bytes(array))))
        offset = placed[-1].end
    return placed


def _bytes(array: Array) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B")


def read_facts(path: Path) -> dict[str, Any]:
    """Of a file whose arrays are not looked at. Raises OSError and Unusable."""
    with path.open("rb") as file:
        facts: dict[str, Any] = _header(file.read(_PREFIX.size + _MOST_HEADER))["facts"]
    return facts


def read(path: Path) -> Mapped:
    """Map a file, after a look at every byte of it. Raises OSError and Unusable."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size <= _PREFIX.size:
            raise Unusable("it is cut off")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    header = _header(content[: _PREFIX.size + _MOST_HEADER])
    arrays, sizes = {}, {}
    try:
        placed = [Placed(**one) for one in header["arrays"]]
        if any(one.end > len(content) for one in placed) or any(a.end > b.offset for a, b in pairwise(placed)):
            raise Unusable("it is cut off")
        for one in placed:
            flat = np.frombuffer(content, one.dtype, one.room * prod(one.shape[1:]), one.offset)
            arrays[one.name], sizes[one.name] = flat.reshape(one.room, *one.shape[1:]), one.shape[0]
    except (TypeError, KeyError, ValueError) as error:
        raise Unusable(f"its header is malformed: {error}") from error
    for one in placed:
        if xxh3_64_intdigest(_bytes(arrays[one.name][: one.shape[0]])) != one.digest:
            raise Unusable(f"its array {one.name} is damaged")
    return Mapped(header["facts"], arrays, sizes, status.st_blocks * 512)


def _header(beginning: bytes) -> Any:
    if len(beginning) < _PREFIX.size:
        raise Unusable("it is cut off")
    name, length, digest = _PREFIX.unpack_from(beginning)
    if name != FORMAT:
        raise Unusable("it has another format")
    header = beginning[_PREFIX.size : _PREFIX.size + length]
    if len(header) != length or xxh3_64_intdigest(header) != digest:
        raise Unusable("its header is damaged")
    return json.loads(header)
