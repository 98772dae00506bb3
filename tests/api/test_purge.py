"""Purging over HTTP: what is left is what there would be if the pattern had never been learned (engine.md 4.5).

Each test teaches one node what it then purges, and another one only the rest, and compares them.
"""

from typing import Any

import psycopg
import pytest

from engine.naming import pattern_name
from memory_app.operations.nodes import delete_cleared
from tests.support.acts import ACTS
from tests.support.sessions import LiveSession, OpenSession, observation, observations

AB = pattern_name([["a"], ["b"]])
NEVER = "0" * 40
READS = ("symbols/stats", "symbols/affinity", "patterns/count")
SYMBOLS = ("a", "b", "c", "x")


def purge(session: LiveSession, *names: str, **options: Any) -> dict[str, Any]:
    return session.post("patterns/purge", {"pattern_ids": list(names), **options})


def retire(session: LiveSession, *names: str) -> None:
    session.post("patterns/retire", {"pattern_ids": list(names)})


def predictions(session: LiveSession) -> list[Any]:
    """All that it predicts for some states; twice each, so that several processes answer."""
    found = []
    for state in (*SYMBOLS, "ab", "bc", "abc", "ax"):
        session.clear_stm()
        session.observe_sequence(*observations(*state))
        answers = [session.get("predictions") for _ in range(2)]
        assert answers[0] == answers[1]
        found.append((answers[0]["predictions"], answers[0]["future_potentials"]))
    session.clear_stm()
    return found


def assert_same_memory(one: LiveSession, other: LiveSession) -> None:
    for read in READS:
        content, expected = one.of_node(read), other.of_node(read)
        assert content.pop("node_id") != expected.pop("node_id")
        assert content == expected, read
    assert predictions(one) == predictions(other)


def both(open_session: OpenSession, **options: Any) -> tuple[LiveSession, LiveSession]:
    session = open_session(**options)
    return session, LiveSession.create(session.client, f"{session.node}, without", **options)


def learn(session: LiveSession, events: str, emotives: dict[str, float] | None = None) -> None:
    session.observe_sequence(*(observation(symbol, emotives=emotives or {}) for symbol in events), learn_at_end=True)


def test_frequencies_memberships_and_predictions_are_taken_back(open_session: OpenSession) -> None:
    session, without = both(open_session)
    for one in (session, without):
        learn(one, "abc")
        learn(one, "bca")
    for _ in range(3):
        learn(session, "ab")
    learn(session, "aabb")
    assert predictions(session) != predictions(without)  # and each process has an index that it has to follow
    retire(session, AB, pattern_name([["a"], ["a"], ["b"], ["b"]]))
    answer = session.post("patterns/purge", {})
    assert answer == {
        "status": "completed",
        "session_id": session.id,
        "node_id": session.node,
        "purged": sorted([AB, pattern_name([["a"], ["a"], ["b"], ["b"]])]),
        "failed": {},
        "remaining": 0,
    }
    assert_same_memory(session, without)
    assert session.of_node(f"pattern/{AB}")["pattern"]["status"] == "error"


def test_affinities_are_taken_back_to_the_last_bit(open_session: OpenSession) -> None:
    """Sums of floating-point numbers would leave a rest; the window keeps fewer learns than there were."""
    config = {"persistence": 2, "affinity_emotive": "joy"}
    session, without = both(open_session, config=config)
    felt = [0.1, 0.2, 0.7, 1e-9, 1e15, -0.3]
    for number, value in enumerate(felt):
        for one in (session, without):
            learn(one, "bc", {"joy": value / 3, "fear": -value})
        learn(session, "ab", {"joy": value, f"own {number}": value})
    retire(session, AB)
    purge(session, AB)
    assert_same_memory(session, without)
    affinities = session.of_node("symbols/affinity")["affinities"]
    assert set(affinities) == {"b", "c"}
    assert all(set(emotives) == {"joy", "fear"} for emotives in affinities.values())


