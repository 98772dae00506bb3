"""Predictions over HTTP equal the worked cases and are current and byte-identical in every process (P5, P6, G7)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection, transaction
from django_redis import get_redis_connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer, eventually
from engine.lesson import prepare_lesson
from memory_app.operations.patterns import learn
from tests.engine.replay import CASES
from tests.engine.test_cases import EXCEPTIONS, as_decided, assert_same
from tests.engine.test_cases_6_3 import CASES_6_3
from tests.support.contracts import NEW, OLD, create
from tests.support.races import at_once
from tests.support.sessions import LiveSession, OpenSession, cognition_state, observations
from tests.support.transactions import waits_for_locks


def as_shown(case: dict[str, Any]) -> dict[str, Any]:
    """What a case expects, as decided for 3.10."""
    expected: dict[str, Any] = case["expected"]
    return {**expected, "predictions": [as_decided(one) for one in expected["predictions"]]}


SHOWN = [(OLD, {**case, "expected": as_shown(case)}) for case in CASES if case["name"] not in EXCEPTIONS]
SHOWN += [(NEW, case) for case in CASES_6_3]
MANY = 12  # requests on new connections, enough to reach all four processes


@pytest.mark.parametrize(("contract", "case"), SHOWN, ids=[f"{contract}-{case['name']}" for contract, case in SHOWN])
def test_a_worked_case_holds_through_the_whole_service(server: WebServer, contract: str, case: dict[str, Any]) -> None:
    """Learn, observe and predict as a client does; tests/engine/test_cases.py runs the cases on the engine alone."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        asked = partial(create, client, contract, f"case {contract} {case['name']}")
        service = case.get("service_settings", {})
        _teach(case, lambda: asked(config=service))
        session = asked(config={**service, **case["config"]})
        if case.get("finalize_training"):
            session.post("finalize-training")
        for observation in case["observed"]:
            session.post("observe", observation)
        answer = session.get("predictions")
        expected = case["expected"]
        assert_same(answer["predictions"], expected["predictions"])
        assert_same(answer["future_potentials"] or [], expected["future_potentials"] or [])
        assert answer["count"] == len(expected["predictions"])
        assert session.stm() == expected["stm"]


def _teach(case: dict[str, Any], new_session: Callable[[], LiveSession]) -> None:
    """Each repetition has a new session; those with the same label share one (engine.md 7)."""
    labelled: dict[str, LiveSession] = {}
    for lesson in case["learned"]:
        for _ in range(lesson.get("times", 1)):
            label = lesson.get("session")
            session = labelled.setdefault(label, new_session()) if label else new_session()
            session.post("observe-sequence", {"observations": lesson["events"], "learn_at_end": True})


