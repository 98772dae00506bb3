"""`DELETE /nodes/{id}/patterns/{name}`: the node forgets a pattern and does not learn it again (http.md 1.7)."""

from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from engine.naming import pattern_name
from tests.support.acts import ACTS
from tests.support.nodes import node_path
from tests.support.races import at_once
from tests.support.sessions import LiveSession, OpenSession, observation, observations

AB = pattern_name([["a"], ["b"]])
READS = ("symbols/stats", "symbols/affinity", "patterns/count")


def delete(session: LiveSession, name: str, **query: Any) -> httpx.Response:
    return session.client.delete(node_path(session.node, "patterns", name), params=query)


def learn(session: LiveSession, events: str, joy: float) -> None:
    items = [observation(symbol, emotives={"joy": joy}) for symbol in events]
    session.observe_sequence(*items, learn_at_end=True)


def what_is_known(session: LiveSession) -> list[dict[str, Any]]:
    return [{**session.of_node(read), "node_id": ""} for read in READS]


def learn_what_was_observed(session: LiveSession) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/learn")


def test_a_deleted_pattern_leaves_nothing_behind_and_is_not_learned_again(open_session: OpenSession) -> None:
    session = open_session()
    without = LiveSession.create(session.client, f"{session.node}, without")
    for one in (session, without):
        learn(one, "bc", 0.7)
    for joy in (0.1, 0.2):
        learn(session, "ab", joy)
    response = delete(session, f"PTRN|{AB}")
    assert response.status_code == 200
    assert response.json() == {"status": "deleted", "pattern_name": f"PTRN|{AB}", "node_id": session.node}
    assert what_is_known(session) == what_is_known(without)
    session.observe_sequence(*observations("a", "b"))
    assert AB not in [one["name"] for one in session.get("predictions")["predictions"]]
    assert learn_what_was_observed(session).status_code == 409
    session.post("patterns/un-retire", {"pattern_ids": [AB]})
    session.learn()
    assert session.pattern(AB)["frequency"] == 1


def test_a_retired_pattern_can_be_deleted(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    session.post("patterns/retire", {"pattern_ids": [AB]})
    assert delete(session, AB).status_code == 200
    assert session.patterns() == 0


def test_a_pattern_that_there_is_not_is_a_404_and_may_be_learned(open_session: OpenSession) -> None:
    session = open_session()
    assert delete(session, AB).status_code == 404  # no node
    session.teach("b", "c")
    response = delete(session, AB)
    assert (response.status_code, response.json()) == (404, {"detail": f"Pattern {AB} not found"})
    session.teach("a", "b")
    assert delete(session, AB).status_code == 200
    assert delete(session, AB).status_code == 404


@pytest.mark.parametrize("name", ["x", "0" * 39, "0" * 41, AB.upper(), f"PTRN|PTRN|{AB}", f"{AB}\n0", "é"])
def test_what_is_no_name_is_a_422(open_session: OpenSession, name: str) -> None:
    session = open_session()
    session.teach("a", "b")
    response = delete(session, name)
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["path", "name"])
    assert session.patterns() == 1


def test_who_deleted_what_and_why_is_kept(open_session: OpenSession, database: psycopg.Connection) -> None:
    session = open_session()
    session.teach("a", "b")
    assert delete(session, AB, why="x" * 1001).status_code == 422
    assert session.patterns() == 1
    delete(session, AB, why="a broken sensor")
    query = f"SELECT kind, encode(name, 'hex'), why, frequency FROM {ACTS} WHERE node_id = %s ORDER BY 1"
    assert database.execute(query, [session.node]).fetchall() == [
        ("purged", AB, "a broken sensor", 1),
        ("retired", AB, "a broken sensor", None),
    ]


def test_of_several_deletions_at_once_one_takes_it_back(open_session: OpenSession) -> None:
    session = open_session()
    learn(session, "bc", 0.25)
    for _ in range(5):
        learn(session, "ab", 0.5)
        statuses = [one.status_code for one in at_once([partial(delete, session, AB)] * 4)]
        assert sorted(statuses) == [200, 404, 404, 404]
        assert session.of_node("symbols/affinity")["affinities"] == {"b": {"joy": 0.25}, "c": {"joy": 0.25}}
        session.post("patterns/un-retire", {"pattern_ids": [AB]})


def test_a_deletion_and_a_learn_end_in_one_of_the_serial_outcomes(open_session: OpenSession) -> None:
    """Learned first: it is deleted. Deleted first: there is no such pattern, and it is learned."""
    outcomes = set()
    client = open_session().client
    for number in range(60):
        session = LiveSession.create(client, f"deleted while learned {number}")
        session.teach("b", "c")
        session.observe_sequence(*observations("a", "b"))
        learned, deleted = at_once([partial(learn_what_was_observed, session), partial(delete, session, AB)])
        assert learned.status_code == 200
        was_deleted = deleted.status_code == 200
        assert was_deleted or deleted.status_code == 404
        assert session.patterns() == (1 if was_deleted else 2)
        assert {status_of_learning_again(session)} == {409 if was_deleted else 200}
        outcomes.add(was_deleted)
    assert outcomes == {True, False}, "the two never overlapped: the test shows nothing"


def status_of_learning_again(session: LiveSession) -> int:
    session.clear_stm()
    session.observe_sequence(*observations("a", "b"))
    return learn_what_was_observed(session).status_code