def test_what_was_learned_before_there_were_journals_is_estimated(
    open_session: OpenSession, database: psycopg.Connection
) -> None:
    """By the mean of the emotives that the pattern still has, at each learn: exact if it was always the same."""
    session, without = both(open_session)
    for one in (session, without):
        learn(one, "bc", {"joy": 0.1})
    for _ in range(3):
        learn(session, "ab", {"joy": 0.1})
    database.execute("UPDATE memory_app_pattern SET felt = NULL WHERE name = decode(%s, 'hex')", [AB])
    learn(session, "ab", {"joy": 0.1})
    retire(session, AB)
    purge(session, AB)
    assert_same_memory(session, without)
    acts = database.execute(
        f"SELECT frequency, exact FROM {ACTS} WHERE node_id = %s AND kind = 'purged'", [session.node]
    )
    assert acts.fetchall() == [(4, False)]


def test_vectors_go_that_no_other_pattern_names(open_session: OpenSession, database: psycopg.Connection) -> None:
    session, without = both(open_session)
    for one in (session, without):
        one.observe_sequence(observation(vectors=[[0.0, 1.0]]), observation("x"), learn_at_end=True)
    first = session.observe_sequence(
        observation(vectors=[[5.0, 5.0]]), observation("y"), observation(vectors=[[0.0, 1.0]]), learn_at_end=True
    )["final_learned_pattern"].removeprefix("PTRN|")
    retire(session, first)
    purge(session, first)
    query = """
        SELECT encode(name, 'hex'), embedding::text FROM memory_app_vector JOIN memory_app_node USING (memory)
        WHERE node_id = %s
    """
    rows = [database.execute(query, [one.node]).fetchall() for one in (session, without)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1
    assert_same_memory(session, without)


def test_texts_that_look_like_names_of_vectors(open_session: OpenSession) -> None:
    session = open_session()
    session.observe_sequence(observation(vectors=[[0.0, 1.0]]), observation("x"), learn_at_end=True)
    texts = ["VCTR|", "VCTR|x", f"VCTR|{NEVER}", f"VCTR|{'A' * 40}"]
    name = session.observe_sequence(observation(*texts), learn_at_end=True)["final_learned_pattern"]
    retire(session, name)
    assert purge(session, name)["status"] == "completed"


def test_the_last_vectors_take_their_dimension_with_them(open_session: OpenSession) -> None:
    session = open_session()
    name = session.observe_sequence(observation("x", vectors=[[1.0, 2.0]]), learn_at_end=True)["final_learned_pattern"]
    retire(session, name)
    purge(session, name)
    session.observe_sequence(observation("x", vectors=[[1.0, 2.0, 3.0]]), learn_at_end=True)


def test_a_purge_makes_finalized_training_invalid(open_session: OpenSession) -> None:
    session, without = both(open_session)
    for one in (session, without):
        learn(one, "abc")
    learn(session, "ab")
    session.post("finalize-training")
    retire(session, AB)
    retire(session, NEVER)
    finalized = predictions(session)
    purge(session, NEVER)
    assert predictions(session) == finalized
    assert is_finalized(session)
    purge(session, AB)
    assert not is_finalized(session)
    assert_same_memory(session, without)
    # What is finalized, a learn does not change.
    for one in (session, without):
        learn(one, "bc")
    assert_same_memory(session, without)
    for one in (session, without):
        one.post("finalize-training")
    assert_same_memory(session, without)


def is_finalized(session: LiveSession) -> bool:
    [node, *_] = session.client.get("/nodes", params={"prefix": session.node}).json()["nodes"]
    assert node["node_id"] == session.node
    return bool(node["finalized"])


def test_what_is_not_retired_fails_and_the_rest_goes_on(open_session: OpenSession) -> None:
    session = open_session()
    learn(session, "ab")
    learn(session, "bc")
    other = pattern_name([["b"], ["c"]])
    retire(session, AB, NEVER)
    answer = purge(session, other, AB, f"PTRN|{AB}")
    assert (answer["status"], answer["purged"], answer["failed"]) == ("partial", [AB], {other: "not retired"})
    assert answer["remaining"] == 1
    assert session.pattern(other)["frequency"] == 1
    answer = purge(session, other)
    assert (answer["status"], answer["purged"], answer["failed"]) == ("partial", [], {other: "not retired"})


def test_no_more_than_max_patterns_are_purged_and_the_others_remain(open_session: OpenSession) -> None:
    session = open_session()
    names = sorted(f"{number:040x}" for number in range(5))
    retire(session, *reversed(names))
    answer = session.post("patterns/purge", {"max_patterns": 2})
    assert (answer["status"], answer["purged"], answer["remaining"]) == ("completed", names[:2], 3)
    answer = purge(session, names[4], names[0], names[3], names[2], max_patterns=2)
    assert (answer["status"], answer["purged"], answer["remaining"]) == ("completed", [names[4], names[3]], 1)


def test_purging_again_does_nothing(open_session: OpenSession) -> None:
    session = open_session()
    learn(session, "ab")
    retire(session, AB)
    purge(session, AB)
    retire(session, NEVER)
    answer = purge(session, AB)
    assert (answer["status"], answer["purged"], answer["remaining"]) == ("nothing_to_purge", [], 0)
    assert session.post("patterns/retire", {"pattern_ids": [AB]})["already_retired"] == [AB]


def test_a_purged_pattern_can_be_learned_anew_once_it_is_un_retired(open_session: OpenSession) -> None:
    session = open_session()
    for _ in range(3):
        learn(session, "ab", {"joy": 1.0})
    retire(session, AB)
    purge(session, AB)
    session.observe_sequence(*observations("a", "b"))
    assert session.client.post(f"/sessions/{session.id}/learn").status_code == 409
    assert session.get("predictions")["predictions"] == []
    assert session.post("patterns/un-retire", {"pattern_ids": [AB]})["un_retired"] == [AB]
    assert session.get("predictions")["predictions"] == []
    assert session.patterns() == 0
    session.learn()
    assert session.pattern(AB)["frequency"] == 1
    session.observe_sequence(*observations("a", "b"))
    assert [one["name"] for one in session.get("predictions")["predictions"]] == [AB]


@pytest.mark.parametrize("most", [0, 10_001, "many"])
def test_max_patterns_has_bounds(open_session: OpenSession, most: Any) -> None:
    session = open_session()
    response = session.client.post(f"/sessions/{session.id}/patterns/purge", json={"max_patterns": most})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "max_patterns"]