def test_what_was_learned_is_predicted_at_once_in_every_process(open_session: OpenSession) -> None:
    """P5: any process performs each learn, and another one each prediction."""
    teacher, asker = open_session(), open_session()
    asker.observe("a")
    asker.observe("b")
    for n in range(40):
        teacher.teach("a", "b", f"{n % 10}", f"{n // 10}")
        futures = [one["future"] for one in asker.get("predictions")["predictions"]]
        assert [[str(n % 10)], [str(n // 10)]] in futures
        assert len(futures) == n + 1


@contextmanager
def _held_open(blocker: DjangoDbBlocker, node: str, *events: str) -> Iterator[None]:
    """A learn in a transaction that commits when the block ends."""
    lesson = prepare_lesson([list(event) for event in events])
    assert lesson is not None
    with blocker.unblock():
        try:
            with transaction.atomic():
                learn(node_id=node, lessons=[lesson], persistence=5)
                yield
        finally:
            connection.close()


def test_a_learn_that_commits_late_is_not_skipped(
    open_session: OpenSession, django_db_blocker: DjangoDbBlocker
) -> None:
    """P5: its transaction id is older than those of learns that every index has already followed."""
    teacher, asker = open_session(), open_session()
    teacher.teach("a", "b", "0")
    asker.observe("a")
    asker.observe("b")

    def futures() -> set[str]:
        return {one["future"][0][0] for one in asker.get("predictions")["predictions"]}

    with _held_open(django_db_blocker, asker.node, "a", "b", "late"):
        for n in range(1, 4):
            teacher.teach("a", "b", str(n))
            for _ in range(MANY):
                assert futures() == {str(k) for k in range(n + 1)}
    for _ in range(MANY):
        assert futures() == {"0", "1", "2", "3", "l"}


def test_ten_concurrent_sessions_of_one_node_stay_isolated(open_session: OpenSession) -> None:
    """G7: R15, R16, R35."""
    open_session().teach("c", "o", "m", "m", "o", "n")
    slowest = 0.0

    def work(number: int) -> list[list[str]]:
        nonlocal slowest
        threshold = 0.6 if number % 2 else 0.1
        session = open_session(config={"recall_threshold": threshold})
        expected: list[list[str]] = []
        for step in range(12):
            begun = time.monotonic()
            if step % 6 == 5:
                session.learn()
                expected = []
            else:
                symbols = "common"[step % 6], f"own{number}"
                session.observe(*symbols)
                expected.append(sorted(symbols))
                for prediction in session.get("predictions")["predictions"]:
                    assert prediction["similarity"] >= threshold
                    assert len(prediction["extras"]) == len(expected)
                    assert {*prediction["matches"], *chain(*prediction["extras"])} <= {*chain(*expected)}
            slowest = max(slowest, time.monotonic() - begun)
            assert session.stm() == expected
        session.observe("last")
        return session.stm()

    assert at_once([partial(work, number) for number in range(10)]) == [[["last"]]] * 10
    assert slowest < 5


def test_the_same_question_has_the_same_bytes_from_every_process(open_session: OpenSession) -> None:
    """P6: twin sessions predict, so that no response comes from the cache of another."""
    teacher = open_session()
    for n in range(30):
        teacher.teach("a", "b", f"{n % 7}", f"{n % 3}", "z")
    answers = set()
    for _ in range(MANY):
        twin = open_session()
        twin.observe_sequence(*observations("a", "b", "1"))
        response = twin.client.get(f"/sessions/{twin.id}/predictions")
        answers.add(response.content.replace(twin.id.encode(), b""))
    assert len(answers) == 1


def test_a_session_change_and_a_node_change_both_change_the_answer(open_session: OpenSession) -> None:
    """Predictions are cached under both versions."""
    teacher, asker = open_session(), open_session()
    teacher.teach("a", "b", "c")
    asker.observe("a")
    asker.observe("b")
    for _ in range(3):
        assert asker.get("predictions")["count"] == 1
    teacher.teach("a", "b", "c")
    assert asker.get("predictions")["predictions"][0]["frequency"] == 2
    asker.post("config", {"max_predictions": 1})
    teacher.teach("a", "b", "d")
    assert asker.get("predictions")["count"] == 1
    asker.observe("q")
    assert asker.get("predictions")["predictions"][0]["extras"][-1] == ["q"]


def test_a_pattern_that_is_learned_again_counts_in_every_process(open_session: OpenSession) -> None:
    """The first round leaves an index in each process, the second one finds what has changed since."""
    teacher = open_session()
    for frequency in (1, 2):
        teacher.teach("a", "b", "c")
        for _ in range(MANY):
            asker = open_session()
            asker.observe_sequence(*observations("a", "b"))
            assert asker.get("predictions")["predictions"][0]["frequency"] == frequency


def test_a_change_of_configuration_alone_changes_the_answer(open_session: OpenSession) -> None:
    """It is a change of the session, whose version all predictions are cached under."""
    session = open_session()
    session.teach("a", "b", "c")
    session.teach("a", "b", "d")
    session.observe("a")
    session.observe("b")
    for most in (2, 1, 2):
        session.post("config", {"max_predictions": most})
        for _ in range(3):
            assert session.get("predictions")["count"] == most


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_one_symbol_predicts_what_begins_with_it_or_what_has_it(client: httpx.Client, contract: str) -> None:
    session = create(client, contract, f"one symbol {contract}")
    session.teach("a", "b")
    session.teach("c", "a", "d")
    session.observe("a")

    def predicted() -> list[tuple[Any, ...]]:
        found = session.get("predictions")["predictions"]
        return sorted((one["past"], one["present"], one["future"]) for one in found)

    assert predicted() == [([], [["a"]], [["b"]])]
    session.post("config", {"single_symbol_match": "anywhere"})
    assert predicted() == [([], [["a"]], [["b"]]), ([["c"]], [["a"]], [["d"]])]
    session.post("config", {"single_symbol_match": None})
    assert predicted() == [([], [["a"]], [["b"]])]


def test_other_defaults_of_the_service_change_the_answer(server: WebServer, client: httpx.Client) -> None:
    """Redis outlives the restart that they need, and what was predicted before it."""
    session = LiveSession.create(client, "defaults")
    session.teach("a", "b", "c", "d")
    session.observe("a")
    session.observe("b")
    assert session.get("predictions")["count"] == 1
    with WebServer(workers=1, RECALL_THRESHOLD="0.9") as stricter, httpx.Client(base_url=stricter.url) as other:
        assert LiveSession(other, session.id, session.node).get("predictions")["count"] == 0
    assert session.get("predictions")["count"] == 1


def test_every_change_of_the_stm_alone_changes_the_answer(open_session: OpenSession) -> None:
    """A single observation, a sequence, and clear-stm."""
    session = open_session()
    session.teach("a", "b", "c")
    session.observe("a")
    session.observe("b")
    assert session.get("predictions")["predictions"][0]["extras"][-1:] == [[]]
    session.observe("q")
    assert session.get("predictions")["predictions"][0]["extras"][-1] == ["q"]
    session.observe_sequence(*observations("r"))
    assert session.get("predictions")["predictions"][0]["extras"][-1] == ["r"]
    session.clear_stm()
    assert session.get("predictions")["predictions"] == []


def test_what_the_last_observation_saw_outlives_the_clean_up_of_entries(open_session: OpenSession) -> None:
    """Every 128 entries those outside the windows are deleted, right after a learn that has emptied the STM, too."""
    teacher, session = open_session(), open_session()
    teacher.teach("a", "b", "c")
    session.observe_sequence(*[{"emotives": {"joy": 1}}] * 126)
    session.observe_sequence(*observations("a", "b"), learn_at_end=True)
    futures = [one["future"] for one in session.get("cognition-data")["cognition_data"]["predictions"]]
    assert [["c"]] in futures


def test_clearing_the_node_waits_for_a_learn_under_way(
    open_session: OpenSession, database: psycopg.Connection, django_db_blocker: DjangoDbBlocker
) -> None:
    """Otherwise the learn would write into a memory that may be deleted already, and leave rows that nobody deletes."""
    session = open_session()
    session.teach("a", "b", "0")

    with ThreadPoolExecutor(1) as pool:
        with _held_open(django_db_blocker, session.node, "a", "b", "1"):
            clearing = pool.submit(session.post, "clear-all")
            eventually(
                lambda: clearing.done() or waits_for_locks(database) > 0, "the request waits for the node, or is done"
            )
            assert not clearing.done()
        clearing.result()
    assert session.patterns() == 0


def test_emotives_of_a_pattern_are_fresh_too(open_session: OpenSession) -> None:
    teacher, asker = open_session(), open_session()
    asker.observe("a")
    asker.observe("b")
    for felt, mean in (({}, {}), ({"joy": 1.0}, {"joy": 1.0}), ({"joy": 3.0}, {"joy": 2.0})):
        for symbol in "abc":
            teacher.observe(symbol, emotives=felt if symbol == "c" else {})
        teacher.learn()
        for _ in range(MANY):
            assert asker.get("predictions")["predictions"][0]["emotives"] == mean


def test_the_shape_of_the_answer(open_session: OpenSession) -> None:
    session = open_session()
    assert session.get("predictions") == {
        "predictions": [],
        "future_potentials": [],
        "count": 0,
        "session_id": session.id,
        "processor_id": None,
        "time": None,
        "unique_id": None,
    }


def test_cognition_data_shows_the_predictions_of_the_last_observation(open_session: OpenSession) -> None:
    """D06, D38: from the state after that observation, also when that state has been learned since."""
    session = open_session()
    session.teach("a", "b", "c")
    session.observe("a", emotives={"joy": 1, "calm": 2})
    session.observe("b", emotives={"joy": 3})
    cognition = session.get("cognition-data")
    assert (cognition["session_id"], cognition["node_id"]) == (session.id, session.node)
    data = cognition["cognition_data"]
    predictions = data.pop("predictions")
    assert predictions == session.get("predictions")["predictions"]
    assert data == cognition_state(["a", "b"], emotives={"joy": 3.0}, time=5)
    session.learn()
    data = session.get("cognition-data")["cognition_data"]
    assert (data["short_term_memory"], data["symbols"], data["time"]) == ([], [], 5)
    assert [c["future"] for c in data["predictions"] if c["future"]] == [[["c"]]]
    session.post("clear-stm")
    data = session.get("cognition-data")["cognition_data"]
    assert (data["predictions"], data["emotives"], data["time"]) == ([], {}, 0)


def test_an_observation_that_predicts_nothing_leaves_cognition_without_predictions(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b", "c")
    session.observe("a")
    session.observe("b")
    session.observe(emotives={"joy": 1})
    assert session.get("cognition-data")["cognition_data"]["predictions"] == []
    quiet = open_session(config={"process_predictions": False})
    quiet.observe("a")
    quiet.observe("b")
    assert quiet.get("cognition-data")["cognition_data"]["predictions"] == []
    assert quiet.get("predictions")["count"] == 1


def test_finalized_statistics_stay_while_the_node_learns_on(open_session: OpenSession) -> None:
    """D24: patterns that existed then keep the entropies of that moment; later patterns have current ones."""
    session = open_session()
    session.teach("a", "b", "c")
    session.teach("a", "x", "y")
    assert session.post("finalize-training")["patterns_processed"] == 2
    session.observe("a")
    session.observe("b")

    def entropies() -> dict[str, float]:
        predictions = session.get("predictions")["predictions"]
        return {"".join(chain(*one["sequence"])): one["global_normalized_entropy"] for one in predictions}

    before = entropies()
    open_session().teach("a", "b", "q", "r")
    after = entropies()
    assert {word: after[word] for word in before} == before
    assert "abqr" in after
    session.post("finalize-training")
    assert entropies()["abc"] != before["abc"]


def test_a_repeated_prediction_is_served_from_redis(open_session: OpenSession) -> None:
    """It is cached under both versions, and the entry is verified like all data from Redis."""
    teacher, session = open_session(), open_session()
    teacher.teach("a", "b", "c")
    session.observe("a")
    session.observe("b")
    first = session.get("predictions")
    store = get_redis_connection("redis")
    [name] = list(store.scan_iter(f"kato:*:session:{session.id}:*:predictions:*"))
    assert session.get("predictions") == first
    store.set(name, b"garbage")
    assert session.get("predictions") == first
    teacher.teach("a", "b", "d")
    assert session.get("predictions")["count"] == 2
    assert len(list(store.scan_iter(f"kato:*:session:{session.id}:*:predictions:*"))) == 2
