"""What each web process is doing at this moment: requests in flight, indexes in memory. One slot per process.

All of them map the same file into memory; it has a slot for every worker that there may be. Unlike a counter, a value
that a dead process left here means nothing. So a process holds a lock on one byte of the file for its slot, which the
kernel releases when the process ends: a slot counts while it is locked, then the next process takes it.
"""

import fcntl
import mmap
import os
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from foundation.metrics.folder import folder

# The most that KATO_WORKERS allows, and some that start while others still stop.
_SLOTS = 80
_PID, _IN_FLIGHT, _PEAK, _NODES, _PATTERNS, _SYMBOLS, _INDEX_BYTES, _RESIDENT = range(8)
_BYTES = _SLOTS * 8 * 8


@dataclass(frozen=True, slots=True)
class Slot:
    """One living web process; sizes in bytes."""

    pid: int
    in_flight: int
    index_nodes: int
    index_patterns: int
    index_symbols: int
    index_bytes: int
    resident_bytes: int


class Board:
    """Opens its file at the first use. In a process without a folder for metrics it is of this process alone."""

    def __init__(self) -> None:
        self._slot = -1
        self._lock = threading.Lock()

    @cached_property
    def _file(self) -> BinaryIO | None:
        """Open for as long as the process lives: closing it would give up the lock."""
        path = folder()
        return None if path is None else (path / "board").open("a+b")

    @cached_property
    def _columns(self) -> list[memoryview]:
        memory: mmap.mmap | bytearray = bytearray(_BYTES)
        if self._file is not None:
            self._file.truncate(_BYTES)  # a new file grows, an old one keeps its size: others have it mapped
            memory = mmap.mmap(self._file.fileno(), _BYTES)
        whole = memoryview(memory).cast("q")
        return [whole[first : first + _SLOTS] for first in range(0, 8 * _SLOTS, _SLOTS)]

    @cached_property
    def _in_flight(self) -> memoryview:
        return self._columns[_IN_FLIGHT]

    @cached_property
    def _peak(self) -> memoryview:
        return self._columns[_PEAK]

    def claim(self) -> None:
        """Take a slot for this process. Call it in the worker process, after the fork and before the first `enter`."""
        self._slot = next(slot for slot in range(_SLOTS) if self._lock_byte(slot))
        for column in self._columns:
            # The peak is of the machine and stays true when the process that saw it has ended.
            if column is not self._peak:
                column[self._slot] = 0
        self._columns[_PID][self._slot] = os.getpid()

    def enter(self) -> None:
        """A request begins. Its process adds up those of all processes, so one of them sees the highest sum."""
        with self._lock:
            self._in_flight[self._slot] += 1
            total = sum(self._in_flight)
            if total > self._peak[self._slot]:
                self._peak[self._slot] = total

    def leave(self) -> None:
        with self._lock:
            self._in_flight[self._slot] -= 1

    def publish(self, *, nodes: int, patterns: int, symbols: int, index_bytes: int, resident_bytes: int) -> None:
        """What this process holds in memory. Does nothing in a process that has no slot."""
        if self._slot < 0:
            return
        values = {
            _NODES: nodes,
            _PATTERNS: patterns,
            _SYMBOLS: symbols,
            _INDEX_BYTES: index_bytes,
            _RESIDENT: resident_bytes,
        }
        for column, value in values.items():
            self._columns[column][self._slot] = value

    def peak(self) -> int:
        """The highest number of requests in flight at one moment, in all processes together."""
        return max(self._peak)

    def living(self) -> list[Slot]:
        shown = (_PID, _IN_FLIGHT, _NODES, _PATTERNS, _SYMBOLS, _INDEX_BYTES, _RESIDENT)
        slots = (slot for slot in range(_SLOTS) if self._is_alive(slot))
        return [Slot(*(self._columns[column][slot] for column in shown)) for slot in slots]

    def _is_alive(self, slot: int) -> bool:
        """Whether a process holds the slot. Clears what a dead process left there, while it holds that slot's lock."""
        pids = self._columns[_PID]
        if slot == self._slot or pids[slot] == 0:
            return slot == self._slot
        if not self._lock_byte(slot):
            return True
        pids[slot] = self._columns[_IN_FLIGHT][slot] = 0
        self._unlock_byte(slot)
        return False

    def _lock_byte(self, slot: int) -> bool:
        if self._file is None:
            return slot != self._slot
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):  # POSIX leaves it to the system which of them
            return False
        return True

    def _unlock_byte(self, slot: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)


board = Board()