def test_who_did_what_when_and_why_is_kept(open_session: OpenSession, database: psycopg.Connection) -> None:
    session = open_session()
    learn(session, "ab")
    for kind in ("retire", "un-retire", "retire", "purge"):
        body = {"pattern_ids": [AB], "why": f"to {kind}"}
        url = f"/sessions/{session.id}/patterns/{kind}"
        assert session.client.post(url, json=body, headers={"X-Trace-ID": f"trace-{kind}"}).status_code == 200
    session.post("clear-all")
    query = f"""
        SELECT kind, encode(name, 'hex'), why, trace_id, key_id, frequency, exact,
            happened_at > now() - interval '5 minutes'
        FROM {ACTS} WHERE node_id = %s ORDER BY one.number
    """
    rows = database.execute(query, [session.node]).fetchall()
    done = [("retired", "retire"), ("un-retired", "un-retire"), ("retired", "retire")]
    assert rows == [
        *((kind, AB, f"to {verb}", f"trace-{verb}", None, None, None, True) for kind, verb in done),
        ("purged", AB, "to purge", "trace-purge", None, 1, True, True),
    ]


def test_clear_all_deletes_retirements_in_the_background(
    open_session: OpenSession, database: psycopg.Connection, same_database: None
) -> None:
    session = open_session()
    retire(session, AB)
    [memory] = (
        database.execute("SELECT memory FROM memory_app_node WHERE node_id = %s", [session.node]).fetchone() or ()
    )
    session.post("clear-all")
    while delete_cleared():
        pass
    rows = database.execute("SELECT FROM memory_app_retirement WHERE memory = %s", [memory])
    assert rows.fetchall() == []
