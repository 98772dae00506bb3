"""Compiled loops over the columns of an index. Plain arrays in, plain arrays out; no Python objects.

Every kernel releases the interpreter lock, so the threads of one process predict in parallel, and is kept on disk by
Numba under NUMBA_CACHE_DIR. That cache notices a change of the file that holds a kernel, not of another file that the
kernel calls into: use a fresh folder for every version of these sources.
"""

import fcntl
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba.core.caching import IndexDataCacheFile

F = TypeVar("F", bound=Callable[..., Any])

Tokens = npt.NDArray[np.unsignedinteger[Any]]
"""16 or 32 bits wide."""
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.integer[Any]]
"""Tokens or Ints."""
Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


def _one_at_a_time(save: Callable[..., None]) -> Callable[..., None]:
    """Numba reads a kernel's index, chooses a name that is free for the code, and writes both, without a lock.

    Two processes that compile the kernel for different types at the same time would choose the same name, and one of
    the types be served the code of the other: "can't unbox array" at the next start.
    """

    @wraps(save)
    def save_alone(self: IndexDataCacheFile, key: Any, data: Any) -> None:
        with Path(self._cache_path, "saving").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            save(self, key, data)

    return save_alone


IndexDataCacheFile.save = _one_at_a_time(IndexDataCacheFile.save)  # type: ignore[method-assign]


def compiled(function: F) -> F:
    """`function` as machine code; float division by zero gives inf or nan, indices are not checked."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: F) -> F:
    """`function` as a part of every kernel that calls it: a call costs more than most of them compute."""
    return cast(F, numba.njit(inline="always", nogil=True, error_model="numpy")(function))
