"""What each process is at this moment: requests it works on, indexes it holds. One slot per web process.

A file mapped into the memory of all of them, as wide as the most workers there may be. Unlike a counter, what a dead
process left here means nothing. A process holds a lock on the byte of its slot, which the kernel releases with it: a
slot counts as long as it is locked, then the next process takes it.
"""

import fcntl
import mmap
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from foundation.metrics.folder import folder

# The most that KATO_WORKERS allows, and some that come while others go.
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
    def __init__(self, path: Path | None) -> None:
        # Open for as long as the process lives: closing it would give up the lock.
        self._file = None if path is None else path.open("a+b")
        memory: mmap.mmap | bytearray = bytearray(_BYTES)
        if self._file is not None:
            self._file.truncate(_BYTES)  # never shorter than it was, so never away from under who has it mapped
            memory = mmap.mmap(self._file.fileno(), _BYTES)
        whole = memoryview(memory).cast("q")
        self._columns = [whole[first : first + _SLOTS] for first in range(0, 8 * _SLOTS, _SLOTS)]
        self._in_flight, self._peak = self._columns[_IN_FLIGHT], self._columns[_PEAK]
        self._slot = -1
        self._lock = threading.Lock()

    def claim(self) -> None:
        """Take a slot for this process: before its first `enter`, and not before it was forked."""
        self._slot = next(slot for slot in range(_SLOTS) if self._lock_byte(slot))
        for column in self._columns:
            # The peak is the machine's: whoever saw it may be dead, it stays true.
            if column is not self._peak:
                column[self._slot] = 0
        self._columns[_PID][self._slot] = os.getpid()

    def enter(self) -> None:
        """A request begins. Its process adds up all processes: so the highest sum there ever was has been seen."""
        with self._lock:
            self._in_flight[self._slot] += 1
            total = sum(self._in_flight)
            if total > self._peak[self._slot]:
                self._peak[self._slot] = total

    def leave(self) -> None:
        with self._lock:
            self._in_flight[self._slot] -= 1

    def publish(self, *, nodes: int, patterns: int, symbols: int, index_bytes: int, resident_bytes: int) -> None:
        """What this process holds in memory; nothing for a process that has no slot."""
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
        """The most requests that were under way at the same moment, in all processes together."""
        return max(self._peak)

    def living(self) -> list[Slot]:
        shown = (_PID, _IN_FLIGHT, _NODES, _PATTERNS, _SYMBOLS, _INDEX_BYTES, _RESIDENT)
        return [Slot(*(self._columns[column][slot] for column in shown)) for slot in range(_SLOTS) if self._lives(slot)]

    def _lives(self, slot: int) -> bool:
        """Whether a process holds the slot. What a dead one left in it is wiped out, under its lock."""
        pids = self._columns[_PID]
        if slot == self._slot or pids[slot] == 0:
            return slot == self._slot
        if not self._lock_byte(slot):
            return True
        pids[slot] = self._in_flight[slot] = 0
        self._unlock_byte(slot)
        return False

    def _lock_byte(self, slot: int) -> bool:
        if self._file is None:
            return slot != self._slot
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):  # which of them, POSIX leaves to the system
            return False
        return True

    def _unlock_byte(self, slot: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)


def _path() -> Path | None:
    found = folder()
    return None if found is None else found / "board"


board = Board(_path())
