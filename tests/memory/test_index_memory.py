"""The indexes of a process stay within their budget and are rebuilt when they are needed (`memory_app/index.py`)."""

import tracemalloc
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from engine.contracts import KATO_3_10
from memory_app import moments
from memory_app.index import Indexes
from memory_app.node_index import NodeIndex
from memory_app.operations import nodes
from memory_app.operations.finalizing import finalize
from memory_app.operations.nodes import clear, delete_cleared
from memory_app.reads.recall import Memory, recall
from tests.support.taught import lesson, teach

PATTERNS = 200


@pytest.fixture
def node(django_db_blocker: DjangoDbBlocker) -> Iterator[Callable[[], str]]:
    """Create nodes with 200 patterns each in the database of the running service."""

    def make() -> str:
        node_id = f"node-{uuid.uuid4().hex}"
        teach_some(node_id, *(f"symbol {n}" for n in range(PATTERNS)))
        return node_id

    with django_db_blocker.unblock():
        yield make
        connection.close()


def itself(memory: Memory) -> Memory:
    return memory


def teach_some(node_id: str, *symbols: str) -> None:
    teach(node_id, *(lesson("first", symbol) for symbol in symbols))


@pytest.mark.usefixtures("server")
def test_the_node_used_longest_ago_is_dropped_and_rebuilt_on_demand(node: Callable[[], str]) -> None:
    first, second, third = node(), node(), node()
    whole = NodeIndex(first)
    whole.follow()
    size = whole.memory_bytes()
    indexes = Indexes(budget_bytes=int(2.5 * size))
    for node_id in (first, second, first, third):
        assert len(indexes.follow(node_id).view) == PATTERNS
    assert set(indexes) == {first, third}
    assert len(indexes.follow(second).view) == PATTERNS
    assert set(indexes) == {third, second}


@pytest.mark.usefixtures("server", "node")
def test_nodes_that_never_learned_leave_nothing_behind() -> None:
    indexes = Indexes(budget_bytes=10**9)
    for number in range(50):
        assert len(indexes.follow(f"never {number}").view) == 0
    assert len(indexes) == 0


@pytest.mark.usefixtures("server")
def test_the_total_is_what_the_held_indexes_take(node: Callable[[], str]) -> None:
    first, second = node(), node()
    indexes = Indexes(budget_bytes=10**9)
    for node_id in (first, second, "never", first):
        indexes.follow(node_id)
    teach_some(first, *(f"more {n}" for n in range(PATTERNS)))
    indexes.follow(first)
    assert indexes.total_bytes == sum(one.memory_bytes for one in indexes.held())


