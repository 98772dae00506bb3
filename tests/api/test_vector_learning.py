"""Learning vectors over HTTP: when waiting vectors are stored, and concurrent learns (engine.md 2.3; D31, Q07)."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from memory_app.operations.nodes import delete_cleared
from tests.support.jobs import end_of, start, train
from tests.support.races import at_once
from tests.support.sessions import LiveSession, OpenSession, observation
from tests.support.transactions import Other
from tests.support.vectors import name, observe_vector, refused, wrong_dimension


def test_learning_stores_the_waiting_vectors_of_its_own_session_only(open_session: OpenSession) -> None:
    """D31."""
    learner, waiter, asker = open_session(), open_session(), open_session()
    observe_vector(waiter, 1, 1)
    observe_vector(learner, 2, 2, strings=["a"])
    learner.learn()
    observe_vector(asker, 0, 0)
    assert asker.stm()[-1] == sorted([name(0, 0), name(2, 2)])
    waiter.observe("b")
    waiter.learn()
    observe_vector(asker, 0, 0)
    assert asker.stm()[-1] == sorted([name(0, 0), name(1, 1), name(2, 2)])


def test_a_learn_that_stores_no_pattern_stores_the_vectors(open_session: OpenSession) -> None:
    session = open_session()
    observe_vector(session, 1, 1)
    assert session.learn() == ""
    assert session.patterns() == 0
    observe_vector(session, 2, 2)
    assert session.stm() == [sorted([name(1, 1), name(2, 2)])]


def test_auto_learning_stores_the_vector_that_completed_the_pattern(
    open_session: OpenSession,
) -> None:
    session, asker = open_session(config={"max_pattern_length": 2}), open_session()
    observe_vector(session, 1, 1)
    assert observe_vector(session, 2, 2)["auto_learned_pattern"] is not None
    observe_vector(asker, 0, 0)
    assert asker.stm() == [sorted([name(0, 0), name(1, 1), name(2, 2)])]


def test_of_sessions_that_learn_first_with_different_dimensions_exactly_one_wins(open_session: OpenSession) -> None:
    for n in range(5):
        node = f"first {n}"
        sessions = [LiveSession.create(open_session().client, node) for _ in range(4)]
        for dimension, session in enumerate(sessions, start=2):
            observe_vector(session, *[1.0] * dimension, strings=["a"])
        learns = [partial(session.client.post, f"/sessions/{session.id}/learn") for session in sessions]
        answers = at_once(learns)
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200, 400, 400, 400]
        winner = statuses.index(200)
        assert sessions[0].patterns() == 1
        for dimension, (session, answer) in enumerate(zip(sessions, answers, strict=True), start=2):
            if answer.status_code == 400:
                assert answer.json()["detail"] == wrong_dimension(winner + 2, *[1.0] * dimension)
                assert len(session.stm()) == 1


@pytest.fixture
def other(request: pytest.FixtureRequest, database: psycopg.Connection, django_db_blocker: DjangoDbBlocker) -> Any:
    with django_db_blocker.unblock():
        yield Other(request.node.name, database)


def test_a_learn_during_another_first_learn_waits_and_is_refused(open_session: OpenSession, other: Other) -> None:
    session = open_session()
    session.teach("a", "b")  # creates the node; otherwise the request would wait for that
    observe_vector(session, 1, 2, 3, strings=["a"])
    with ThreadPoolExecutor(1) as pool:
        with other:
            other.learn(1, 2)
            learning = pool.submit(refused, session, "learn")
            other.wait_until_a_request_waits_for_it()
        assert learning.result() == wrong_dimension(2, 1, 2, 3)


def test_vectors_are_stored_in_the_order_of_their_names_so_that_learns_cannot_deadlock(
    open_session: OpenSession, other: Other
) -> None:
    first, last = sorted([(1.0, 2.0), (3.0, 4.0)], key=lambda values: name(*values))
    session = open_session()
    observe_vector(session, 9, 9, strings=["a"])
    session.learn()  # fixes the dimension; otherwise the request would wait for that
    observe_vector(session, *last, strings=["a"])
    observe_vector(session, *first)
    with ThreadPoolExecutor(1) as pool:
        with other:
            other.learn(*first)
            learning = pool.submit(session.learn)
            other.wait_until_a_request_waits_for_it()
            other.learn(*last)  # a deadlock if the request had stored this one already
        assert learning.result() != ""


def test_clear_all_removes_the_vectors_of_the_node_and_its_dimension(
    open_session: OpenSession, database: psycopg.Connection, django_db_blocker: DjangoDbBlocker
) -> None:
    caller, other = open_session(), open_session()
    observe_vector(caller, 1, 1, strings=["a"])
    caller.learn()
    observe_vector(caller, 3, 3)
    observe_vector(other, 2, 2, strings=["b"])
    [memory] = database.execute("SELECT memory FROM memory_app_node WHERE node_id = %s", [caller.node]).fetchone() or ()
    caller.post("clear-all")
    observe_vector(caller, 0, 0, 0)
    assert caller.stm() == [[name(0, 0, 0)]], "no neighbour is left, nor the dimension"
    other.learn()
    assert refused(caller, "observe", {"vectors": [[1, 1, 1]]})["expected_dimension"] == 2
    caller.post("clear-stm")
    observe_vector(caller, 0, 0)
    assert caller.stm() == [sorted([name(0, 0), name(2, 2)])], "the STM of others stays, and what waits with it"
    with django_db_blocker.unblock():
        while delete_cleared(limit=1):
            pass
    for table in ("memory_app_vector", "memory_app_vectorspace"):
        assert database.execute(f"SELECT count(*) FROM {table} WHERE memory = %s", [memory]).fetchone() == (0,)


def test_clear_stm_forgets_the_vectors_that_wait(open_session: OpenSession) -> None:
    session = open_session()
    observe_vector(session, 1, 1)
    session.post("clear-stm")
    observe_vector(session, 5, 5, 5)
    session.learn()
    observe_vector(session, 0, 0, 0)
    assert session.stm() == [sorted([name(0, 0, 0), name(5, 5, 5)])]


def test_clearing_the_stm_inside_a_sequence_keeps_them_as_it_keeps_the_accumulators(
    open_session: OpenSession,
) -> None:
    session = open_session()
    vectors = [{"vectors": [[n, n]]} for n in range(3)]
    session.post("observe-sequence", {"observations": vectors, "clear_stm_between": True, "learn_at_end": True})
    observe_vector(session, 9, 9)
    assert session.stm() == [sorted(name(n, n) for n in (0, 1, 2, 9))]


def test_every_waiting_vector_is_learned_however_many_there_are(
    open_session: OpenSession, database: psycopg.Connection
) -> None:
    session = open_session()
    for first in (0, 1200):
        observations = [{"vectors": [[n, 0.5]]} for n in range(first, first + 1200)]
        session.post("observe-sequence", {"observations": observations})
    session.learn()
    stored = "SELECT count(*) FROM memory_app_vector JOIN memory_app_node USING (memory) WHERE node_id = %s"
    assert database.execute(stored, [session.node]).fetchone() == (2400,)


def test_deleting_a_session_deletes_its_waiting_vectors(
    open_session: OpenSession, database: psycopg.Connection
) -> None:
    session = open_session()
    observe_vector(session, 1, 1)
    session.client.delete(f"/sessions/{session.id}")
    left = "SELECT count(*) FROM sessions_app_entry WHERE session_id = %s"
    assert database.execute(left, [session.id]).fetchone() == (0,)


def test_a_repeat_under_the_same_key_is_done_once(open_session: OpenSession) -> None:
    session = open_session()
    session.client.headers["Idempotency-Key"] = "once"
    try:
        answers = [observe_vector(session, 1, 1, strings=["a"]) for _ in range(3)]
    finally:
        del session.client.headers["Idempotency-Key"]
    assert answers[0] == answers[1] == answers[2]
    assert session.stm() == [[name(1, 1), "a"]]


def test_learn_and_observe_at_once_put_every_vector_in_exactly_one_place(open_session: OpenSession) -> None:
    """Like G2: a vector that is not in the learned pattern still waits, and the next learn stores it."""
    for n in range(20):
        session = open_session()
        observe_vector(session, n, 0, strings=["a"])
        at_once([partial(session.learn), partial(lambda s, n: str(observe_vector(s, n, 1)), session, n)])
        if session.stm():
            session.learn()
        observe_vector(session, n, 0.5)
        assert {name(n, 0), name(n, 1)} <= set(session.stm()[-1])


@pytest.mark.usefixtures("worker")
def test_background_jobs_learn_vectors_as_requests_do(open_session: OpenSession, database: psycopg.Connection) -> None:
    rng = random.Random(5)
    sequences: list[list[Any]] = [[{"vectors": [[rng.random(), rng.random()]]}, ["a"]] for _ in range(20)]
    one_by_one = open_session()
    for [first, _] in sequences:
        one_by_one = LiveSession.create(one_by_one.client, one_by_one.node)
        one_by_one.observe_sequence(first, observation("a"), learn_at_end=True)
    accepted = train(one_by_one.client, "trained", sequences)
    assert end_of(one_by_one.client, accepted)["state"] == "done"
    for table in ("memory_app_pattern", "memory_app_vector"):
        known = f"SELECT name FROM {table} JOIN memory_app_node USING (memory) WHERE node_id = %s ORDER BY name"
        trained, taught = (database.execute(known, [node]).fetchall() for node in ("trained", one_by_one.node))
        assert len(trained) == 20
        assert trained == taught

    batch = {"observations": [observation("a"), {"vectors": [[1, 2, 3]]}]}
    failed = end_of(one_by_one.client, start(one_by_one.client, f"/sessions/{one_by_one.id}/observe-sequence", batch))
    assert failed["state"] == "failed"
    assert failed["error"].startswith("Vector dimension mismatch: expected 2, got 3")
    assert one_by_one.stm() == []
