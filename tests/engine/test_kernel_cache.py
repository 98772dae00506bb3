"""Kernels that one process compiles and saves, another process loads, however many compile at the same time."""

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.kernels import caching
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


def test_a_kernel_is_compiled_again_if_what_it_imports_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only then: an edit elsewhere in the engine costs nothing."""
    monkeypatch.setattr(caching, "_ROOT", tmp_path)
    kernels = tmp_path / "engine" / "kernels"
    kernels.mkdir(parents=True)
    kernel, imported, other = (kernels / f"{name}.py" for name in ("kernel", "imported", "other"))
    kernel.write_text("from engine.kernels import imported")
    imported.write_text("from engine.kernels.third import A")
    other.write_text("from engine.kernels.kernel import B")
    (kernels / "third.py").write_text("A = 1")

    def digests() -> list[str]:
        caching.digest_of_sources.cache_clear()
        caching._imported.cache_clear()
        return [caching.digest_of_sources(path) for path in (kernel, imported, other)]

    before = digests()
    other.write_text("from engine.kernels.kernel import C")
    after = digests()
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, True, False]
    (kernels / "third.py").write_text("A = 2")
    assert all(old != new for old, new in zip(after, digests(), strict=True))
