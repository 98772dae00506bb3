"""Compiled kernels on disk, which all copies of the same sources share, and several processes may compile at once."""

import ast
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

_ROOT = Path(__file__).parents[2]


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
    """What `numba.njit(cache=True)` gives a function, with a `LockedCacheFile` for each version of its sources.

    Numba would look at the time of the file that has the kernel, and not at functions in other files that it calls; and
    it would have a folder for each place where the sources are.
    A class of its own rather than a patch of Numba's: the kernels are safe in every process, and nothing else changes.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        digest = digest_of_sources(Path(function.__code__.co_filename))
        self._cache_path = os.environ.get("NUMBA_CACHE_DIR") or self._cache_path
        self._cache_file = LockedCacheFile(  # type: ignore[no-untyped-call]
            self._cache_path, f"{self._impl.filename_base}.{digest}", digest
        )


@cache
def digest_of_sources(file: Path) -> str:
    """Of a file of the engine and all that it imports of the engine, directly or not."""
    sources, found = {file}, [file]
    while found:
        new = set(_imported(found.pop())) - sources
        sources |= new
        found += new
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:12]


@cache
def _imported(file: Path) -> tuple[Path, ...]:
    return tuple(path for name in _names_imported(file) if (path := _ROOT / f"{name.replace('.', '/')}.py").is_file())


def _names_imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "engine":
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
