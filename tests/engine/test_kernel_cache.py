"""Kernels that one process compiles and saves, another process loads, however many compile at the same time."""

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.kernels.caching import LockedCacheFile
from engine.kernels.select import select

CacheFile: Any = LockedCacheFile  # Numba has no types here


def test_a_kernel_is_saved_under_the_lock() -> None:
    kernel: Any = select
    assert isinstance(kernel._cache._cache_file, LockedCacheFile)


def test_kernels_that_are_saved_at_the_same_moment_do_not_take_each_others_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process starts to save when the first has read the index and has not written it yet."""
    first, second = (CacheFile(str(tmp_path), "kernel", "stamp") for _ in range(2))
    other = threading.Thread(target=second.save, args=("wide", "code for wide"))
    read = first._load_index

    def read_and_be_overtaken() -> Any:
        index = read()
        other.start()
        other.join(0.5)  # with the lock it is waiting by then; without, it has saved
        return index

    monkeypatch.setattr(first, "_load_index", read_and_be_overtaken)
    first.save("narrow", "code for narrow")
    other.join()
    third = CacheFile(str(tmp_path), "kernel", "stamp")
    assert (third.load("narrow"), third.load("wide")) == ("code for narrow", "code for wide")
