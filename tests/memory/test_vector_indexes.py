"""The HNSW indexes of nodes with very many vectors; the threshold is lower here, so that the tests are quick."""

import random
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from engine.named_vectors import NEIGHBOURS
from engine.vectors import named, sum_vectors
from foundation.postgresql.statements import OTHER
from memory_app import vector_indexes
from memory_app.vector_table import indexed_expression
from memory_app.vectors import NodeVectors
from tests.support.sessions import LiveSession, OpenSession

LARGE = 300
_AT_ONCE = 100  # a request has a limit of values
Maintain = Callable[[], int]


@pytest.fixture
def maintain(django_db_blocker: DjangoDbBlocker) -> Iterator[Maintain]:
    with django_db_blocker.unblock():
        while vector_indexes.maintain(index_from=LARGE):  # nodes of earlier tests
            pass
        yield lambda: vector_indexes.maintain(index_from=LARGE)
        connection.close()


def _vectors(count: int, *, seed: int) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.gauss(0, 1) for _ in range(6)] for _ in range(count)]


def _teach(session: LiveSession, vectors: list[list[float]]) -> None:
    for start in range(0, len(vectors), _AT_ONCE):
        observations = [{"vectors": [one]} for one in vectors[start : start + _AT_ONCE]]
        session.post("observe-sequence", {"observations": observations, "learn_at_end": True})


def _memory(database: psycopg.Connection, session: LiveSession) -> int:
    [memory] = (
        database.execute("SELECT memory FROM memory_app_node WHERE node_id = %s", [session.node]).fetchone() or ()
    )
    return int(memory)


def _indexes(database: psycopg.Connection) -> set[str]:
    rows = database.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'memory_app_vector'")
    return {row[0] for row in rows} - {"memory_app_vector_pkey"}


def test_a_node_is_indexed_when_it_has_become_large_and_answers_as_before(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain
) -> None:
    session = open_session()
    queries = [named(sum_vectors([one])) for one in _vectors(20, seed=2)]
    _teach(session, _vectors(LARGE - 1, seed=1))
    assert maintain() == 0
    _teach(session, [[100.0] * 6])
    before = [NodeVectors(session.node).nearest(query) for query in queries]
    assert (maintain(), maintain()) == (1, 0)
    _teach(session, [[50.0] * 6])
    index = f"memory_app_vector_of_{_memory(database, session)}"
    with transaction.atomic():
        OTHER.execute("SET LOCAL enable_sort = off", {})  # sorting so few vectors is faster than the index
        assert index in _plan(_memory(database, session))
        assert [NodeVectors(session.node).nearest(query) for query in queries] == before
        after = NodeVectors(session.node).nearest(named(sum_vectors([[49.0] * 6])))
        assert after[0] == named(sum_vectors([[50.0] * 6])).name, "learned after the index was built"
    session.observe(vectors=[[49.0] * 6])
    assert session.stm() == [sorted([named(sum_vectors([[49.0] * 6])).name, *after])]


def _plan(memory: int) -> str:
    """The plan of a search as `_search` performs it."""
    query = (
        f"EXPLAIN SELECT {indexed_expression(6)} <-> '[1,2,3,4,5,6]'::vector AS distance, encode(name, 'hex') "
        f"FROM memory_app_vector WHERE memory = {memory} "
        f"AND EXISTS (SELECT FROM memory_app_node WHERE memory = {memory}) "
        f"ORDER BY distance, memory_app_vector.name LIMIT {NEIGHBOURS}"
    )
    return "\n".join(line for (line,) in OTHER.execute(query, {}))


def test_an_index_is_dropped_with_its_memory_and_an_interrupted_one_is_rebuilt(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain
) -> None:
    session = open_session()
    _teach(session, _vectors(LARGE, seed=3))
    old = f"memory_app_vector_of_{_memory(database, session)}"
    database.execute(f"CREATE INDEX {old} ON memory_app_vector (memory)")  # an interrupted build may leave this
    assert maintain() == 2
    [definition] = database.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [old]).fetchone() or ()
    assert "hnsw" in definition
    session.post("clear-all")
    assert maintain() == 1
    assert old not in _indexes(database)


def test_the_index_of_purged_vectors_goes_and_with_it_their_dimension(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain
) -> None:
    session = open_session()
    _teach(session, _vectors(LARGE, seed=4))
    assert maintain() == 1
    index = f"memory_app_vector_of_{_memory(database, session)}"
    rows = database.execute(
        "SELECT encode(name, 'hex') FROM memory_app_pattern WHERE memory = %s", [_memory(database, session)]
    )
    names = [name for (name,) in rows]
    session.post("patterns/retire", {"pattern_ids": names})
    assert session.post("patterns/purge", {})["purged"] == sorted(names)
    assert index in _indexes(database)
    session.observe(vectors=[[1.0] * 6])
    assert maintain() == 1
    assert index not in _indexes(database)
    session.clear_stm()
    session.observe_sequence({"vectors": [[1.0, 2.0]]}, {"strings": ["x"]}, learn_at_end=True)


def test_an_index_that_is_built_while_all_vectors_are_purged_is_dropped(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session()
    _teach(session, _vectors(LARGE, seed=5))
    monkeypatch.setattr(vector_indexes, "_SET_INDEXED", f"{vector_indexes._SET_INDEXED} AND dimension IS NULL")
    maintain()
    assert f"memory_app_vector_of_{_memory(database, session)}" not in _indexes(database)


def test_an_index_that_is_being_built_keeps_the_dimension_of_vectors_that_are_purged(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain
) -> None:
    """Otherwise the index would refuse vectors of another dimension, as a fault of the service."""
    session = open_session()
    _teach(session, _vectors(5, seed=6))
    memory = _memory(database, session)
    database.execute(
        f"CREATE INDEX memory_app_vector_of_{memory} ON memory_app_vector "
        f"USING hnsw ({indexed_expression(6)} vector_l2_ops) WHERE memory = {memory}"
    )
    rows = database.execute("SELECT encode(name, 'hex') FROM memory_app_pattern WHERE memory = %s", [memory])
    session.post("patterns/retire", {"pattern_ids": [name for (name,) in rows]})
    session.post("patterns/purge", {})
    body = {"observations": [{"vectors": [[1.0, 2.0]]}, {"strings": ["x"]}], "learn_at_end": True}
    response = session.client.post(f"/sessions/{session.id}/observe-sequence", json=body)
    assert response.status_code == 400
    assert response.json()["detail"]["error"] == "VectorDimensionError"
    # The build ended without a trace, for example with its process.
    while maintain():
        pass
    session.post("observe-sequence", body)


def test_vectors_too_long_for_an_index_are_searched_without_one(
    open_session: OpenSession, database: psycopg.Connection, maintain: Maintain
) -> None:
    session = open_session()
    _teach(session, [[float(n)] * 2001 for n in range(LARGE)])
    assert maintain() == 0
    session.observe(vectors=[[7.2] * 2001])
    expected = [named(sum_vectors([[value] * 2001])).name for value in (7.2, 7.0, 8.0, 6.0)]
    assert session.stm() == [sorted(expected)]
