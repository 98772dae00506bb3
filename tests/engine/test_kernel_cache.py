"""What one process compiles and keeps on disk, another finds, however many compile at the same time."""

import threading
from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import IndexDataCacheFile

import engine.kernels  # noqa: F401  it makes them save one at a time

Cache: Any = IndexDataCacheFile  # without types


def test_kernels_that_are_saved_at_the_same_moment_do_not_take_each_others_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process comes to save where the first has read the index, and has not written it yet."""
    first, second = (Cache(str(tmp_path), "kernel", "stamp") for _ in range(2))
    other = threading.Thread(target=second.save, args=("wide", "code for wide"))
    read = first._load_index

    def read_and_be_overtaken() -> Any:
        index = read()
        other.start()
        other.join(0.5)  # it waits, or it has been quicker
        return index

    monkeypatch.setattr(first, "_load_index", read_and_be_overtaken)
    first.save("narrow", "code for narrow")
    other.join()
    third = Cache(str(tmp_path), "kernel", "stamp")
    assert (third.load("narrow"), third.load("wide")) == ("code for narrow", "code for wide")
