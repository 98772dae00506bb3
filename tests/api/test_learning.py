"""Learning over HTTP: by request, automatically, in sequences, and concurrently (engine.md 3 and 4)."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import Any

import httpx
import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer
from tests.support.races import at_once
from tests.support.sessions import LiveSession, OpenSession, observation, observations
from tests.support.transactions import Other


def test_learning_stores_the_stm_as_a_pattern_and_empties_it(open_session: OpenSession) -> None:
    session = open_session()
    for strings in (["b", "a"], ["c"]):
        session.observe(*strings)
    answer = session.post("learn")
    name = "PTRN|e9e43f2309079f2843665ab773996d99489306d6"
    assert answer == {
        "status": "learned",
        "pattern_name": name,
        "session_id": session.id,
        "processor_id": None,
        "message": f"Learned pattern {name} from 2 events",
    }
    assert session.stm() == []
    assert session.pattern(name) == {
        "name": name,
        "pattern_data": [["a", "b"], ["c"]],
        "length": 3,
        "frequency": 1,
        "emotives": [],
        "metadata": {},
    }
    assert session.pattern(name.removeprefix("PTRN|")) == session.pattern(name)


def test_learning_a_pattern_again_increments_its_frequency(open_session: OpenSession) -> None:
    session = open_session()
    names = {session.teach("a", "b", "a") for _ in range(3)}
    [name] = names
    assert session.pattern(name)["frequency"] == 3
    assert session.patterns() == 1
    assert session.of_node("symbols/stats")["symbols"] == {
        "a": {"name": "a", "frequency": 6, "pattern_member_frequency": 1},
        "b": {"name": "b", "frequency": 3, "pattern_member_frequency": 1},
    }


def test_an_empty_stm_cannot_be_learned(open_session: OpenSession) -> None:
    session = open_session()
    response = session.client.post(f"/sessions/{session.id}/learn")
    assert (response.status_code, response.json()) == (400, {"detail": "Cannot learn from empty STM"})


def test_a_single_symbol_is_not_learned_but_the_stm_is_emptied(open_session: OpenSession) -> None:
    """D11."""
    session = open_session()
    session.observe("a")
    answer = session.post("learn")
    assert (answer["status"], answer["pattern_name"]) == ("learned", "")
    assert "1 event" in answer["message"]
    assert (session.stm(), session.patterns()) == ([], 0)


def test_emotives_metadata_and_affinity_of_the_worked_example(open_session: OpenSession) -> None:
    """engine.md 4.3; learning consumes the accumulators (D09)."""
    session = open_session()
    first: list[dict[str, Any]] = [{"mood": 1}, {"mood": 2, "risk": 10}, {"mood": 3}, {"mood": 4}]
    second: list[dict[str, Any]] = [{"mood": -1}, {"risk": -4}, {"mood": 0.5}, {}]
    metadata: list[dict[str, Any]] = [
        {"src": "web", "n": 2, "flag": True},
        {"src": "api", "n": 10, "none": None},
        {"src": "web", "n": 2.5, "obj": {"k": [1, "z"]}},
        {},
    ]
    for emotives in (first, second):
        for symbol, felt, noted in zip("ABCD", emotives, metadata, strict=True):
            session.observe(symbol, emotives=felt, metadata=noted)
        name = session.learn()
    pattern = session.pattern(name)
    assert pattern["emotives"] == [{"mood": 3}, {"mood": 4}, {"mood": -1}, {"risk": -4}, {"mood": 0.5}]
    assert pattern["metadata"] == {
        "src": ["api", "web"],
        "n": ["10", "2", "2.5"],
        "flag": ["True"],
        "none": ["None"],
        "obj": ["{'k': [1, 'z']}"],
    }
    assert session.of_node("symbols/A/affinity")["affinity"] == {"mood": 2.25, "risk": 6.0}
    assert set(session.of_node("symbols/affinity")["affinities"]) == set("ABCD")
    session.teach("x", "y")
    assert session.of_node("symbols/x/affinity")["affinity"] == {}


def test_the_sessions_persistence_bounds_the_emotives(open_session: OpenSession) -> None:
    """D07."""
    session = open_session(config={"persistence": 2})
    for n in range(4):
        session.observe("a", emotives={"e": n})
    assert session.pattern(session.learn())["emotives"] == [{"e": 2}, {"e": 3}]


def test_percept_and_time_stay_after_learning(open_session: OpenSession) -> None:
    session = open_session()
    session.observe("a", "b", emotives={"joy": 2}, metadata={"k": 1})
    before = session.get("percept-data")
    session.learn()
    assert session.get("percept-data") == before
    assert session.observe("c")["time"] == 2
    assert session.get("percept-data")["percept_data"]["emotives"] == {}


def test_auto_learning_in_rolling_mode_keeps_the_stm(open_session: OpenSession) -> None:
    """The example of engine.md 3.2."""
    session = open_session(config={"max_pattern_length": 3, "stm_mode": "ROLLING"})
    learned = [session.observe(*event)["auto_learned_pattern"] for event in ("a", "b", "cd", "e")]
    assert learned[:2] == [None, None]
    assert session.pattern(learned[2])["pattern_data"] == [["a"], ["b"], ["c", "d"]]
    assert session.pattern(learned[3])["pattern_data"] == [["b"], ["c", "d"], ["e"]]
    assert session.stm() == [["c", "d"], ["e"]]


def test_auto_learning_in_clear_mode_empties_the_stm(open_session: OpenSession) -> None:
    """D10: with emotives and metadata, including those of the observation that completes the pattern."""
    session = open_session(config={"max_pattern_length": 2})
    session.observe("a", emotives={"joy": 1})
    answer = session.observe("b", emotives={"joy": 0}, metadata={"k": "v"})
    assert answer["stm_length"] == 0
    pattern = session.pattern(answer["auto_learned_pattern"])
    assert (pattern["emotives"], pattern["metadata"]) == ([{"joy": 1}, {"joy": 0}], {"k": ["v"]})
    assert session.observe("c")["auto_learned_pattern"] is None
    assert session.stm() == [["c"]]


@pytest.mark.parametrize("mode", ["CLEAR", "ROLLING"])
def test_a_pattern_length_of_one_leaves_nothing(open_session: OpenSession, mode: str) -> None:
    """D39."""
    session = open_session(config={"max_pattern_length": 1, "stm_mode": mode})
    assert session.observe("a")["auto_learned_pattern"] is None
    assert session.observe("b", "c")["auto_learned_pattern"].startswith("PTRN|")
    assert session.stm() == []


def test_a_sequence_names_all_patterns_it_learns(open_session: OpenSession) -> None:
    session = open_session()
    answer = session.post(
        "observe-sequence",
        {"observations": [{"strings": ["a", "b"]}, {"strings": ["c"]}, {"strings": []}], "learn_after_each": True},
    )
    [first, second] = answer["auto_learned_patterns"]
    assert session.pattern(first)["pattern_data"] == [["a", "b"]]
    assert (second, answer["final_learned_pattern"], answer["final_stm_length"]) == ("", None, 0)
    assert [item["stm_length"] for item in answer["results"]] == [0, 0, 0]


def test_a_sequence_auto_learns_as_single_observations_do(open_session: OpenSession) -> None:
    config = {"max_pattern_length": 2, "stm_mode": "ROLLING"}
    single, batch = open_session(config=config), open_session(config=config)
    one_by_one = [single.observe(*strings)["auto_learned_pattern"] for strings in ("a", "b", "c")]
    answer = batch.observe_sequence(*observations(*"abc"), learn_at_end=True)
    assert [item["auto_learned_pattern"] for item in answer["results"]] == one_by_one
    assert answer["auto_learned_patterns"] == [*filter(None, one_by_one), answer["final_learned_pattern"]]
    assert answer["final_learned_pattern"] == ""  # one event of one symbol remained
    assert batch.pattern(one_by_one[1])["frequency"] == 2


def test_a_sequence_that_fails_has_learned_nothing(open_session: OpenSession) -> None:
    session = open_session()
    body = {"observations": [{"strings": ["a", "b"]}, {"strings": [1]}], "learn_after_each": True}
    assert session.client.post(f"/sessions/{session.id}/observe-sequence", json=body).status_code == 422
    assert session.patterns() == 0


def test_clear_all_empties_the_node_for_all_sessions_and_only_the_callers_stm(open_session: OpenSession) -> None:
    caller, other = open_session(), open_session()
    name = caller.teach("a", "b", "c")
    caller.observe("a", emotives={"joy": 1})
    other.observe("a")
    other.observe("b")
    assert other.get("predictions")["count"] == 1
    assert caller.post("clear-all") == {"status": "cleared", "session_id": caller.id, "scope": "all"}
    assert (caller.stm(), other.stm()) == ([], [["a"], ["b"]])
    for _ in range(12):  # each request may reach another process
        assert other.get("predictions")["predictions"] == []
        assert other.patterns() == 0
        assert other.of_node("symbols/stats")["symbols"] == {}
    assert other.of_node(f"pattern/{name}")["pattern"] == {"status": "error", "message": f"Pattern {name} not found"}
    caller.teach("a", "b", "z")
    assert other.get("predictions")["predictions"][0]["future"] == [["z"]]


def test_learn_and_observe_at_once_put_every_event_in_exactly_one_place(open_session: OpenSession) -> None:
    """G2, R04."""
    outcomes = set()
    for n in range(100):
        session = open_session()
        session.observe(f"a{n}")
        session.observe(f"b{n}")
        name, _ = at_once([partial(session.learn), partial(_observe_x, session, f"x{n}")])
        learned = session.pattern(name)["pattern_data"]
        stm = session.stm()
        assert learned + stm == [[f"a{n}"], [f"b{n}"], [f"x{n}"]]
        outcomes.add(len(stm))
    assert outcomes == {0, 1}, "the two never overlapped: the test shows nothing"


def _observe_x(session: LiveSession, symbol: str) -> str:
    session.observe(symbol)
    return symbol


def test_learning_one_pattern_from_many_processes_adds_up_exactly(open_session: OpenSession) -> None:
    sessions = [open_session() for _ in range(8)]

    def work(session: LiveSession) -> str:
        for _ in range(10):
            for symbol in "abc":
                session.observe(symbol, emotives={"joy": 0.1})
            name = session.learn()
        return name

    [name] = set(at_once([partial(work, session) for session in sessions]))
    assert sessions[0].pattern(name)["frequency"] == 80
    assert sessions[0].of_node("symbols/a/affinity")["affinity"] == {"joy": float(80 * Fraction((0.1 + 0.1 + 0.1) / 3))}


def test_learning_one_pattern_from_many_processes_keeps_the_emotives_of_all(open_session: OpenSession) -> None:
    """They are merged in the process, so they are read after the pattern's row is locked."""
    sessions = [open_session(config={"persistence": 100}) for _ in range(8)]

    def work(number: int) -> str:
        for turn in range(5):
            sessions[number].observe("a", "b", emotives={f"felt {number}": turn})
            name = sessions[number].learn()
        return name

    [name] = set(at_once([partial(work, number) for number in range(8)]))
    kept = [next(iter(felt.items())) for felt in sessions[0].pattern(name)["emotives"]]
    assert sorted(kept) == [(f"felt {number}", turn) for number in range(8) for turn in range(5)]


