"""What one purge takes, in which order it locks, and what it leaves for the next one."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DataError, connection, transaction
from pytest_django import DjangoDbBlocker

from engine.vectors import named, sum_vectors
from memory_app.operations import purging
from memory_app.operations.deleting import delete
from memory_app.operations.patterns import learn
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire
from memory_app.vector_table import MemorySpace, NodeSpace, space_of_node
from memory_app.vectors import NodeVectors
from sessions_app import operations
from tests.support.taught import learn_each, lesson

NEVER = "0" * 40


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock():
        yield f"node-{uuid.uuid4().hex}"
        connection.close()


def teach(node_id: str, count: int) -> list[str]:
    """Patterns of the same size; returns their names."""
    lessons = [lesson(chr(97 + number), "z", emotives=[{"joy": 1.0}]) for number in range(count)]
    learn_each(node_id, *lessons)
    return [one.name for one in lessons]


@pytest.mark.parametrize("at_once", [1, 2, 20])
def test_what_is_too_large_for_one_purge_remains_for_the_next(
    node: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    names = teach(node, 5)
    retire(node_id=node, names=[NEVER, *names])
    size = len('[["a"],["z"]]') + len('[{"joy":1.0}]') + len('{"joy":"1"}')
    monkeypatch.setattr(purging, "_READ_AT_ONCE", at_once)
    monkeypatch.setattr(purging, "_MOST_BYTES", 3 * size)
    assert purge(node_id=node, names=[NEVER, *names], limit=10) == ([NEVER, *names[:3]], {}, 2)
    monkeypatch.setattr(purging, "_MOST_BYTES", 1)
    assert purge(node_id=node, names=names, limit=10) == ([names[3]], {}, 1)
    assert purge(node_id=node, names=None, limit=10) == ([names[4]], {}, 0)


@pytest.mark.parametrize("at_once", [1, 2, 20])
def test_a_purge_of_many_patterns_reads_a_few_at_a_time(
    node: str, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    names = teach(node, 5)
    given = [names[4], NEVER, *names[:4]]
    retire(node_id=node, names=given)
    monkeypatch.setattr(purging, "_READ_AT_ONCE", at_once)
    assert purge(node_id=node, names=given, limit=10) == (given, {}, 0)


def test_no_more_pairs_change_at_once_than_allowed_unless_one_pattern_has_more(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = teach(node, 3)
    retire(node_id=node, names=names)
    monkeypatch.setattr(purging, "_MOST_PAIRS", 5)  # each has two
    assert purge(node_id=node, names=names, limit=10) == (names[:2], {}, 1)
    monkeypatch.setattr(purging, "_MOST_PAIRS", 1)
    assert purge(node_id=node, names=names, limit=10) == ([names[2]], {}, 0)


def teach_vector(node_id: str, *values: float) -> str:
    vector = named(sum_vectors([values or (1.0, 2.0)]))
    one = lesson(vector.name, "x")
    learned = NodeVectors(node_id)
    learned.learn([vector])
    with transaction.atomic():
        learn(node_id=node_id, lessons=[one], persistence=5, vectors=learned)
    return one.name


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes when a purge reads an index, and when it locks the node."""
    noted_steps: list[str] = []

    def noted(step: str, perform: Callable[[str], Any]) -> Callable[[str], Any]:
        def note_and_perform(node_id: str) -> Any:
            noted_steps.append(step)
            return perform(node_id)

        return note_and_perform

    for step in ("_view", "lock"):
        monkeypatch.setattr(purging, step, noted(step, getattr(purging, step)))
    return noted_steps


def test_an_index_is_read_before_learns_have_to_wait(node: str, steps: list[str]) -> None:
    """Under the lock only what has changed since is left to be read."""
    name = teach_vector(node)
    retire(node_id=node, names=[name])
    assert purge(node_id=node, names=[name], limit=1).names == [name]
    assert steps == ["_view", "lock", "_view"]


def test_a_deletion_reads_the_index_before_learns_have_to_wait(node: str, steps: list[str]) -> None:
    delete(node_id=node, name=teach_vector(node))
    assert steps == ["_view", "lock", "_view"]


def test_a_session_can_be_used_while_its_purge_reads_an_index(
    node: str, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = teach_vector(node)
    retire(node_id=node, names=[name])
    session_id = operations.create(node_id=node, ttl_seconds=60, config={}, metadata={}).session_id
    is_free: list[bool] = []
    view = purging._view

    def watched(node_id: str) -> Any:
        query = "SELECT FROM sessions_app_session WHERE id = %s FOR UPDATE SKIP LOCKED"
        is_free.append(database.execute(query, [session_id]).rowcount == 1)
        return view(node_id)

    monkeypatch.setattr(purging, "_view", watched)
    assert operations.purge(session_id=session_id, names=[name], limit=1).done.names == [name]
    # Later there is little left to be read.
    assert is_free == [True, False, False]


def test_a_search_for_neighbours_beside_a_purge_finds_no_vectors_of_another_dimension(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node has vectors of two numbers when the search looks, and of three when it reads them."""
    name = teach_vector(node, 1.0, 2.0)
    retire(node_id=node, names=[name])

    def and_change(node_id: str) -> NodeSpace:
        found = space_of_node(node_id)
        assert purge(node_id=node_id, names=[name], limit=1).names == [name]
        teach_vector(node_id, 1.0, 2.0, 3.0)
        return found

    def nearest() -> list[str] | DataError:
        try:
            return NodeVectors(node).nearest(named(sum_vectors([[1.0, 2.0]])))
        except DataError as error:  # they cannot be compared
            return error

    monkeypatch.setattr("memory_app.vectors.space_of_node", and_change)
    assert nearest() == []


def test_what_is_left_to_purge_is_counted_where_there_was_nothing_to_do(node: str) -> None:
    names = teach(node, 2)
    retire(node_id=node, names=names)
    assert purge(node_id=node, names=names[:1], limit=1) == (names[:1], {}, 1)
    assert purge(node_id=node, names=names[:1], limit=1) == ([], {}, 1)


def test_where_vectors_are_not_available_any_more_the_rest_is_purged(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = teach_vector(node)
    retire(node_id=node, names=[name])
    monkeypatch.setattr(purging, "space_of_memory", lambda memory: MemorySpace(available=False, dimension=2))
    assert purge(node_id=node, names=[name], limit=1) == ([name], {}, 0)
