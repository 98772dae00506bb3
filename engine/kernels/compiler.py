"""The two decorators of kernels. Importing this module loads Numba."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from engine.kernels.caching import LockedCache

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` as machine code; float division by zero gives inf or nan, indices are not checked."""
    kernel: Any = numba.njit(nogil=True, error_model="numpy")(function)
    kernel._cache = LockedCache(function)  # instead of cache=True
    return cast(F, kernel)


def inlined(function: F) -> F:
    """`function` as a part of every kernel that calls it: a call costs more than most of them compute."""
    return cast(F, numba.njit(inline="always", nogil=True, error_model="numpy")(function))
