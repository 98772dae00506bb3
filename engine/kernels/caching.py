"""Compiled kernels on disk, safe for several processes that compile at the same time."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


class LockedCacheFile(IndexDataCacheFile):
    """Saves under a lock on the folder.

    Numba reads a kernel's index, chooses a free file name for the code and writes both, without a lock. Two processes
    that compile one kernel for different types at the same time would choose the same name, and the next process to
    start would load the code of the wrong type: "can't unbox array".
    """

    def save(self, key: Any, data: Any) -> None:
        with Path(self._cache_path, "saving").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().save(key, data)  # type: ignore[no-untyped-call]  # Numba has no types here


class LockedCache(FunctionCache):
    """What `numba.njit(cache=True)` gives a function, with a `LockedCacheFile`.

    A class of its own rather than a patch of Numba's: the kernels are safe in every process, and nothing else changes.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        locator = self._impl.locator
        self._cache_file = LockedCacheFile(  # type: ignore[no-untyped-call]
            self._cache_path, self._impl.filename_base, locator.get_source_stamp()
        )
