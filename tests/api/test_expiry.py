"""A session has one deadline, which every access moves, and never expires early (http.md 2.3–2.5; G6, G10)."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from django.db import connection

from benchmarks.stack import WebServer, eventually
from sessions_app.operations import delete_expired, expire
from tests.support.connections import fresh_connections
from tests.support.deadlines import deadline, time_left
from tests.support.sessions import NewSession, observations, observe
from tests.support.transactions import changing, waits_for_locks

pytestmark = pytest.mark.long


def alive(client: httpx.Client, session_id: str) -> bool:
    exists: bool = client.get(f"/sessions/{session_id}/exists").json()["exists"]
    return exists


def test_every_request_that_names_the_session_keeps_it_alive(client: httpx.Client, new_session: NewSession) -> None:
    """G6, R10: reads as well as writes, whatever their status. All sessions are kept alive at the same time."""
    ttl = 2.0
    expected = {"/stm": 200, "": 200, "/config": 200, "/percept-data": 200, "/unknown": 404, "/observe": 405}
    sessions = {path: new_session(ttl_seconds=int(ttl)) for path in expected}
    silent = new_session(ttl_seconds=int(ttl))
    end = time.monotonic() + 1.5 * ttl
    while time.monotonic() < end:
        for path, session_id in sessions.items():
            assert client.get(f"/sessions/{session_id}{path}").status_code == expected[path], path
        time.sleep(0.1 * ttl)
    assert {path: alive(client, session_id) for path, session_id in sessions.items()} == dict.fromkeys(expected, True)
    assert not alive(client, silent)


@pytest.mark.parametrize(("method", "path"), [("GET", "/stm"), ("GET", ""), ("POST", "/observe"), ("PUT", "/config")])
def test_after_every_access_at_least_the_whole_life_is_ahead(
    client: httpx.Client, new_session: NewSession, method: str, path: str
) -> None:
    """G6: not every read moves the deadline, but the slack for that is added to the promised time."""
    life = timedelta(seconds=8)
    slack = life * 0.05
    node_id = f"whole life {method} {path}"
    session_id = new_session(node_id=node_id, ttl_seconds=8)
    end = time.monotonic() + 2.5 * slack.total_seconds()  # so that the deadline has to be moved at least once
    while time.monotonic() < end:
        asked = datetime.now(UTC)
        client.request(method, f"/sessions/{session_id}{path}", json={} if method == "POST" else None)
        dies = deadline(client, session_id, node_id=node_id)
        assert asked + life <= dies <= datetime.now(UTC) + life + slack


def test_a_sequence_without_observations_renews_the_life(client: httpx.Client, new_session: NewSession) -> None:
    """It changes nothing in the session, but it is an access."""
    life = timedelta(seconds=8)
    session_id = new_session(node_id="empty sequence", ttl_seconds=8)
    time.sleep(0.1 * life.total_seconds())  # so that the deadline has to be moved
    asked = datetime.now(UTC)
    response = client.post(f"/sessions/{session_id}/observe-sequence", json={"observations": []})
    assert (response.status_code, response.json()["observations_processed"]) == (200, 0)
    assert deadline(client, session_id, node_id="empty sequence") >= asked + life


def test_a_session_expires_without_access_and_exists_is_no_access(
    client: httpx.Client, new_session: NewSession
) -> None:
    session_id = new_session(ttl_seconds=1)
    begun = time.monotonic()
    eventually(lambda: not alive(client, session_id), "the session expires")
    assert time.monotonic() - begun >= 1.0
    for path in ("", "/stm", "/config"):
        assert client.get(f"/sessions/{session_id}{path}").status_code == 404
    assert observe(client, session_id, "late").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/stm", None),
        ("GET", "/config", None),
        ("GET", "/percept-data", None),
        ("GET", "/cognition-data", None),
        ("GET", "/predictions", None),
        ("GET", "/unknown", None),
        ("POST", "/observe", {"strings": ["late"]}),
        ("POST", "/observe", {"vectors": [[1, 2]]}),
        ("POST", "/observe-sequence", {"observations": []}),
        ("POST", "/observe-sequence", {"observations": observations("late")}),
        ("POST", "/observe-sequence", {"observations": observations(*["x" * 1000] * 20)}),
        ("POST", "/observe-sequence?mode=async", {"observations": observations("late")}),
        ("POST", "/learn", None),
        ("POST", "/config", {"persistence": 3}),
        ("POST", "/extend?ttl_seconds=100", None),
        ("POST", "/clear-stm", None),
        ("POST", "/clear-all", None),
        ("POST", "/finalize-training", None),
        ("DELETE", "", None),
    ],
)
def test_an_expired_session_is_a_404_and_stays_as_it_is(
    client: httpx.Client,
    new_session: NewSession,
    database: psycopg.Connection,
    method: str,
    path: str,
    body: dict[str, object] | None,
) -> None:
    """P4: every statement that admits a request judges the deadline itself."""
    session_id = new_session()
    observe(client, session_id, "a", "b")
    database.execute("UPDATE sessions_app_session SET expires_at = now() WHERE id = %s", [session_id])
    row = "SELECT to_jsonb(sessions_app_session) FROM sessions_app_session WHERE id = %s"
    before = database.execute(row, [session_id]).fetchone()
    assert client.request(method, f"/sessions/{session_id}{path}", json=body).status_code == 404
    assert database.execute(row, [session_id]).fetchone() == before


def test_an_expired_session_says_so_until_its_row_is_deleted(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(ttl_seconds=1)
    eventually(lambda: not alive(client, session_id), "the session expires")
    assert client.get(f"/sessions/{session_id}/exists").json() == {
        "exists": False,
        "expired": True,
        "session_id": session_id,
    }


def test_a_touch_never_shortens_an_extension(client: httpx.Client, new_session: NewSession) -> None:
    """R07: neither the reported time nor the actual deadline."""
    session_id = new_session(node_id="extended", ttl_seconds=10)
    assert client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": 1000}).status_code == 200
    for method, path, body in (
        ("GET", "/stm", None),
        ("GET", "/config", None),
        ("GET", "", None),
        ("GET", "/unknown", None),
        ("POST", "/observe", {"strings": ["a"]}),
        ("POST", "/observe-sequence", {"observations": observations("a")}),
        ("POST", "/observe-sequence", {"observations": observations(*["a" * 1000] * 20)}),  # a long batch
        ("POST", "/config", {"persistence": 3}),
        ("POST", "/clear-stm", None),
    ):
        client.request(method, f"/sessions/{session_id}{path}", json=body)
        assert time_left(client, session_id, node_id="extended") >= timedelta(seconds=995), path
    assert 995 <= client.get(f"/sessions/{session_id}").json()["ttl_seconds"] <= 1000


def test_an_extension_replaces_and_may_shorten(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(ttl_seconds=1000)
    client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": 1})
    eventually(lambda: not alive(client, session_id), "the shortened session expires", seconds=2)


def test_a_session_shows_the_time_it_has_left(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(ttl_seconds=120)
    assert client.get(f"/sessions/{session_id}").json()["ttl_seconds"] in (119, 120)


def test_a_request_that_arrived_in_time_and_waited_is_served_and_renews_the_session(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """R09: the deadline passes while the observe waits for the row lock."""
    session_id = new_session(ttl_seconds=1)
    with ThreadPoolExecutor(1) as pool:
        with changing(database, session_id):
            path, body = f"/sessions/{session_id}/observe", {"strings": ["in time"]}
            waiting = pool.submit(client.post, path, json=body)
            eventually(lambda: not alive(client, session_id), "the deadline passes")
            assert not waiting.done()
            [released] = database.execute("SELECT clock_timestamp()").fetchone() or (None,)
        assert waiting.result().status_code == 200
    renewed = "SELECT expires_at >= %s + interval '1 second' FROM sessions_app_session WHERE id = %s"
    assert database.execute(renewed, [released, session_id]).fetchone() == (True,)
    stm = client.get(f"/sessions/{session_id}/stm")
    assert (stm.status_code, stm.json().get("stm")) == (200, [["in time"]])


@pytest.mark.usefixtures("same_database")
def test_a_session_that_was_ended_is_not_revived_by_a_request_that_had_begun(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """The request waits for its idempotency key when the session is ended; its `now()` is from before."""
    session_id = new_session()
    claim = "INSERT INTO sessions_app_idempotencykey (scope, key, fingerprint, created_at) VALUES (%s, 'k', '', now())"
    with ThreadPoolExecutor(1) as pool:
        with database.transaction(force_rollback=True):
            database.execute(claim, [f"session:{session_id}"])
            begun = pool.submit(observe, client, session_id, "late", headers={"Idempotency-Key": "k"})
            eventually(lambda: waits_for_locks(database) > 0, "it waits")
            expire(session_id=session_id)
        assert begun.result().status_code == 404
    assert not alive(client, session_id)


@pytest.mark.usefixtures("same_database")
def test_a_session_whose_deadline_passes_while_a_request_holds_it_is_not_deleted(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """R09: the chore that deletes expired sessions finds it expired, but the request that waits renews it."""

    def delete() -> None:
        delete_expired()
        connection.close()  # this thread's

    session_id = new_session(ttl_seconds=1)
    with ThreadPoolExecutor(2) as pool:
        with changing(database, session_id):
            in_time = pool.submit(observe, client, session_id, "in time")
            eventually(lambda: waits_for_locks(database) == 1, "the request waits for the session")
            eventually(lambda: not alive(client, session_id), "the deadline passes")
            deleting = pool.submit(delete)
            decided = "the chore skips the session, or waits for it"
            eventually(lambda: deleting.done() or waits_for_locks(database) == 2, decided)
        deleting.result()
        assert in_time.result().status_code == 200
    stm = client.get(f"/sessions/{session_id}/stm")
    assert (stm.status_code, stm.json().get("stm")) == (200, [["in time"]])


def test_entries_beyond_the_limits_are_deleted_whatever_they_are(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    session_id = new_session()
    batch = {"observations": [{"emotives": {"e": n}, "metadata": {"n": n}} for n in range(1300)]}
    client.post(f"/sessions/{session_id}/observe-sequence", json=batch)
    for n in range(140):
        client.post(f"/sessions/{session_id}/observe", json={"emotives": {"e": n}})
    query = "SELECT count(*) FROM sessions_app_entry WHERE session_id = %s"
    [rows] = database.execute(query, [session_id]).fetchone() or (0,)
    assert 2000 <= rows <= 2128


def test_a_batch_longer_than_the_ttl_neither_loses_nor_hides_the_session(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """G6, R12: `exists` is no access, so only the batch itself, of more than 64 KiB, keeps the session alive."""
    ttl = 1.0
    session_id = new_session(node_id="long batch", ttl_seconds=int(ttl))
    body = {"observations": [{"strings": [f"s{n}", "x" * 4000]} for n in range(20)], "learn_after_each": True}
    with ThreadPoolExecutor(1) as pool:
        with database.transaction():
            database.execute("LOCK TABLE memory_app_pattern IN EXCLUSIVE MODE")
            running = pool.submit(client.post, f"/sessions/{session_id}/observe-sequence", json=body)
            eventually(lambda: waits_for_locks(database) == 1, "the batch waits for the patterns")
            end, seen = time.monotonic() + 1.5 * ttl, set()
            while time.monotonic() < end:
                seen.add(alive(client, session_id))
        assert running.result().status_code == 200
    assert seen == {True}
    assert client.get("/patterns/count", params={"node_id": "long batch"}).json()["pattern_count"] == 20


def test_a_session_lives_as_long_as_its_purge_reads_the_index(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    """R12: the purge does not lock the session's row meanwhile, so nothing else would keep it from being deleted."""
    session_id = new_session(node_id="held while purged", ttl_seconds=30)
    observed = {"observations": [{"vectors": [[1, 0]]}, {"strings": ["a"]}], "learn_at_end": True}
    learned = client.post(f"/sessions/{session_id}/observe-sequence", json=observed).json()["final_learned_pattern"]
    client.post(f"/sessions/{session_id}/patterns/retire", json={"pattern_ids": [learned]})
    with ThreadPoolExecutor(1) as pool:
        with database.transaction():
            database.execute("LOCK TABLE memory_app_pattern")
            purging = pool.submit(client.post, f"/sessions/{session_id}/patterns/purge", json={})
            # What else reads patterns waits, too, so how many wait says nothing.
            eventually(
                lambda: time_left(client, session_id, node_id="held while purged") > timedelta(minutes=1),
                "the purge, which waits for the patterns, keeps its session",
            )
        assert purging.result().json()["status"] == "completed"


@pytest.mark.usefixtures("steady_count")
def test_the_count_is_exact_at_once_in_every_process(
    server: WebServer, client: httpx.Client, new_session: NewSession
) -> None:
    """G10, R21, R22."""

    def counts() -> set[int]:
        with fresh_connections(server.url) as client:
            return {client.get("/sessions/count").json()["active_session_count"] for _ in range(12)}

    [before] = counts()
    lasting = [new_session() for _ in range(5)]
    passing = [new_session() for _ in range(3)]
    assert counts() == {before + 8}
    for session_id in passing:
        client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": 1})
    eventually(lambda: not any(alive(client, one) for one in passing), "the short ones expire")
    assert counts() == {before + 5}
    for session_id in lasting:
        assert client.delete(f"/sessions/{session_id}").status_code == 200
    assert counts() == {before}
