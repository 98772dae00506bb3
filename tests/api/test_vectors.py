"""Vectors over HTTP: symbols, neighbours and dimensions (engine.md 2.3; D30, Q07)."""

import random
from functools import partial
from math import dist
from typing import Any

import httpx
import pytest

from tests.support.jobs import training
from tests.support.sessions import LiveSession, NewSession, OpenSession, percept
from tests.support.vectors import name, observe_vector, refused, wrong_dimension

MANY = 12  # requests on new connections, enough to reach all four processes


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


def test_the_three_nearest_learned_vectors_contribute_their_names(open_session: OpenSession) -> None:
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
    for one in sorted(axes, key=lambda one: name(*one), reverse=True):  # not in the expected order
        teacher.post("observe-sequence", {"observations": [{"vectors": [one]}], "learn_at_end": True})
    first = sorted(name(*one) for one in axes)[:3]
    for _ in range(MANY):
        observe_vector(session, *[0.0] * 20)
        assert session.stm()[-1] == sorted([name(*[0.0] * 20), *first])


@pytest.mark.parametrize("config", [{}, {"max_pattern_length": 2}, {"max_pattern_length": 3, "stm_mode": "ROLLING"}])
def test_in_a_sequence_what_earlier_observations_taught_is_a_neighbour_of_later_ones(
    open_session: OpenSession, config: dict[str, Any]
) -> None:
    """The same as a request for each; first on an empty node, then on one with patterns."""
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
    observe_vector(open_session(), 1, 2)  # another session of the node may wait with another dimension


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


def test_a_job_with_invalid_vectors_is_refused_at_once(open_session: OpenSession) -> None:
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


def test_a_missing_session_is_a_404_whatever_the_vectors(client: httpx.Client) -> None:
    refused: list[list[list[int]]] = [[[1, 2], [1, 2, 3]], [[]]]
    for vectors in ([[1, 2]], *refused):
        assert client.post("/sessions/nope/observe", json={"vectors": vectors}).status_code == 404
