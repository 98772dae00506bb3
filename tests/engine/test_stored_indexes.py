"""An index over stored arrays is the index that they were taken from, and goes on from there."""

import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.growing import Array
from engine.index import Index, Stored
from engine.naming import pattern_name
from engine.plain.knowledge import Pattern
from engine.predict import Prediction, predict
from tests.engine import strategies

STM = [["a"], ["b"], ["c", "unknown"]]


def upsert(index: Index, patterns: list[Pattern]) -> None:
    index.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in patterns)


def predicted(index: Index, stm: list[list[str]]) -> Prediction:
    return predict(index.view(), stm, {"recall_threshold": 0.0}, emotives=lambda names: {})


def with_room(stored: Stored, room: int) -> Index:
    """Over copies that have room for some more items, which hold nonsense."""
    arrays = {
        name: np.concatenate((array, np.full((room, *array.shape[1:]), 77, dtype=array.dtype)))
        if name in GROWING
        else array.copy()
        for name, array in stored.arrays.items()
    }
    return Index.over(arrays, {name: len(array) for name, array in stored.arrays.items()}, stored.numbers)


GROWING = {"names", "starts", "event_starts", "tokens", "ends", "frequency", "hashes"}
GROWING |= {"utf8", "utf8_starts", "code_points", "code_point_starts", "json", "json_starts"}


def content(index: Index) -> tuple[object, ...]:
    view = index.view()
    return view.symbol_statistics(), len(view), view.total_symbols, view.longest, view.largest_event


@settings(deadline=None)
@given(strategies.patterns(), strategies.patterns(), st.integers(0, 60), st.data())
def test_an_index_over_stored_arrays_goes_on_like_the_one_stored(
    before: list[Pattern], after: list[Pattern], room: int, data: st.DataObject
) -> None:
    index = Index()
    upsert(index, before)
    index.retire(pattern.name for pattern in before if pattern.retired)
    other = with_room(index.stored(), room)
    stm = data.draw(strategies.events())
    names = [pattern.name for pattern in (*before, *after)]
    gone = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    for _ in range(2):
        assert content(other) == content(index)
        assert predicted(other, stm) == predicted(index, stm)
        for each in (index, other):
            upsert(each, after)
            each.restore(gone)
            each.remove(gone)
    assert content(other) == content(index)
    assert predicted(other, stm) == predicted(index, stm)


@settings(deadline=None)
@given(strategies.patterns(), strategies.patterns())
def test_what_is_stored_stays_as_it_was(before: list[Pattern], after: list[Pattern]) -> None:
    index = Index()
    upsert(index, before)
    index.retire(pattern.name for pattern in before if pattern.retired)
    stored = index.stored()
    copies = {name: array.copy() for name, array in stored.arrays.items()}
    upsert(index, after)
    index.restore(pattern.name for pattern in before)
    index.remove(pattern.name for pattern in after)
    assert all(np.array_equal(array, copies[name]) for name, array in stored.arrays.items())


class Mapped(NamedTuple):
    arrays: dict[str, Array]
    sizes: dict[str, int]


def mapped(file: Path, stored: Stored, room: int) -> Mapped:
    """The arrays as parts of a file, mapped copy-on-write, each with room for some more items."""
    places, end = {}, 0
    with file.open("wb") as written:
        for name, array in stored.arrays.items():
            written.seek(end)
            written.write(array.tobytes())
            places[name] = end
            end += -(-(array.nbytes + room * array[:1].nbytes) // mmap.PAGESIZE) * mmap.PAGESIZE
        written.truncate(end)
    with file.open("rb") as opened:
        data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    arrays, sizes = dict[str, Array](), dict[str, int]()
    for name, array in stored.arrays.items():
        shape = (len(array) + room if name in GROWING else len(array), *array.shape[1:])
        arrays[name] = np.ndarray(shape, array.dtype, data, places[name])
        sizes[name] = len(array)
    return Mapped(arrays, sizes)


def test_indexes_over_one_file_learn_each_for_itself(tmp_path: Path) -> None:
    index = Index()
    known = [[["a"], ["b"], [f"symbol {number}"]] for number in range(100)]
    index.upsert((pattern_name(events), events, 1) for events in known)
    stored = index.stored()
    first = Index.over(*mapped(tmp_path / "file", stored, 1000), stored.numbers)
    as_written = (tmp_path / "file").read_bytes()
    second = Index.over(*mapped(tmp_path / "other", stored, 1000), stored.numbers)
    before = predicted(second, STM)
    assert predicted(first, STM) == predicted(index, STM) == before
    assert first.memory_bytes() < index.memory_bytes() / 10
    more = [[["a"], ["b"], ["c"], [f"another {number}"]] for number in range(50)]
    first.upsert((pattern_name(events), events, 3) for events in more)
    index.upsert((pattern_name(events), events, 3) for events in more)
    assert predicted(first, STM) == predicted(index, STM) != before
    assert predicted(second, STM) == before
    assert (tmp_path / "file").read_bytes() == as_written
    assert first.memory_bytes() < index.memory_bytes()
