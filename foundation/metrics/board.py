"""What each web process is doing at this moment: requests in flight, indexes in memory. One slot per process.

All of them write into the same file; it has a slot for every worker that there may be. Unlike a counter, a value that a
dead process left here means nothing. So a process holds a lock on one byte of the file for its slot, which the kernel
releases when the process ends: a slot counts while it is locked, then the next process takes it.

The file is read and written, not mapped into memory: a full disk must not end a process (`counts.py`). A process that
cannot write is seen by itself alone, and tries again with the next `publish`.
"""

import fcntl
import os
import threading
from dataclasses import dataclass
from struct import Struct

from foundation.metrics.folder import folder

# The most that KATO_WORKERS allows, and some that start while others still stop.
_SLOTS = 80
_FIELDS = _PID, _IN_FLIGHT, _PEAK, _NODES, _PATTERNS, _SYMBOLS, _INDEX_BYTES, _SHARED, _BUILDS, _RESIDENT = range(10)
_number, _column = Struct("q"), Struct(f"{_SLOTS}q")
_BYTES = len(_FIELDS) * _column.size
# Held by a process that makes the file.
_MAKING = _SLOTS


@dataclass(frozen=True, slots=True)
class Slot:
    """One living web process; sizes in bytes. index_bytes: its own; shared_bytes: of files that others map, too."""

    pid: int
    in_flight: int
    index_nodes: int
    index_patterns: int
    index_symbols: int
    index_bytes: int
    shared_bytes: int
    index_builds: int
    resident_bytes: int


class Board:
    """In a process without a folder for metrics, or that cannot write there, it is of this process alone."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._slot = 0
        self._is_claimed = False
        self._own = [0] * len(_FIELDS)
        self._lock = threading.Lock()

    def claim(self) -> None:
        """Take a slot for this process. Call it in the worker process, after the fork and before the first `enter`."""
        self._is_claimed = True
        self._own[_PID] = os.getpid()
        self._find_slot()

    def enter(self) -> None:
        """A request begins. Its process adds up those of all processes, so one of them sees the highest sum."""
        with self._lock:
            self._put(_IN_FLIGHT, self._own[_IN_FLIGHT] + 1)
            total = sum(self._read(_IN_FLIGHT))
            if total > self._own[_PEAK]:
                self._put(_PEAK, total)

    def leave(self) -> None:
        with self._lock:
            self._put(_IN_FLIGHT, self._own[_IN_FLIGHT] - 1)

    def publish(
        self,
        *,
        nodes: int,
        patterns: int,
        symbols: int,
        index_bytes: int,
        shared_bytes: int,
        builds: int,
        resident_bytes: int,
    ) -> None:
        """What this process holds in memory. Does nothing in a process that has no slot."""
        if not self._is_claimed:
            return
        values = {
            _NODES: nodes,
            _PATTERNS: patterns,
            _SYMBOLS: symbols,
            _INDEX_BYTES: index_bytes,
            _SHARED: shared_bytes,
            _BUILDS: builds,
            _RESIDENT: resident_bytes,
        }
        with self._lock:
            if self._file is None:
                self._find_slot()
            for field, value in values.items():
                self._put(field, value)

    def peak(self) -> int:
        """The highest number of requests in flight at one moment, in all processes together."""
        self._open()
        return max(self._read(_PEAK))

    def living(self) -> list[Slot]:
        self._open()
        shown = (_PID, _IN_FLIGHT, _NODES, _PATTERNS, _SYMBOLS, _INDEX_BYTES, _SHARED, _BUILDS, _RESIDENT)
        pids = self._read(_PID)
        slots = [slot for slot in range(_SLOTS) if self._is_alive(slot, pids[slot])]
        columns = [self._read(field) for field in shown]
        return [Slot(*(column[slot] for column in columns)) for slot in slots]

    def _find_slot(self) -> None:
        if not self._open():
            return
        assert self._file is not None
        self._slot = next(slot for slot in range(_SLOTS) if self._lock_byte(slot))
        # The peak is of the machine and stays true when the process that saw it has ended.
        self._own[_PEAK] = max(self._own[_PEAK], self._read_file(_PEAK)[self._slot])
        for field in _FIELDS:
            self._put(field, self._own[field])

    def _open(self) -> bool:
        """Whether there is a file. It stays open for as long as the process lives: closing it would end the lock."""
        found = folder()
        if self._file is not None or found is None:
            return self._file is not None
        try:
            file = os.open(found / "board", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return False  # `counts.py`, which writes into the same folder, says so
        try:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, _MAKING)
            if (size := os.fstat(file).st_size) < _BYTES:
                os.pwrite(file, bytes(_BYTES - size), size)
            is_complete = os.fstat(file).st_size >= _BYTES
            fcntl.lockf(file, fcntl.LOCK_UN, 1, _MAKING)
        except OSError:
            is_complete = False
        if not is_complete:
            os.close(file)
            return False
        self._file = file
        return True

    def _read(self, field: int) -> tuple[int, ...]:
        """The field of all slots. Of this process what it knows itself: the file may lag behind on a full disk."""
        column = self._read_file(field) if self._file is not None else (0,) * _SLOTS
        return (*column[: self._slot], self._own[field], *column[self._slot + 1 :]) if self._is_claimed else column

    def _read_file(self, field: int) -> tuple[int, ...]:
        assert self._file is not None
        return _column.unpack(os.pread(self._file, _column.size, field * _column.size))

    def _put(self, field: int, value: int) -> None:
        self._own[field] = value
        self._write(self._slot, field, value)

    def _write(self, slot: int, field: int, value: int) -> None:
        if self._file is None:
            return
        try:
            os.pwrite(self._file, _number.pack(value), field * _column.size + slot * _number.size)
        except OSError:
            return  # `counts.py`, which writes into the same folder, says so

    def _is_alive(self, slot: int, pid: int) -> bool:
        """Whether a process holds the slot. Clears what a dead process left there, while it holds that slot's lock."""
        if self._is_claimed and slot == self._slot:
            return True
        if pid == 0 or self._file is None:
            return False
        if not self._lock_byte(slot):
            return True
        for field in (_PID, _IN_FLIGHT):
            self._write(slot, field, 0)
        self._unlock_byte(slot)
        return False

    def _lock_byte(self, slot: int) -> bool:
        assert self._file is not None
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except (BlockingIOError, PermissionError):  # POSIX leaves it to the system which of them
            return False
        return True

    def _unlock_byte(self, slot: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)


board = Board()