def test_five_sessions_learn_on_one_node_at_once(open_session: OpenSession) -> None:
    sessions = [open_session() for _ in range(5)]
    shared = ["abc", "bcd", "cde"]

    def work(number: int) -> list[str]:
        return [sessions[number].teach(*(f"{n}" if n < 2 else "q", *word)) for n in range(4) for word in shared]

    taught = at_once([partial(work, number) for number in range(5)])
    names = set(chain.from_iterable(taught))
    assert sessions[0].patterns() == len(names)
    assert sum(sessions[0].pattern(name)["frequency"] for name in names) == 5 * 12


def test_sequences_that_learn_the_same_patterns_in_opposite_order_do_not_deadlock(open_session: OpenSession) -> None:
    words = [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"]
    there, back = open_session(), open_session()

    def work(session: LiveSession, order: list[str]) -> int:
        for _ in range(5):
            observations = [{"strings": list(word), "emotives": {"e": 1}} for word in order]
            session.post("observe-sequence", {"observations": observations, "learn_after_each": True})
        return len(order)

    at_once([partial(work, there, words), partial(work, back, words[::-1])])
    assert there.patterns() == len(words)
    assert there.of_node("symbols/a/affinity")["affinity"] == {"e": 6.0 * 10}


def test_patterns_are_stored_in_the_order_of_their_names_so_that_learns_cannot_deadlock(
    open_session: OpenSession, database: psycopg.Connection, django_db_blocker: DjangoDbBlocker
) -> None:
    session = open_session()
    first, last = sorted(["ab", "cd"], key=session.teach)
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as pool:
        with Other(session.node, database) as other:
            other.learn_pattern(first)
            batch = [observation(*last), observation(*first)]
            learning = pool.submit(partial(session.observe_sequence, *batch, learn_after_each=True))
            other.wait_until_a_request_waits_for_it()
            other.learn_pattern(last)  # a deadlock if the request had stored this one already
        assert len(learning.result()["auto_learned_patterns"]) == 2


def test_clear_all_and_learn_at_once_leave_the_pattern_or_nothing(open_session: OpenSession) -> None:
    for n in range(40):
        clearing, learning = open_session(), open_session()
        clearing.teach("o", "l", "d")
        name, _ = at_once([partial(learning.teach, f"{n % 10}", "n"), partial(_clear_all, clearing)])
        found = learning.of_node(f"pattern/{name}")["pattern"]["status"] == "okay"
        assert learning.patterns() == int(found)
        learning.post("clear-all")


def test_clearing_a_node_several_times_at_once_leaves_no_memory_behind(
    open_session: OpenSession, database: psycopg.Connection
) -> None:
    """Each memory that the node had is deleted later, so each must be noted, and once."""
    sessions = [open_session() for _ in range(4)]
    of_node = "SELECT memory FROM memory_app_node WHERE node_id = %s"
    for _ in range(10):
        name = sessions[0].teach("o", "l", "d")
        [memory] = database.execute(of_node, [sessions[0].node]).fetchone() or (0,)
        at_once([partial(_clear_all, session) for session in sessions])
        assert sessions[0].of_node(f"pattern/{name}")["pattern"]["status"] == "error"
        noted = "SELECT count(*) FROM memory_app_clearedmemory WHERE memory >= %s"
        assert database.execute(noted, [memory]).fetchone() == (len(sessions),)


def _clear_all(session: LiveSession) -> str:
    session.post("clear-all")
    return ""


def test_nodes_do_not_share_memory_however_alike_their_ids(server: WebServer) -> None:
    """D29."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        sessions = [LiveSession.create(client, node) for node in ("Robot-1", "Robot.1", "Robot 1", "robot-1")]
        sessions[0].teach("a", "b")
        assert [one.patterns() for one in sessions] == [1, 0, 0, 0]
        shown = {one.of_node("patterns/count")["node_id"] for one in sessions[:3]}
        assert shown == {"Robot_1_kato"}
