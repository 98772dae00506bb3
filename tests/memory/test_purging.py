"""What one purge takes, in which order it locks, and what it leaves for the next one."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from engine.lesson import prepare_lesson
from engine.vectors import named, sum_vectors
from memory_app.operations import deleting, purging, retiring
from memory_app.operations.deleting import delete
from memory_app.operations.patterns import learn
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire
from memory_app.vector_table import MemorySpace
from memory_app.vectors import NodeVectors

NEVER = "0" * 40


@pytest.fixture
def node(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    with django_db_blocker.unblock():
        yield f"node-{uuid.uuid4().hex}"
        connection.close()


def teach(node_id: str, count: int, *, joy: float = 1.0) -> list[str]:
    """Patterns of the same size; returns their names."""
    lessons = [prepare_lesson([[chr(97 + number)], ["z"]], emotives=[{"joy": joy}]) for number in range(count)]
    learned = [one for one in lessons if one is not None]
    with transaction.atomic():
        learn(node_id=node_id, lessons=learned, persistence=5)
    return [one.name for one in learned]


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


def teach_vector(node_id: str) -> str:
    vector = named(sum_vectors([[1.0, 2.0]]))
    lesson = prepare_lesson([[vector.name], ["x"]])
    assert lesson is not None
    vectors = NodeVectors(node_id)
    vectors.learn([vector])
    with transaction.atomic():
        learn(node_id=node_id, lessons=[lesson], persistence=5, vectors=vectors)
    return lesson.name


def test_an_index_is_read_before_learns_have_to_wait(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the lock only what has changed since is left to be read."""
    steps: list[str] = []

    def noted(step: str, perform: Callable[[str], Any]) -> Callable[[str], Any]:
        def note_and_perform(node_id: str) -> Any:
            steps.append(step)
            return perform(node_id)

        return note_and_perform

    for step in ("_view", "lock"):
        monkeypatch.setattr(purging, step, noted(step, getattr(purging, step)))
    name = teach_vector(node)
    retire(node_id=node, names=[name])
    assert purge(node_id=node, names=[name], limit=1).names == [name]
    assert steps == ["_view", "lock", "_view"]


def test_so_it_is_before_a_pattern_is_deleted(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def view(node_id: str) -> Any:
        steps.append("_view")
        return purging_view(node_id)

    def locked(node_id: str) -> int | None:
        steps.append("lock")
        return retiring.lock(node_id)

    purging_view = purging._view
    monkeypatch.setattr(purging, "_view", view)
    monkeypatch.setattr(deleting, "lock", locked)
    delete(node_id=node, name=teach_vector(node))
    assert steps[:2] == ["_view", "lock"]


def test_where_vectors_are_not_available_any_more_the_rest_is_purged(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = teach_vector(node)
    retire(node_id=node, names=[name])
    monkeypatch.setattr(purging, "space_of_memory", lambda memory: MemorySpace(available=False, dimension=2))
    assert purge(node_id=node, names=[name], limit=1) == ([name], {}, 0)
