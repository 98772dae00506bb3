"""An index that is being built when nobody waits any more: what was read is kept, and the next one reads on."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import eventually
from memory_app import feed
from memory_app.index import Indexes
from memory_app.node_index import NodeIndex
from memory_app.operations.nodes import clear
from memory_app.operations.retiring import retire
from tests.support.stopping import NobodyWaits, ended
from tests.support.taught import lesson, teach

PATTERNS_LEARNED = 20_050  # three pages


def teach_some(node_id: str, count: int, start: int = 0) -> None:
    teach(node_id, *(lesson("first", f"symbol {n}") for n in range(start, start + count)))


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    node_id = f"node-{uuid.uuid4().hex}"
    with django_db_blocker.unblock():
        teach_some(node_id, PATTERNS_LEARNED)
        yield node_id
        connection.close()


@pytest.fixture
def few(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A node of twenty patterns."""
    node_id = f"node-{uuid.uuid4().hex}"
    with django_db_blocker.unblock():
        teach_some(node_id, 20)
        yield node_id
        connection.close()


def test_each_who_gives_up_reads_a_page_and_the_next_reads_on(node: str, pages: list[int]) -> None:
    indexes = Indexes(budget_bytes=10**9)
    for read in (10_000, 20_000):
        with pytest.raises(NobodyWaits):
            indexes.follow(node, ended())
        assert sum(pages) == read
        assert indexes.total_bytes == sum(one.memory_bytes for one in indexes.held())
    assert len(indexes.follow(node, ended()).view) == PATTERNS_LEARNED
    assert pages == [10_000, 10_000, 50]


@pytest.mark.parametrize(
    ("patterns", "text", "expected"), [(7, 10**6, [7, 7, 6]), (20, 10**6, [20, 0]), (7, 1, [1] * 20)]
)
def test_pages_of_a_build_are_short_where_patterns_are_long(
    few: str, pages: list[int], monkeypatch: pytest.MonkeyPatch, patterns: int, text: int, expected: list[int]
) -> None:
    """PostgreSQL could not make the values of a page if all its patterns were of the longest."""
    whole = NodeIndex(few).follow()
    pages.clear()
    monkeypatch.setattr(feed, "PATTERNS_AT_ONCE", patterns)
    monkeypatch.setattr(feed, "BYTES_AT_ONCE", text)
    found = NodeIndex(few).follow()
    assert pages == expected
    assert (found.version, found.view.symbol_statistics()) == (whole.version, whole.view.symbol_statistics())
    assert not found.has_emotives


@pytest.mark.parametrize("patterns", [1, 6, 100])
def test_a_build_finds_what_is_retired_and_what_has_emotives_on_any_page(
    few: str, monkeypatch: pytest.MonkeyPatch, patterns: int
) -> None:
    monkeypatch.setattr(feed, "PATTERNS_AT_ONCE", patterns)
    felt = lesson("first", "felt", emotives=[{"joy": 0.5}])
    teach(few, felt)
    gone = [lesson("first", f"symbol {n}").name for n in range(0, 20, 3)]
    retire(node_id=few, names=gone)
    found = NodeIndex(few).follow()
    assert found.has_emotives
    assert sorted(found.view.hex_names(found.view.retired)) == sorted(gone)
    assert len(found.view) == 21


def test_what_is_learned_during_the_build_is_in_the_index(node: str) -> None:
    index = NodeIndex(node)
    with pytest.raises(NobodyWaits):
        index.follow(ended())
    teach_some(node, 60, start=PATTERNS_LEARNED - 30)  # half of them known
    view = index.follow().view
    assert len(view) == PATTERNS_LEARNED + 30
    statistics = view.symbol_statistics()
    assert [statistics[f"symbol {n}"].frequency for n in (0, PATTERNS_LEARNED - 1, PATTERNS_LEARNED + 29)] == [1, 2, 1]


def test_a_build_starts_again_when_the_node_has_forgotten_everything(node: str) -> None:
    index = NodeIndex(node)
    with pytest.raises(NobodyWaits):
        index.follow(ended())
    clear(node_id=node)
    teach_some(node, 3)
    assert len(index.follow().view) == 3


def test_who_waits_for_a_build_of_another_thread_can_give_up_and_loses_nothing(node: str) -> None:
    indexes = Indexes(budget_bytes=10**9)
    indexes.follow(node)
    [held] = indexes._nodes.values()
    with held.lock:
        with pytest.raises(NobodyWaits):
            indexes.follow(node, ended())
        assert list(indexes) == [node]
    assert len(indexes.follow(node).view) == PATTERNS_LEARNED


def test_who_gives_up_waiting_for_the_first_build_does_not_drop_it(node: str) -> None:
    """At that moment the index does not know yet that the node exists."""
    indexes = Indexes(budget_bytes=10**9)
    reading, go_on = threading.Event(), threading.Event()
    index = NodeIndex(node)
    indexes._nodes[node] = index
    read_changes = index._read_changes

    def slow() -> Any:
        reading.set()
        assert go_on.wait(20)
        return read_changes()

    def build() -> None:
        indexes.follow(node)
        connection.close()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(NodeIndex, "_read_changes", lambda _self: slow())
        builder = threading.Thread(target=build)
        builder.start()
        assert reading.wait(20)
        with pytest.raises(NobodyWaits):
            indexes.follow(node, ended())
        patched.undo()
        go_on.set()
        builder.join()
    eventually(lambda: list(indexes) == [node], "the index is kept")
    assert len(indexes.follow(node).view) == PATTERNS_LEARNED
