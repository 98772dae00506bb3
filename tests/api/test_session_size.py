"""What the entries of one session may take together (KATO_LIMIT_SESSION, http.md 0.6)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer, Worker
from engine.stm import STM_LIMIT
from sessions_app import operations
from sessions_app.operations import SavedSession
from tests.support.jobs import end_of, start
from tests.support.races import at_once
from tests.support.sessions import LiveSession, OpenSession, observation, observe

LIMIT = 16_384
SMALLER = {"KATO_LIMIT_SESSION": str(LIMIT)}


@pytest.fixture(scope="module")
def small() -> Iterator[WebServer]:
    with WebServer(workers=4, **SMALLER) as running:
        yield running


def symbol(size: int, letter: str = "x") -> str:
    """An event of this symbol alone takes `size` bytes of JSON."""
    return letter * (size - len('[""]'))


def sizes(*events: int) -> list[dict[str, Any]]:
    return [observation(symbol(size)) for size in events]


def fill(session: LiveSession) -> None:
    session.observe_sequence(*sizes(*[4096] * 4))


def assert_refused(response: httpx.Response, *, size: int) -> None:
    assert response.status_code == 422, response.text[:500]
    [problem] = response.json()["detail"]
    assert problem == {
        "type": "session_too_large",
        "loc": ["body"],
        "msg": f"The session should hold at most {LIMIT} bytes of JSON, not {size}; learn or clear its STM first",
        "input": None,
        "ctx": {"max_bytes": LIMIT, "actual_bytes": size},
    }


def stored(database: psycopg.Connection, session: LiveSession) -> list[Any]:
    row = database.execute(
        "SELECT to_jsonb(one) - 'expires_at' FROM sessions_app_session AS one WHERE id = %s", [session.id]
    )
    entries = database.execute(
        "SELECT stream, position, value::text FROM sessions_app_entry WHERE session_id = %s ORDER BY 1, 2", [session.id]
    )
    return [row.fetchall(), entries.fetchall()]


def send_observe(session: LiveSession, *sent: dict[str, Any]) -> httpx.Response:
    [one] = sent
    return session.client.post(f"/sessions/{session.id}/observe", json=one)


def send_sequence(session: LiveSession, *sent: dict[str, Any]) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/observe-sequence", json={"observations": list(sent)})


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("send", [send_observe, send_sequence])
def test_an_observation_beyond_the_limit_is_refused_and_changes_nothing(
    open_small: OpenSession, database: psycopg.Connection, send: Callable[..., httpx.Response]
) -> None:
    session = open_small()
    for _ in range(4):
        assert send(session, *sizes(4096)).status_code == 200
    before = stored(database, session)
    assert_refused(send(session, observation("a")), size=LIMIT + len('["a"]'))
    assert stored(database, session) == before
    assert len(session.stm()) == 4


def test_bytes_count_not_characters(open_small: OpenSession) -> None:
    session = open_small()
    size = len('[""]') + 2 * 4000
    session.observe("é" * 4000)
    session.observe("é" * 4000)
    assert_refused(observe(session.client, session.id, "é" * 4000), size=3 * size)


def test_emotives_metadata_and_waiting_vectors_count(open_small: OpenSession) -> None:
    parts: list[dict[str, Any]] = [
        {"emotives": {"j" * 4000: 1.0}},
        {"metadata": {"k": "x" * 4000}},
        {"vectors": [[0.123456789] * 300]},
    ]
    for part in parts:
        session = open_small()
        answers = [observe(session.client, session.id, **part) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [422] * 2
        assert answers[-1].json()["detail"][0]["type"] == "session_too_large"
        session.learn() if "vectors" in part else session.clear_stm()
        assert observe(session.client, session.id, **part).status_code == 200


def test_a_sequence_is_taken_as_a_whole_or_not_at_all(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    session.observe("a")
    before = stored(database, session)
    assert_refused(send_sequence(session, *sizes(*[4096] * 4)), size=5 + LIMIT)
    assert stored(database, session) == before
    assert send_sequence(session, *sizes(*[4096] * 3)).status_code == 200


@pytest.mark.parametrize("send", [send_observe, send_sequence])
def test_concurrent_observations_do_not_exceed_it_together(
    open_small: OpenSession, send: Callable[..., httpx.Response]
) -> None:
    for _ in range(5):
        session = open_small()
        answers = at_once([partial(send, session, *sizes(4000)) for _ in range(10)])
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [422] * 6
        assert len(session.stm()) == 4


@pytest.mark.exhaustive
def test_a_job_fails_with_the_reason(open_small: OpenSession, database: psycopg.Connection) -> None:
    session = open_small()
    fill(session)
    before = stored(database, session)
    with Worker(**SMALLER):
        accepted = start(
            session.client, f"/sessions/{session.id}/observe-sequence", {"observations": [observation("a")]}
        )
        job = end_of(session.client, accepted)
    assert (job["state"], job["attempts"]) == ("failed", 1)
    assert "should hold at most 16384 bytes of JSON, not 16389; learn or clear its STM first" in job["error"]
    assert stored(database, session) == before


# What makes room ----------------------------------------------------------------------------------------------------


def test_learning_and_clearing_make_room(open_small: OpenSession) -> None:
    for path in ("learn", "clear-stm", "clear-all"):
        session = open_small()
        fill(session)
        assert_refused(send_observe(session, observation("a")), size=LIMIT + 5)
        session.post(path)
        fill(session)
        assert len(session.stm()) == 4


def test_the_window_of_a_thousand_events_makes_room(open_small: OpenSession) -> None:
    """Each event pushes an equally long one out: the session stays as large as it is."""
    at_once, one_by_one = open_small(), open_small()
    at_once.observe_sequence(*sizes(*[16] * 3 * STM_LIMIT))
    one_by_one.observe_sequence(*sizes(*[16] * STM_LIMIT))
    for _ in range(50):
        one_by_one.observe(symbol(16))
    for session in (at_once, one_by_one):
        assert len(session.stm()) == STM_LIMIT
        assert_refused(send_observe(session, *sizes(800)), size=16 * (STM_LIMIT - 1) + 800)


def test_an_observation_that_learns_makes_its_own_room(open_small: OpenSession) -> None:
    session = open_small(config={"max_pattern_length": 5})
    for _ in range(3):
        for _ in range(4):
            assert session.observe(symbol(4096))["auto_learned_pattern"] is None
        assert session.observe(symbol(4096))["auto_learned_pattern"] is not None
        assert session.stm() == []
    session.observe_sequence(*sizes(*[4096] * 17))
    assert len(session.stm()) == 2


def test_a_rolling_session_goes_on(open_small: OpenSession) -> None:
    session = open_small(config={"max_pattern_length": 4, "stm_mode": "ROLLING"})
    for _ in range(12):
        session.observe(symbol(4000))
    assert len(session.stm()) == 3
    session.observe("y" * 4000, "z" * 4000)
    assert_refused(send_observe(session, observation("y" * 4000, "z" * 4000)), size=4000 + 2 * 8007)
    assert len(session.stm()) == 3


def test_an_event_that_only_the_last_observation_saw_does_not_count(open_small: OpenSession) -> None:
    """The last of these sees five events and learns them; four of them, which just fit, stay in the STM."""
    session = open_small(config={"max_pattern_length": 5, "stm_mode": "ROLLING"})
    session.observe_sequence(*sizes(*[4096] * 12))
    assert len(session.stm()) == 4


def test_a_sequence_that_clears_or_learns_in_between_may_be_longer(open_small: OpenSession) -> None:
    for option in ("clear_stm_between", "learn_after_each", "learn_at_end"):
        session = open_small()
        session.observe_sequence(*sizes(*[4096] * 6), **{option: True})
        assert len(session.stm()) <= 1


# Sessions whose size is unknown, or above the limit -----------------------------------------------------------------


def test_a_session_of_unknown_size_is_counted_when_it_grows(
    open_small: OpenSession, database: psycopg.Connection
) -> None:
    session = open_small()
    session.observe_sequence(*sizes(*[4096] * 3))
    database.execute("UPDATE sessions_app_session SET content_bytes = NULL WHERE id = %s", [session.id])
    assert_refused(send_observe(session, *sizes(4097)), size=LIMIT + 1)
    session.observe(symbol(4096))
    assert stored(database, session)[0][0][0]["content_bytes"] == LIMIT


@pytest.mark.usefixtures("same_database")
def test_a_restored_session_may_be_larger_and_is_readable_but_does_not_grow(open_small: OpenSession) -> None:
    session = open_small()
    restored = LiveSession(session.client, f"restored-{session.id}", session.node)
    events = [[symbol(4096)] for _ in range(5)]
    saved = SavedSession(
        session_id=restored.id,
        node_id=session.node,
        ttl_seconds=3600,
        config={},
        metadata={},
        time=5,
        stm=events,
        seen=events,
        percept={"strings": events[-1], "vectors": [], "metadata": {}},
    )
    operations.restore(sessions=[saved])
    assert restored.stm() == events
    assert_refused(send_observe(restored, observation("a")), size=5 * 4096 + 5)
    assert restored.observe()["stm_length"] == 5, "an observation of nothing adds nothing"
    restored.learn()
    fill(restored)
