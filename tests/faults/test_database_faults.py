"""PostgreSQL slow, frozen, gone or full: 503 within a bounded time, never a false 404 (G8, G9, R17–R20)."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from benchmarks.stack import DEADLINE, eventually, paused
from tests.support.connections import fresh_connections
from tests.support.fragile import Fragile, database_connection
from tests.support.listeners import connect_to, events_url, listening
from tests.support.races import at_once
from tests.support.sessions import create_session, observation, observations, observe
from tests.support.transactions import locked, waits_for_locks

pytestmark = pytest.mark.long


@pytest.fixture
def client(fragile: Fragile) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fragile.web.url, timeout=60) as connected:
        yield connected


def every_route(session_id: str) -> list[tuple[str, str, dict[str, object] | None]]:
    session = f"/sessions/{session_id}"
    return [
        ("POST", "/sessions", {"node_id": "n"}),
        ("GET", "/sessions", None),
        ("GET", "/sessions/count", None),
        ("GET", session, None),
        ("GET", f"{session}/exists", None),
        ("GET", f"{session}/stm", None),
        ("GET", f"{session}/config", None),
        ("GET", f"{session}/percept-data", None),
        ("GET", f"{session}/unknown", None),
        ("POST", f"{session}/observe", observation("x")),
        ("POST", f"{session}/observe", {"strings": "not a list"}),
        ("POST", f"{session}/observe-sequence", {"observations": observations("x")}),
        ("POST", f"{session}/config", {"persistence": 3}),
        ("POST", f"{session}/extend?ttl_seconds=60", None),
        ("POST", f"{session}/clear-stm", None),
        ("DELETE", session, None),
    ]


def recovers(client: httpx.Client, session_id: str) -> None:
    """The service recovers by itself, and the session has all its content."""
    eventually(lambda: client.get("/health/ready").status_code == 200, "the service recovers")
    eventually(lambda: client.get(f"/sessions/{session_id}/stm").status_code == 200, "every worker recovers")
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"][0] == ["before"]


def test_a_database_that_is_gone_is_a_503_with_retry_after_on_every_route(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """R18."""
    fragile.stores.kill("postgres")
    try:
        for method, path, body in every_route(session_id):
            response = client.request(method, path, json=body)
            assert (response.status_code, path) == (503, path)
            assert int(response.headers.get("Retry-After", 0)) >= 1
            assert "detail" in response.json()
        assert client.get("/health").status_code == 200
        eventually(lambda: client.get("/health").json()["active_sessions"] is None, "a sample finds no database")
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["parts"]["database"]["ok"] is False
        assert client.get("/").status_code == 200
    finally:
        fragile.stores.start_one("postgres")
    recovers(client, session_id)


def test_a_restart_between_two_requests_is_not_noticed(fragile: Fragile, client: httpx.Client, session_id: str) -> None:
    """The connections of all threads are dead afterwards; each thread must notice it before it uses its connection."""
    for _ in range(20):
        client.get(f"/sessions/{session_id}/stm")
    fragile.stores.stop_one("postgres")
    fragile.stores.start_one("postgres")
    answers = at_once([lambda: httpx.get(f"{fragile.web.url}/sessions/{session_id}/stm", timeout=30)] * 16)
    assert {answer.status_code for answer in answers} == {200}
    assert observe(client, session_id, "after").status_code == 200


def test_listeners_stay_through_a_crash_and_miss_nothing(fragile: Fragile, client: httpx.Client) -> None:
    """No event comes twice; a client that connects during the outage gets its snapshot afterwards."""

    def create() -> bool:
        answer = client.post("/sessions", json={"node_id": "n"})
        if answer.status_code == 200:
            created.append(answer.json()["session_id"])
        return answer.status_code == 200

    created: list[str] = []
    with listening(fragile.web) as listener:
        assert create()
        fragile.stores.kill("postgres")
        assert not create()
        with connect_to(events_url(fragile.web.url)) as newcomer:
            fragile.stores.start_one("postgres")
            eventually(create, "sessions can be created again")
            assert json.loads(newcomer.recv(timeout=DEADLINE))["event_type"] == "state.snapshot"
        assert create()
        assert [listener.next()["data"]["session_id"] for _ in created] == created


def test_events_go_on_after_the_database_was_frozen(fragile: Fragile, client: httpx.Client) -> None:
    with listening(fragile.web) as listener:
        with paused(fragile.stores.running["postgres"].pid):
            time.sleep(0.5)  # longer than the interval of the feed, so that it reads while the database is frozen
        session_id = create_session(client)
        assert listener.next()["data"]["session_id"] == session_id


def _connect_every_slot(fragile: Fragile, session_id: str) -> None:
    """Occupy every slot at the same time, so that each thread has a connection from now on."""
    slots = 2 * settings.ENV.limit_concurrency
    with ThreadPoolExecutor(60) as pool, database_connection(fragile) as holder, locked(holder, session_id):
        for _ in range(60):
            pool.submit(httpx.post, f"{fragile.web.url}/sessions/{session_id}/clear-stm", timeout=30)
        eventually(lambda: waits_for_locks(holder) >= slots, "every slot waits for the session", seconds=3)


def test_a_frozen_database_is_a_503_in_bounded_time_and_liveness_stays_fast(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """G8: more concurrent requests than threads, and none gets an answer from the database."""
    _connect_every_slot(fragile, create_session(client))
    slowest_health = 0.0
    done = threading.Event()

    def watch_health() -> None:
        nonlocal slowest_health
        with httpx.Client(base_url=fragile.web.url, timeout=60) as other:
            while not done.wait(0.1):
                begun = time.monotonic()
                assert other.get("/health").status_code == 200
                slowest_health = max(slowest_health, time.monotonic() - begun)

    with fresh_connections(fragile.web.url) as many:
        begun = time.monotonic()
        with paused(fragile.stores.running["postgres"].pid):
            watcher = threading.Thread(target=watch_health)
            watcher.start()
            answers = at_once([lambda: many.get(f"/sessions/{session_id}/stm")] * 60)
            took = time.monotonic() - begun
            done.set()
            watcher.join()
    assert {answer.status_code for answer in answers} == {503}
    assert all("Retry-After" in answer.headers for answer in answers)
    # Loose bounds that distinguish bounded from unbounded; not benchmarks.
    assert took < 20
    assert slowest_health < 3
    recovers(client, session_id)


def test_a_statement_that_waits_too_long_for_a_lock_is_a_503_and_changes_nothing(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    with database_connection(fragile) as other, locked(other, session_id):
        response = observe(client, session_id, "blocked")
        assert response.status_code == 503
        # Readers do not wait for writers.
        assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"]]
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"]]


@contextmanager
def _all_connections_taken(fragile: Fragile) -> Iterator[None]:
    """End the connections of the paused workers, and let others take every connection of PostgreSQL."""
    with ExitStack() as others:
        with ExitStack() as still:
            for worker in fragile.web.worker_pids:
                still.enter_context(paused(worker))
            admin = others.enter_context(database_connection(fragile))
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'kato'"
            )
            with suppress(psycopg.OperationalError):  # too many clients already
                while True:
                    others.enter_context(database_connection(fragile))
        yield


@pytest.mark.exhaustive
def test_exhausted_connections_are_a_503_never_a_404(fragile: Fragile, client: httpx.Client, session_id: str) -> None:
    """R17."""
    with _all_connections_taken(fragile):
        for method, path, body in every_route(session_id):
            response = client.request(method, path, json=body)
            assert (response.status_code, path) == (503, path)
            assert int(response.headers.get("Retry-After", 0)) >= 1
    recovers(client, session_id)


def test_a_standby_serves_nobody_until_it_is_promoted(fragile: Fragile, client: httpx.Client, session_id: str) -> None:
    """It would serve reads of the past: a session that was created on the new primary would be a 404."""
    fragile.stores.kill("postgres")
    (fragile.stores.data / "postgres" / "standby.signal").touch()
    fragile.stores.start_one("postgres")
    try:
        for method, path, body in every_route(session_id):
            response = client.request(method, path, json=body)
            assert (response.status_code, path) == (503, path)
            assert int(response.headers.get("Retry-After", 0)) >= 1
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert "in hot standby mode" in ready.json()["parts"]["database"]["error"]
    finally:
        with psycopg.connect(fragile.database_url, autocommit=True) as standby:
            standby.execute("SELECT pg_promote()")
    recovers(client, session_id)


def test_a_database_that_is_read_only_for_a_while_serves_reads_and_then_writes(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """As providers make it when the disk is full. A connection that began meanwhile would stay read-only for ever."""

    def database_part() -> Any:
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        return ready.json()["parts"]["database"]

    with psycopg.connect(fragile.database_url, autocommit=True) as admin:
        admin.execute("ALTER DATABASE kato SET default_transaction_read_only = on")
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'kato'"
            )
            for _ in range(16):
                refused = observe(client, session_id, "x")
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
                assert client.get(f"/sessions/{session_id}/stm").status_code == 200
            assert database_part()["ok"] is False
            assert "default_transaction_read_only" in database_part()["error"]
            assert len(at_once([lambda: httpx.get(f"{fragile.web.url}/sessions/{session_id}/stm")] * 16)) == 16
        finally:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER DATABASE kato RESET default_transaction_read_only")
    assert database_part()["ok"] is True
    assert {observe(client, session_id, "x").status_code for _ in range(64)} == {200}
