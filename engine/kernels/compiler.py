"""The decorators of kernels. Importing this module loads Numba."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from engine.kernels.caching import LockedCache

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` as machine code; float division by zero gives inf or nan, indices are not checked."""
    return _cached(function, no_cfunc_wrapper=True)


def part(function: F) -> F:
    """`function` as machine code that only kernels can call: what Python would call takes as long to compile again."""
    return _cached(function, no_cfunc_wrapper=True, no_cpython_wrapper=True)


def _cached(function: F, **wrappers: bool) -> F:
    njit: Any = numba.njit  # its types do not have all options
    kernel = njit(nogil=True, error_model="numpy", **wrappers)(function)
    kernel._cache = LockedCache(function)  # instead of cache=True
    return cast(F, kernel)


def inlined(function: F) -> F:
    """`function` as a part of every kernel that calls it: a call costs more than most of them compute."""
    return cast(F, numba.njit(inline="always", nogil=True, error_model="numpy")(function))
