"""Retiring, un-retiring and purging patterns over HTTP (engine.md 4.5). Four processes answer, on new connections."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer, Worker
from engine.naming import pattern_name
from tests.support.jobs import end_of, start, train
from tests.support.sessions import LiveSession, OpenSession, observation, observations

AB = pattern_name([["a"], ["b"]])
NEVER = "0" * 40


def act(session: LiveSession, kind: str, *names: str, **options: Any) -> dict[str, Any]:
    return session.post(f"patterns/{kind}", {"pattern_ids": list(names), **options})


def refused(session: LiveSession, path: str, body: Any = None) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/{path}", json=body)


def assert_retired_pattern(response: httpx.Response, name: str, node: str) -> None:
    assert response.status_code == 409, response.text
    error = response.json()["error"]
    assert (error["code"], error["recoverable"]) == ("RETIRED_PATTERN", True)
    assert error["context"] == {"pattern_name": f"PTRN|{name}", "node_id": node}
    assert name in error["message"]


def predicted(session: LiveSession, *symbols: str, **config: Any) -> list[str]:
    """The names that the session predicts after observing these symbols, one per event; asks every process."""
    session.clear_stm()
    session.observe_sequence(*observations(*symbols))
    found = {tuple(one["name"] for one in session.get("predictions")["predictions"]) for _ in range(8)}
    assert len(found) == 1
    [names] = found
    cognition = session.get("cognition-data")["cognition_data"]["predictions"]
    assert [one["name"] for one in cognition] == list(names)
    session.clear_stm()
    return list(names)


# Retire ---------------------------------------------------------------------------------------------------------------


def test_a_retired_pattern_vanishes_from_the_predictions_of_all_sessions_of_its_node(open_session: OpenSession) -> None:
    session, other = open_session(), open_session()
    assert session.teach("a", "b") == f"PTRN|{AB}"
    abc = session.teach("a", "b", "c").removeprefix("PTRN|")
    assert set(predicted(other, "a", "b")) == {AB, abc}
    assert act(session, "retire", f"PTRN|{AB}", f" {AB} ", AB, NEVER, why="wrong") == {
        "status": "okay",
        "session_id": session.id,
        "node_id": session.node,
        "requested": [f"PTRN|{AB}", f" {AB} ", AB, NEVER],
        "retired": [AB, NEVER],
        "already_retired": [],
    }
    for one in (session, other):
        assert predicted(one, "a", "b") == [abc]
        assert predicted(one, "a") == [abc]  # a state of one symbol has a path of its own
    assert act(other, "retire", NEVER, AB)["already_retired"] == [NEVER, AB]


def test_a_retired_pattern_leaves_its_place_to_another_one(open_session: OpenSession) -> None:
    """It is left out before the ensemble is cut to three times max_predictions."""
    session = open_session(config={"max_predictions": 1})
    best = session.teach("a", "b").removeprefix("PTRN|")
    others = {session.teach("a", "b", symbol).removeprefix("PTRN|") for symbol in "cdef"}
    assert predicted(session, "a", "b") == [best]
    act(session, "retire", best)
    [second] = predicted(session, "a", "b")
    assert second in others


def test_retiring_changes_no_figure_of_the_node_or_of_other_predictions(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b", "c")
    session.observe_sequence(observation("x", emotives={"joy": 1.0}), observation("y"), learn_at_end=True)
    xy = pattern_name([["x"], ["y"]])
    reads = ("symbols/stats", "symbols/affinity", "patterns/count", f"pattern/{xy}")
    before = [session.of_node(read) for read in reads]
    session.observe_sequence(*observations("a", "b"))
    predictions = session.get("predictions")
    act(session, "retire", xy)
    assert [session.of_node(read) for read in reads] == before
    assert session.get("predictions") == predictions


def test_other_nodes_and_later_sessions(open_session: OpenSession, new_session: Callable[..., str]) -> None:
    session = open_session()
    session.teach("a", "b")
    act(session, "retire", AB)
    elsewhere = LiveSession.create(session.client, f"{session.node}, another")
    elsewhere.teach("a", "b")
    assert predicted(elsewhere, "a", "b") == [AB]
    assert session.client.delete(f"/sessions/{session.id}").status_code == 200
    assert predicted(open_session(), "a", "b") == []


def test_un_retire_brings_a_pattern_back_as_it_was(open_session: OpenSession) -> None:
    session = open_session()
    for _ in range(2):
        session.observe("a", emotives={"joy": 0.5}, metadata={"by": "me"})
        session.observe("b")
        session.learn()
    stored = session.pattern(AB)
    session.observe_sequence(*observations("a", "b"))
    predictions = session.get("predictions")
    act(session, "retire", AB)
    assert session.get("predictions")["predictions"] == []
    assert act(session, "un-retire", f"PTRN|{AB}", NEVER, AB) == {
        "status": "okay",
        "session_id": session.id,
        "node_id": session.node,
        "requested": [f"PTRN|{AB}", NEVER, AB],
        "un_retired": [AB],
        "not_retired": [NEVER],
    }
    assert session.get("predictions") == predictions
    assert session.pattern(AB) == stored


def test_acts_on_a_node_that_knows_nothing(open_session: OpenSession) -> None:
    session = open_session()
    assert act(session, "un-retire", AB)["not_retired"] == [AB]
    purged = session.post("patterns/purge", {"pattern_ids": [AB]})
    assert (purged["status"], purged["failed"], purged["remaining"]) == ("partial", {AB: "not retired"}, 0)
    assert session.post("patterns/purge", {})["status"] == "nothing_to_purge"
    assert act(session, "retire", AB)["retired"] == [AB]
    session.observe_sequence(*observations("a", "b"))
    assert_retired_pattern(refused(session, "learn"), AB, session.node)
    assert session.patterns() == 0


# Learning what is retired ---------------------------------------------------------------------------------------------


def test_learning_a_retired_pattern_is_refused_and_the_stm_stays(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    act(session, "retire", AB)
    session.observe("a", emotives={"joy": 1.0}, metadata={"by": "me"})
    session.observe("b")
    before = session.pattern(AB)
    assert_retired_pattern(refused(session, "learn"), AB, session.node)
    assert session.stm() == [["a"], ["b"]]
    assert session.pattern(AB) == before
    assert session.of_node("symbols/affinity")["affinities"] == {}
    act(session, "un-retire", AB)
    assert session.learn() == f"PTRN|{AB}"
    assert (session.stm(), session.pattern(AB)["frequency"]) == ([], 2)


@pytest.mark.parametrize("option", ["learn_at_end", "learn_after_each"])
def test_a_sequence_that_learns_a_retired_pattern_is_refused_as_a_whole(open_session: OpenSession, option: str) -> None:
    session = open_session()
    session.observe("x")
    events = [["p", "q"], ["r", "s"]]
    names = [pattern_name([["x"], ["p", "q"]]), pattern_name([["r", "s"]])]
    if option == "learn_at_end":
        names = [pattern_name([["x"], *events])]
    act(session, "retire", names[-1])
    body = {"observations": [observation(*event) for event in events], option: True}
    assert_retired_pattern(refused(session, "observe-sequence", body), names[-1], session.node)
    assert session.stm() == [["x"]]
    assert session.patterns() == 0
    act(session, "un-retire", names[-1])
    learned = session.post("observe-sequence", body)["auto_learned_patterns"]
    assert learned == [f"PTRN|{name}" for name in names]


@pytest.mark.parametrize("mode", ["CLEAR", "ROLLING"])
def test_an_observation_that_would_learn_a_retired_pattern_is_not_applied(open_session: OpenSession, mode: str) -> None:
    session = open_session(config={"max_pattern_length": 2, "stm_mode": mode})
    act(session, "retire", AB)
    session.observe("a")
    percept = session.percept()
    assert_retired_pattern(refused(session, "observe", observation("b", emotives={"joy": 1.0})), AB, session.node)
    assert (session.stm(), session.percept(), session.patterns()) == ([["a"]], percept, 0)
    assert session.observe("c")["auto_learned_pattern"] == f"PTRN|{pattern_name([['a'], ['c']])}"


def test_a_refused_learn_can_be_repeated_under_its_idempotency_key(open_session: OpenSession) -> None:
    session = open_session()
    act(session, "retire", AB)
    session.observe_sequence(*observations("a", "b"))
    headers = {"Idempotency-Key": "once"}
    url = f"/sessions/{session.id}/learn"
    assert session.client.post(url, headers=headers).status_code == 409
    act(session, "un-retire", AB)
    assert session.client.post(url, headers=headers).json()["pattern_name"] == f"PTRN|{AB}"


def test_a_training_job_fails_at_a_retired_pattern_and_goes_on_from_there_after_a_retry(
    open_session: OpenSession, worker: Worker
) -> None:
    """Its parts are transactions: those before stay learned, the one with the retired pattern is not learned at all."""
    session = open_session()
    act(session, "retire", AB)
    before, after = [[[f"x{n}"], ["y"]] for n in range(500)], [[["c"], ["d"]]]
    accepted = train(session.client, session.node, [*before, [["a"], ["b"]], *after])
    job = end_of(session.client, accepted)
    assert (job["state"], job["done"]) == ("failed", 500)
    assert f"Pattern {AB} is retired" in job["error"]
    assert session.patterns() == 500
    act(session, "un-retire", AB)
    session.client.post(f"/jobs/{accepted['job_id']}/retry")
    assert end_of(session.client, accepted)["state"] == "done"
    assert (session.patterns(), session.pattern(AB)["frequency"]) == (502, 1)


def test_an_observe_sequence_job_fails_at_a_retired_pattern_and_changes_nothing(
    open_session: OpenSession, worker: Worker
) -> None:
    session = open_session()
    act(session, "retire", AB)
    body = {"observations": observations("a", "b"), "learn_at_end": True}
    job = end_of(session.client, start(session.client, f"/sessions/{session.id}/observe-sequence", body))
    assert (job["state"], job["done"]) == ("failed", 0)
    assert f"Pattern {AB} is retired" in job["error"]
    assert (session.stm(), session.patterns()) == ([], 0)


# Forgetting -----------------------------------------------------------------------------------------------------------


def test_clear_all_forgets_retirements(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    act(session, "retire", AB, NEVER)
    session.post("patterns/purge", {"pattern_ids": [NEVER]})
    session.post("clear-all")
    assert act(session, "un-retire", AB, NEVER)["not_retired"] == [AB, NEVER]
    session.teach("a", "b")
    assert predicted(session, "a", "b") == [AB]


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["retire", "un-retire", "purge"])
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "too_short"),
        ([NEVER] * 1001, "too_long"),
        ([NEVER, 7], "string_type"),
        ([NEVER, AB.upper().replace("0", "A")], "invalid_pattern_ids"),
        (["0" * 39], "invalid_pattern_ids"),
        ([f"VCTR|{NEVER}"], "invalid_pattern_ids"),
        (NEVER, "list_type"),
    ],
)
def test_wrong_ids_are_refused_as_a_whole(open_session: OpenSession, kind: str, given: Any, problem: str) -> None:
    session = open_session()
    response = refused(session, f"patterns/{kind}", {"pattern_ids": given})
    assert response.status_code == 422, response.text
    assert [one["type"] for one in response.json()["detail"]] == [problem]
    assert act(session, "un-retire", NEVER)["not_retired"] == [NEVER]


def test_the_error_names_the_first_wrong_ids_and_their_number(open_session: OpenSession) -> None:
    response = refused(open_session(), "patterns/retire", {"pattern_ids": [NEVER, *(f"wrong {n}" for n in range(7))]})
    [problem] = response.json()["detail"]
    assert problem["loc"] == ["body", "pattern_ids"]
    assert "7 are not: 'wrong 0', 'wrong 1', 'wrong 2', 'wrong 3', 'wrong 4'" in problem["msg"]


def test_a_thousand_equal_ids_are_one(open_session: OpenSession) -> None:
    answer = act(open_session(), "retire", *[NEVER] * 1000)
    assert (len(answer["requested"]), answer["retired"]) == (1000, [NEVER])


@pytest.mark.parametrize("body", [None, {}, {"pattern_ids": None}])
@pytest.mark.parametrize("kind", ["retire", "un-retire"])
def test_retire_and_un_retire_need_ids(open_session: OpenSession, kind: str, body: Any) -> None:
    assert refused(open_session(), f"patterns/{kind}", body).status_code == 422


@pytest.mark.parametrize("kind", ["retire", "un-retire", "purge"])
def test_an_unknown_session(server: WebServer, kind: str) -> None:
    with httpx.Client(base_url=server.url) as client:
        response = client.post(f"/sessions/unknown/patterns/{kind}", json={"pattern_ids": [NEVER]})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "SESSION_NOT_FOUND"
