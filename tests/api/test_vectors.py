"""Vectors over HTTP: symbols, neighbours, waiting and learning (engine.md 2.3; D30, D31, Q07)."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import dist
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

import memory_app.operations.patterns
from benchmarks.stack import eventually
from engine.vectors import named, sum_vectors
from foundation.postgresql.statements import OTHER
from memory_app.operations.nodes import delete_cleared
from memory_app.vectors import NodeVectors
from tests.support.jobs import end_of, start, train, training
from tests.support.races import at_once
from tests.support.sessions import LiveSession, NewSession, OpenSession, observation, percept

MANY = 12  # requests on new connections, enough to reach all four processes


def name(*values: float) -> str:
    return named(sum_vectors([values])).name


def observe_vector(session: LiveSession, *values: float, **parts: Any) -> dict[str, Any]:
    return session.observe(vectors=[list(values)], **parts)


def refused(session: LiveSession, path: str, body: Any = None) -> dict[str, Any]:
    """The detail of a 400, after which everything is as it was."""
    before = session.get("cognition-data"), session.get("percept-data")
    response = session.client.post(f"/sessions/{session.id}/{path}", json=body)
    assert response.status_code == 400, response.text
    assert (session.get("cognition-data"), session.get("percept-data")) == before
    detail: dict[str, Any] = response.json()["detail"]
    return detail


def wrong_dimension(expected: int, *values: float, **more: Any) -> dict[str, Any]:
    return {
        "error": "VectorDimensionError",
        "message": f"Vector dimension mismatch: expected {expected}, got {len(values)} ({name(*values)}); "
        "nothing was changed",
        "expected_dimension": expected,
        "actual_dimension": len(values),
        "vector_name": name(*values),
        **more,
    }


def test_a_vector_stands_in_the_event_by_its_name_before_the_strings(open_session: OpenSession) -> None:
    session = open_session()
    answer = session.observe("b", "a", vectors=[[1, 0, 0]])
    assert (answer["stm_length"], answer["time"]) == (1, 1)
    assert session.stm() == [["VCTR|9d58821e286eae6a77923d694a12ede7cbeabfbd", "a", "b"]]
    assert session.percept() == percept(strings=["a", "b"], vectors=[[1.0, 0.0, 0.0]])


def test_a_vector_alone_is_an_event(open_session: OpenSession) -> None:
    session = open_session(config={"sort_symbols": False})
    assert observe_vector(session, 1, 2)["stm_length"] == 1
    assert session.stm() == [[name(1, 2)]]


def test_the_vectors_of_an_observation_are_added_and_returned_as_given(open_session: OpenSession) -> None:
    session = open_session()
    session.observe(vectors=[[1, 0.5], [10], [1, 2]])
    assert session.stm() == [[name(12, 12.5)]]
    assert session.get("percept-data")["percept_data"]["vectors"] == [[1.0, 0.5], [10.0], [1.0, 2.0]]


def test_the_three_nearest_learned_vectors_lend_their_names(open_session: OpenSession) -> None:
    teacher, session = open_session(), open_session()
    for values in ((0, 0), (1, 0), (5, 0), (9, 0)):
        observe_vector(teacher, *values)
    observe_vector(session, 0.2, 0)
    assert session.stm()[-1] == [name(0.2, 0)], "what only waits is nobody's neighbour"
    teacher.learn()
    for _ in range(MANY):
        observe_vector(session, 2, 0)
        assert session.stm()[-1] == sorted([name(2, 0), name(1, 0), name(0, 0), name(5, 0)])
    observe_vector(session, 1, 0)
    assert session.stm()[-1] == sorted([name(1, 0), name(0, 0), name(5, 0)])
    observe_vector(session, 1000, 0)
    assert name(9, 0) in session.stm()[-1], "however far away"


def test_neighbours_are_those_of_a_search_through_all(open_session: OpenSession) -> None:
    rng = random.Random(7)
    vectors = [[rng.gauss(0, 1) for _ in range(50)] for _ in range(120)]
    teacher, session = open_session(), open_session()
    teacher.post("observe-sequence", {"observations": [{"vectors": [one]} for one in vectors], "learn_at_end": True})
    for _ in range(10):
        query = [rng.gauss(0, 1) for _ in range(50)]
        nearest = sorted(vectors, key=partial(dist, query))[:3]
        observe_vector(session, *query)
        assert session.stm()[-1] == sorted(name(*one) for one in (query, *nearest))


def test_of_equally_near_vectors_those_with_the_first_names_are_taken(open_session: OpenSession) -> None:
    """P6: the same in every process."""
    axes = [[float(n == axis) for n in range(20)] for axis in range(20)]
    teacher, session = open_session(), open_session()
    for one in sorted(axes, key=lambda one: name(*one), reverse=True):  # not in the order in which they are wanted
        teacher.post("observe-sequence", {"observations": [{"vectors": [one]}], "learn_at_end": True})
    first = sorted(name(*one) for one in axes)[:3]
    for _ in range(MANY):
        observe_vector(session, *[0.0] * 20)
        assert session.stm()[-1] == sorted([name(*[0.0] * 20), *first])


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


def test_a_session_that_learns_by_itself_stores_the_vector_that_completed_the_pattern(
    open_session: OpenSession,
) -> None:
    session, asker = open_session(config={"max_pattern_length": 2}), open_session()
    observe_vector(session, 1, 1)
    assert observe_vector(session, 2, 2)["auto_learned_pattern"] is not None
    observe_vector(asker, 0, 0)
    assert asker.stm() == [sorted([name(0, 0), name(1, 1), name(2, 2)])]


@pytest.mark.parametrize("config", [{}, {"max_pattern_length": 2}, {"max_pattern_length": 3, "stm_mode": "ROLLING"}])
def test_in_a_sequence_what_earlier_observations_taught_is_a_neighbour_of_later_ones(
    open_session: OpenSession, config: dict[str, Any]
) -> None:
    """The same as one request for each; once the node knows nothing and once it does."""
    rng = random.Random(3)
    at_once_, one_by_one = open_session(config=config), open_session(config=config)
    one_by_one.node = at_once_.node + " one by one"
    one_by_one = LiveSession.create(one_by_one.client, one_by_one.node, config=config)
    each = not config
    for _ in range(2):
        observations: list[dict[str, Any]] = [
            {"vectors": [[rng.choice((0, 1, 2)), rng.random()]], "strings": ["s"] * rng.choice((0, 1))}
            for _ in range(15)
        ]
        observations[7] = {"strings": ["no", "vector"]}
        observations[9] = observations[2]  # learned before
        answer = at_once_.post("observe-sequence", {"observations": observations, "learn_after_each": each})
        taught = []
        for each_one in observations:
            taught.append(one_by_one.post("observe", each_one)["auto_learned_pattern"])
            if each:
                taught.append(one_by_one.learn())
        assert answer["auto_learned_patterns"] == [one for one in taught if one is not None]
        assert at_once_.stm() == one_by_one.stm()
    observe_vector(at_once_, 0, 0)
    observe_vector(one_by_one, 0, 0)
    assert at_once_.stm() == one_by_one.stm()


def test_a_learned_vector_is_a_neighbour_at_once_in_every_process(open_session: OpenSession) -> None:
    teacher, asker = open_session(), open_session()
    for n in range(30):
        observe_vector(teacher, n, 0, strings=["a"])
        teacher.learn()
        observe_vector(asker, n, 0.5)
        assert name(n, 0) in asker.stm()[-1]


def test_a_vector_of_another_dimension_is_refused_and_named(open_session: OpenSession) -> None:
    """Q07."""
    session = open_session()
    observe_vector(session, 1, 2, 3, strings=["a"])
    session.learn()
    session.observe("b", emotives={"joy": 1})
    assert refused(session, "observe", {"vectors": [[1, 2]], "strings": ["c"]}) == wrong_dimension(3, 1, 2)
    batch = {"observations": [{"strings": ["c"]}, {"vectors": [[1, 2, 3]]}, {"vectors": [[1, 2]]}]}
    assert refused(session, "observe-sequence", batch) == wrong_dimension(3, 1, 2, observation_index=2)
    assert refused(session, "observe-sequence", {**batch, "learn_after_each": True})["observation_index"] == 2


def test_vectors_that_wait_together_have_one_dimension(open_session: OpenSession) -> None:
    session = open_session()
    observe_vector(session, 1, 2, 3)
    assert refused(session, "observe", {"vectors": [[1, 2]]}) == wrong_dimension(3, 1, 2)
    batch = {"observations": [{"vectors": [[1, 2, 4]]}, {"vectors": [[7]]}], "learn_after_each": True}
    assert refused(session, "observe-sequence", batch) == wrong_dimension(3, 7, observation_index=1)
    observe_vector(open_session(), 1, 2)  # another session of the node is free to wait with its own


def test_vectors_of_one_observation_have_one_length_or_a_single_element(open_session: OpenSession) -> None:
    session = open_session()
    given = {"vectors": [[1, 2, 3], [5], [4, 5]], "strings": ["a"]}
    assert refused(session, "observe", given) == wrong_dimension(3, 4, 5)
    batch = {"observations": [{"strings": ["a"]}, given]}
    assert refused(session, "observe-sequence", batch) == wrong_dimension(3, 4, 5, observation_index=1)


def test_a_waiting_vector_whose_dimension_others_made_wrong_is_named_until_clear_stm(
    open_session: OpenSession,
) -> None:
    session, other = open_session(), open_session()
    observe_vector(session, 1, 2, 3, strings=["a"])
    observe_vector(other, 1, 2, strings=["a"])
    other.learn()
    for _ in range(2):
        assert refused(session, "learn") == wrong_dimension(2, 1, 2, 3)
    batch = {"observations": [{"strings": ["b"]}], "learn_at_end": True}
    assert refused(session, "observe-sequence", batch) == wrong_dimension(2, 1, 2, 3)
    session.observe("goes on")
    session.post("clear-stm")
    observe_vector(session, 3, 4, strings=["a"])
    assert session.learn() != ""


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


class Other:
    """A transaction of this process on a node, which commits when its block ends."""

    def __init__(self, node: str, database: psycopg.Connection) -> None:
        self.node = node
        self._database = database

    def __enter__(self) -> "Other":
        self._atomic = transaction.atomic()
        self._atomic.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._atomic.__exit__(*error)
        connection.close()

    def learn(self, *values: float) -> None:
        vectors = NodeVectors(self.node)
        vectors.learn([named(sum_vectors([values]))])
        memory_app.operations.patterns.learn(node_id=self.node, lessons=[], persistence=5, vectors=vectors)

    def wait_until_somebody_waits_for_it(self) -> None:
        [(pid,)] = OTHER.execute("SELECT pg_backend_pid()", {})
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        eventually(lambda: self._database.execute(waiting, [pid]).fetchone() != (0,), "a request waits for it")


@pytest.fixture
def other(request: pytest.FixtureRequest, database: psycopg.Connection, django_db_blocker: DjangoDbBlocker) -> Any:
    with django_db_blocker.unblock():
        yield Other(request.node.name, database)


def test_who_learns_while_another_is_about_to_fix_the_dimension_waits_and_is_refused(
    open_session: OpenSession, other: Other
) -> None:
    session = open_session()
    session.teach("a", "b")  # the node, or that would be what is waited for
    observe_vector(session, 1, 2, 3, strings=["a"])
    with ThreadPoolExecutor(1) as pool:
        with other:
            other.learn(1, 2)
            learning = pool.submit(refused, session, "learn")
            other.wait_until_somebody_waits_for_it()
        assert learning.result() == wrong_dimension(2, 1, 2, 3)


def test_vectors_are_stored_in_the_order_of_their_names_so_that_learns_cannot_deadlock(
    open_session: OpenSession, other: Other
) -> None:
    first, last = sorted([(1.0, 2.0), (3.0, 4.0)], key=lambda values: name(*values))
    session = open_session()
    observe_vector(session, 9, 9, strings=["a"])
    session.learn()  # the dimension, or that would be what is waited for
    observe_vector(session, *last, strings=["a"])
    observe_vector(session, *first)
    with ThreadPoolExecutor(1) as pool:
        with other:
            other.learn(*first)
            learning = pool.submit(session.learn)
            other.wait_until_somebody_waits_for_it()
            other.learn(*last)  # if the other one had it already, each would wait for the other
        assert learning.result() != ""


def test_clear_all_takes_the_vectors_of_the_node_and_its_dimension(
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


def test_deleting_a_session_deletes_what_waited(open_session: OpenSession, database: psycopg.Connection) -> None:
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
    """As G2: what is not in the learned pattern still waits, and the next learn stores it."""
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


def test_a_job_whose_vectors_cannot_be_is_refused_at_once(open_session: OpenSession) -> None:
    session = open_session()
    for vectors, status in (([[1, 2], [1, 2, 3]], 400), ([[3e38], [3e38]], 422)):
        batch = {"observations": [{"vectors": vectors}]}
        body = training(session.node, [[{"vectors": vectors}]])
        later = session.client.post(f"/sessions/{session.id}/observe-sequence?mode=async", json=batch)
        assert later.status_code == status
        assert session.client.post("/jobs", json=body).status_code == status


@pytest.mark.parametrize(
    ("vectors", "location", "kind"),
    [
        ([[]], ["vectors", 0], "too_short"),
        ([[1.0], [0.0] * 16_001], ["vectors", 1], "too_long"),
        ([[1, 2], [1, "x"]], ["vectors", 1, 1], "float_parsing"),
        ([[1, None]], ["vectors", 0, 1], "float_type"),
        ([[3e38], [3e38]], ["vectors"], "vector_out_of_range"),
        ([[1e308], [1e308]], ["vectors"], "vector_out_of_range"),
    ],
)
def test_a_vector_that_cannot_be_stored_is_a_422_with_its_place(
    client: httpx.Client,
    new_session: NewSession,
    vectors: list[Any],
    location: list[str | int],
    kind: str,
) -> None:
    session = f"/sessions/{new_session()}"
    single = client.post(f"{session}/observe", json={"vectors": vectors})
    batch = client.post(f"{session}/observe-sequence", json={"observations": [{}, {"vectors": vectors}]})
    for response, place in ((single, ["body"]), (batch, ["body", "observations", 1])):
        assert response.status_code == 422, response.text
        [problem] = response.json()["detail"]
        assert (problem["type"], problem["loc"]) == (kind, [*place, *location])
    assert client.get(f"{session}/percept-data").json()["percept_data"] == {}


def test_the_longest_vectors_and_the_largest_numbers_are_stored(open_session: OpenSession) -> None:
    long, large = open_session(), LiveSession.create(open_session().client, "large")
    observe_vector(long, *range(16_000), strings=["a"])
    long.learn()
    observe_vector(long, *range(1, 16_001))
    assert long.stm() == [sorted([name(*range(16_000)), name(*range(1, 16_001))])]
    observe_vector(large, 3.4e38, -3.4e38, 1e-300, strings=["a"])
    large.learn()
    observe_vector(large, 3.4e38, -3.4e38, 0)
    assert len(large.stm()[0]) == 2


def test_a_session_that_is_not_there_is_a_404_whatever_its_vectors(client: httpx.Client) -> None:
    refused: list[list[list[int]]] = [[[1, 2], [1, 2, 3]], [[]]]
    for vectors in ([[1, 2]], *refused):
        assert client.post("/sessions/nope/observe", json={"vectors": vectors}).status_code == 404