def test_an_empty_index_counts_with_what_it_takes() -> None:
    number = 200
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = [NodeIndex(f"node {n}") for n in range(number)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    taken = (after - before) / number
    assert 0.8 * taken <= held[0].memory_bytes() <= 1.25 * taken


@pytest.mark.usefixtures("server")
def test_a_node_larger_than_the_budget_is_still_served(node: Callable[[], str]) -> None:
    first, second = node(), node()
    indexes = Indexes(budget_bytes=1)
    for node_id in (first, second, first):
        assert len(indexes.follow(node_id).view) == PATTERNS
        assert list(indexes) == [node_id]


@pytest.mark.usefixtures("server")
def test_an_index_follows_changes_and_starts_again_after_clear_all(node: Callable[[], str]) -> None:
    node_id = node()
    indexes = Indexes(budget_bytes=10**9)
    before = indexes.follow(node_id)
    teach_some(node_id, "one more", "symbol 0")
    after = indexes.follow(node_id)
    assert len(after.view) == PATTERNS + 1
    assert after.version.learned > before.version.learned
    assert after.view.symbol_statistics()["symbol 0"] == (2, 1)
    clear(node_id=node_id)
    assert len(indexes.follow(node_id).view) == 0
    assert indexes.follow(node_id).version.memory != after.version.memory
    teach_some(node_id, "again")
    assert len(indexes.follow(node_id).view) == 1


@pytest.mark.usefixtures("server")
def test_rows_from_another_life_of_the_database_are_not_read_again_and_again(
    node: Callable[[], str], database: psycopg.Connection
) -> None:
    """After a restore into a new cluster their transaction ids are far ahead of its own."""
    node_id = node()
    ahead = "UPDATE memory_app_pattern SET changed = '9000000000000' FROM memory_app_node AS node WHERE node_id = %s"
    database.execute(f"{ahead} AND memory_app_pattern.memory = node.memory", [node_id])
    index = NodeIndex(node_id)
    assert len(index.follow().view) == PATTERNS
    changes = index._read_changes()
    assert changes is not None
    assert changes.patterns.names == b""


@pytest.mark.usefixtures("server")
def test_a_memory_predicts_what_its_version_knows_whatever_another_thread_follows(node: Callable[[], str]) -> None:
    """Otherwise a later result would be cached under the earlier version."""
    node_id = node()
    asked: list[list[str]] = [["first"], ["second"]]
    memory = recall(node_id, itself)
    teach_some(node_id, "one more")
    later = recall(node_id, itself)  # updates the index that `memory` was recalled from
    assert memory.version.learned + 2 == later.version.learned
    assert memory.predict(asked, {"max_predictions": 1000}, contract=KATO_3_10).count == PATTERNS
    assert later.predict(asked, {"max_predictions": 1000}, contract=KATO_3_10).count == PATTERNS + 1


@pytest.mark.usefixtures("server")
def test_a_memory_predicts_by_the_finalization_of_its_version(node: Callable[[], str]) -> None:
    """D24: entropies are those of the last finalize-training before the recall."""
    node_id = node()
    asked: list[list[str]] = [["first"], ["symbol 0"]]
    finalize(node_id=node_id)
    memory = recall(node_id, itself)
    before = memory.predict(asked, {}, contract=KATO_3_10)
    teach_some(node_id, "one more")
    finalize(node_id=node_id)
    later = recall(node_id, itself)
    assert later.version.finalized == memory.version.finalized + 1
    assert memory.predict(asked, {}, contract=KATO_3_10) == before
    assert later.predict(asked, {}, contract=KATO_3_10).predictions != before.predictions


@pytest.mark.usefixtures("server")
def test_an_index_that_reads_a_later_finalization_has_all_that_it_is_about(
    node: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process learns and finalizes after the index has followed the node, and before it reads the moment."""
    node_id = node()
    finalize(node_id=node_id)
    read, meanwhile = moments.read, iter([True])

    def read_later(memory: int) -> moments.StoredMoment | None:
        if next(meanwhile, False):
            teach_some(node_id, "learned meanwhile")
            finalize(node_id=node_id)
        return read(memory)

    with monkeypatch.context() as patched:
        patched.setattr(moments, "read", read_later)
        found = NodeIndex(node_id).follow()
    fresh = NodeIndex(node_id).follow()
    assert found.version == fresh.version
    asked: list[list[str]] = [["first"], ["learned meanwhile"]]
    assert Memory(found).predict(asked, {}, contract=KATO_3_10) == Memory(fresh).predict(asked, {}, contract=KATO_3_10)


@pytest.mark.usefixtures("server")
def test_a_cleared_memory_is_deleted_in_small_batches(node: Callable[[], str]) -> None:
    while delete_cleared():
        pass  # memories of other tests: each batch belongs to one memory
    clear(node_id=node())

    def left() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM memory_app_pattern WHERE memory IN (SELECT memory FROM memory_app_clearedmemory)"
            )
            return int(cursor.fetchone()[0])

    begun = left()
    assert begun >= PATTERNS
    assert delete_cleared(limit=50)
    assert left() == begun - 50
    while delete_cleared():
        pass
    assert left() == 0


@pytest.mark.usefixtures("same_database")
def test_a_memory_that_postgresql_takes_for_a_small_one_is_deleted_by_places() -> None:
    """It knows memories with one pattern alone. By names it would compare each row with each name: 10,000 × 20,000."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO memory_app_pattern
                (memory, name, events, length, frequency, emotives, metadata, created, changed)
            SELECT 1000000000 + n, decode(md5(n::text) || left(md5((-n)::text), 8), 'hex'), '[["a"]]',
                1, 1, '[]', '{}', '100', '100'
            FROM generate_series(1, 20000) AS n
            """
        )
        cursor.execute("ANALYZE memory_app_pattern")
        cursor.execute(f"EXPLAIN {nodes._DELETE_PATTERNS}", {"memory": -1, "limit": 10_000})
        assert "Tid Scan" in "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
