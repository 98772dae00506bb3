"""Where the metrics of a process count: in its memory, with a copy in files that the other processes read.

The Prometheus client library maps its files into memory instead. There the kernel ends a process (SIGBUS) that touches
a page for which a full disk has no block, and some file systems need a new block for a page that they had. A write can
only fail: then the numbers stay in memory, and are copied when there is space again.

The files have the format of the library, whose collector reads them. `publish` copies what has changed, with a system
call for each file: at the end of a request or a task, and every two seconds.
"""

import atexit
import logging
import os
import secrets
import threading
import time
from contextlib import suppress
from struct import Struct
from typing import Any

from prometheus_client.mmap_dict import mmap_key

from foundation.metrics.folder import folder

log = logging.getLogger(__name__)

# Given to a file at once, so that it rarely grows. Bytes.
_BLOCK = 1 << 16
_HEADER = 8
# A disk that is full costs one attempt in this time, and one that hangs lets each request wait so long. Seconds.
_PAUSE, _PATIENCE = 1.0, 0.05

_length, _number = Struct("i"), Struct("d")


class _File:
    """The numbers of one type of metric. `low` and `high` enclose what has changed since it was copied."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._places: dict[str, int] = {}
        self._descriptor: int | None = None
        self.memory = bytearray(_BLOCK)
        self._used = _HEADER
        self._announced = 0
        self.low, self.high = len(self.memory), 0

    def place(self, key: str) -> int:
        """Where the number with this key is. Call it with `_lock`."""
        if key not in self._places:
            name = key.encode()
            name += b" " * (8 - (len(name) + 4) % 8)
            begin, end = self._used, self._used + 4 + len(name) + 16
            while len(self.memory) < end:
                self.memory += bytes(_BLOCK)
            _length.pack_into(self.memory, begin, len(key.encode()))
            self.memory[begin + 4 : begin + 4 + len(name)] = name
            self._used, self._places[key] = end, end - 16
            self.low, self.high = min(self.low, begin), len(self.memory)
        return self._places[key]

    def copy(self) -> None:
        """Write what has changed. Raises OSError, and then all that is still to be written the next time."""
        with _lock:
            low, high, used = self.low, self.high, self._used
            if low >= high:
                return
            piece = self.memory[low:high] if self._descriptor is not None else self.memory[:]
            self.low, self.high = len(self.memory), 0
        try:
            if self._descriptor is None:
                self._descriptor = self._create(piece, used)
            else:
                _write(self._descriptor, piece, low)
                if used != self._announced:  # after the numbers: who reads meanwhile finds the old end
                    _write(self._descriptor, _length.pack(used), 0)
            self._announced = used
        except OSError:
            with _lock:
                self.low, self.high = min(self.low, low), max(self.high, high)
            raise

    def _create(self, content: bytearray, used: int) -> int:
        """The file appears complete. Its name is new, for a system gives the pids of dead processes to others."""
        found = folder()
        assert found is not None
        _length.pack_into(content, 0, used)
        path = found / f"{self._kind}_{os.getpid()}-{secrets.token_hex(4)}.db"
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(descriptor, content, 0)
            fresh.replace(path)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):  # the disk became read-only
                fresh.unlink()
            raise
        return descriptor

    def start_over(self) -> None:
        """In a process that was forked: what its parent counted is in the file of the parent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        for at in self._places.values():
            _number.pack_into(self.memory, at, 0.0)
        self.low, self.high = 0, len(self.memory)


def _write(descriptor: int, content: bytes | bytearray, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


_files: dict[str, _File] = {}
# Of the numbers in memory; and of copying them, in order.
_lock, _copying = threading.Lock(), threading.Lock()
_trouble: OSError | None = None
_retry_at = 0.0


class Value:
    """One number. What the library expects of its `ValueClass`."""

    _multiprocess = True

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Any,
        labelvalues: Any,
        help_text: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> None:
        kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        with _lock:
            self._file = _files.setdefault(kind, _File(kind))
            self._at = self._file.place(mmap_key(metric_name, name, labelnames, labelvalues, help_text))

    def inc(self, amount: float) -> None:
        file, at = self._file, self._at
        with _lock:
            _number.pack_into(file.memory, at, _number.unpack_from(file.memory, at)[0] + amount)
            file.low = min(file.low, at)
            file.high = max(file.high, at + 8)

    def set(self, value: float, timestamp: float | None = None) -> None:
        file, at = self._file, self._at
        with _lock:
            _number.pack_into(file.memory, at, value)
            _number.pack_into(file.memory, at + 8, timestamp or 0.0)
            file.low = min(file.low, at)
            file.high = max(file.high, at + 16)

    def get(self) -> float:
        with _lock:
            return float(_number.unpack_from(self._file.memory, self._at)[0])

    def set_exemplar(self, exemplar: Any) -> None:
        """Not of several processes, as in the library."""

    def get_exemplar(self) -> None:
        return None


def publish() -> None:
    """Let the other processes see what this one has counted. Never fails, and says once that it cannot."""
    global _trouble, _retry_at
    if time.monotonic() < _retry_at or not _copying.acquire(timeout=_PATIENCE):
        return
    try:
        for file in list(_files.values()):
            file.copy()
    except OSError as error:
        _retry_at = time.monotonic() + _PAUSE
        if _trouble is None:
            log.warning("Counting in memory only, until %s can be written again: %s", folder(), error)
        _trouble = error
    else:
        if _trouble is not None:
            log.warning("What was counted is written to %s again", folder())
        _trouble = None
    finally:
        _copying.release()


def trouble() -> str | None:
    """Why the other processes do not see what this one counts; None where they do."""
    return None if _trouble is None else f"{folder()}: {_trouble.strerror}"


def _start_over() -> None:
    global _lock, _copying
    _lock, _copying = threading.Lock(), threading.Lock()
    for file in _files.values():
        file.start_over()


os.register_at_fork(after_in_child=_start_over)
atexit.register(publish)
