"""PostgreSQL slow, frozen, gone or full: 503 within a bounded time, never a false 404 (G8, G9, R17–R20)."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import psycopg
import pytest
from django.conf import settings

from benchmarks.stack import DEADLINE, eventually, paused
from engine.vectors import named
from tests.conftest import Fragile
from tests.support.connections import fresh_connections
from tests.support.listeners import connect_to, events_url, listening
from tests.support.races import at_once
from tests.support.sessions import create_session, observation, observations, observe

pytestmark = pytest.mark.long


@pytest.fixture
def client(fragile: Fragile) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fragile.web.url, timeout=60) as connected:
        yield connected


@pytest.fixture
def session_id(client: httpx.Client) -> str:
    created = create_session(client)
    observe(client, created, "before")
    return created


@contextmanager
def database_connection(fragile: Fragile) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fragile.database_url) as connection:
        yield connection


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
    """By itself, and with all it held."""
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
            assert int(response.headers["Retry-After"]) >= 1
            assert "detail" in response.json()
        assert client.get("/health").json()["active_sessions"] is None
        assert client.get("/health").status_code == 200
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["parts"]["database"]["ok"] is False
        assert client.get("/").status_code == 200
    finally:
        fragile.stores.start_one("postgres")
    recovers(client, session_id)


def test_a_restart_between_two_requests_is_not_noticed(fragile: Fragile, client: httpx.Client, session_id: str) -> None:
    """The connections of all threads are dead afterwards; each must be found dead before it is used, not by failing."""
    for _ in range(20):
        client.get(f"/sessions/{session_id}/stm")
    fragile.stores.stop_one("postgres")
    fragile.stores.start_one("postgres")
    answers = at_once([lambda: httpx.get(f"{fragile.web.url}/sessions/{session_id}/stm", timeout=30)] * 16)
    assert {answer.status_code for answer in answers} == {200}
    assert observe(client, session_id, "after").status_code == 200


def test_listeners_stay_through_a_crash_and_miss_nothing(fragile: Fragile, client: httpx.Client) -> None:
    """Nor hear anything twice; who comes meanwhile gets his snapshot when there is one."""

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
            time.sleep(0.5)  # so that a look is under way
        session_id = create_session(client)
        assert listener.next()["data"]["session_id"] == session_id


def _connect_every_slot(fragile: Fragile, session_id: str) -> None:
    """Make all threads that may work at once work at once: from now on each of them has a connection of its own."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kato' AND wait_event_type = 'Lock'"

    def all_wait() -> bool:
        [number] = onlooker.execute(waiting).fetchone() or (0,)
        onlooker.rollback()  # the activity is a snapshot per transaction
        return int(number) >= 2 * settings.ENV.limit_concurrency

    with (
        ThreadPoolExecutor(60) as pool,
        database_connection(fragile) as onlooker,
        database_connection(fragile) as holder,
    ):
        holder.execute("SELECT 1 FROM sessions_app_session WHERE id = %s FOR UPDATE", [session_id])
        for _ in range(60):
            pool.submit(httpx.post, f"{fragile.web.url}/sessions/{session_id}/clear-stm", timeout=30)
        eventually(all_wait, "every slot waits for the session", seconds=3)


def test_a_frozen_database_is_a_503_in_bounded_time_and_liveness_stays_fast(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """G8: more requests than threads, all at once, none of which gets an answer from the database."""
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
    # Loose bounds that tell bounded from unbounded, not benchmarks.
    assert took < 20
    assert slowest_health < 3
    recovers(client, session_id)


def test_a_statement_that_waits_too_long_for_a_lock_is_a_503_and_changes_nothing(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    with database_connection(fragile) as other:
        other.execute("SELECT 1 FROM sessions_app_session WHERE id = %s FOR UPDATE", [session_id])
        response = observe(client, session_id, "blocked")
        assert response.status_code == 503
        # Readers do not wait for writers.
        assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"]]
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"]]


@contextmanager
def _all_connections_taken(fragile: Fragile) -> Iterator[None]:
    """Ours are ended while our workers stand still, and others take every connection that PostgreSQL has to give."""
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


def test_exhausted_connections_are_a_503_never_a_404(fragile: Fragile, client: httpx.Client, session_id: str) -> None:
    """R17."""
    with _all_connections_taken(fragile):
        for method, path, body in every_route(session_id):
            response = client.request(method, path, json=body)
            assert (response.status_code, path) == (503, path)
            assert int(response.headers["Retry-After"]) >= 1
    recovers(client, session_id)


SESSION, ENTRY, PATTERN = "sessions_app_session", "sessions_app_entry", "memory_app_pattern"
VECTOR, SPACE = "memory_app_vector", "memory_app_vectorspace"
SEQUENCE = {"observations": [observation("x", "y", emotives={"e": 1})] * 3, "learn_at_end": True}
VECTORS = {"observations": [observation("x", vectors=[[1, n]]) for n in range(3)], "learn_after_each": True}
WRITES: list[tuple[str, str, dict[str, object] | None, list[str]]] = [
    ("POST", "/observe", observation("x", emotives={"e": 1}, metadata={"m": 1}), [SESSION, ENTRY]),
    ("POST", "/observe-sequence", SEQUENCE, [SESSION, ENTRY, PATTERN, "memory_app_symbolaffinity"]),
    ("POST", "/observe", {"vectors": [[1, 2]]}, [SESSION, ENTRY]),
    ("POST", "/observe-sequence", VECTORS, [SESSION, ENTRY, PATTERN, VECTOR, SPACE]),
    ("POST", "/learn", None, [SESSION, PATTERN, VECTOR, SPACE]),
    ("POST", "/clear-stm", None, [SESSION, ENTRY]),
    ("POST", "/clear-all", None, [SESSION, ENTRY, "memory_app_node", "memory_app_clearedmemory"]),
    ("DELETE", "", None, [SESSION, ENTRY]),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "table"),
    [(method, path, body, table) for method, path, body, tables in WRITES for table in tables],
)
def test_a_failure_at_any_step_leaves_the_state_before(
    fragile: Fragile,
    client: httpx.Client,
    session_id: str,
    method: str,
    path: str,
    body: dict[str, object] | None,
    table: str,
) -> None:
    """G9, R25: every table that the operation writes is made to fail in turn."""
    observe(client, session_id, "taught")
    client.post(f"/sessions/{session_id}/learn")
    observe(client, session_id, "to", "learn", vectors=[[1, 1]], emotives={"e": 2})
    before = _everything(fragile, session_id)
    with database_connection(fragile) as admin:
        admin.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
        admin.execute(
            f"CREATE TRIGGER injected AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION explode()"
        )
        admin.commit()
        try:
            response = client.request(method, f"/sessions/{session_id}{path}", json=body)
        finally:
            admin.execute("DROP FUNCTION explode CASCADE")
            admin.commit()
    assert response.status_code == 500
    assert response.text == "Internal Server Error"
    assert _everything(fragile, session_id) == before


def _everything(fragile: Fragile, session_id: str) -> list[tuple[object, ...]]:
    queries = [
        "SELECT version, time, stm_start, stm_end, vectors_start, vectors_end, percept::text "
        "FROM sessions_app_session WHERE id = %s",
        "SELECT stream, position, value::text FROM sessions_app_entry WHERE session_id = %s ORDER BY 1, 2",
        "SELECT node.memory, name, frequency, emotives::text FROM memory_app_pattern JOIN memory_app_node AS node "
        "USING (memory) JOIN sessions_app_session AS session USING (node_id) WHERE session.id = %s ORDER BY name",
        "SELECT memory, name FROM memory_app_vector WHERE %s <> '' ORDER BY memory, name",
    ]
    with database_connection(fragile) as connection:
        return [row for query in queries for row in connection.execute(query, [session_id])]


def _has_grown(symbols: list[str], size: int) -> bool:
    return len(symbols) > size


def _are_grown_up(workers: list[int]) -> bool:
    return all(_age(one) > 6 for one in workers)


def _age(pid: int) -> float:
    """In seconds, by the clock of the kernel: the wall clock, which psutil goes by, may be a second apart from it."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def _is_replaced(fragile: Fragile, victim: int) -> bool:
    return victim not in fragile.web.worker_pids


def test_acknowledged_observes_survive_kill_9_of_the_workers(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """G9: workers are killed while four clients write; what got a 200 is there, what did not is there once or not."""
    acknowledged: list[str] = []
    attempted: list[str] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            symbol = f"w{writer}-{number}"
            attempted.append(symbol)
            try:
                response = httpx.post(
                    f"{fragile.web.url}/sessions/{session_id}/observe", json=observation(symbol), timeout=30
                )
            except httpx.TransportError:
                continue  # the worker died with this request
            if response.status_code == 200:
                acknowledged.append(symbol)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            eventually(partial(_has_grown, acknowledged, len(acknowledged) + 20), "writers get on")
            victim = fragile.web.worker_pids[0]
            eventually(partial(_are_grown_up, [victim]), "Granian does not take another death for a crash loop")
            os.kill(victim, signal.SIGKILL)
            eventually(partial(_is_replaced, fragile, victim), "the dead worker is replaced")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    eventually(fragile.web.all_workers_answer, "all workers are back")
    stored = [event[0] for event in client.get(f"/sessions/{session_id}/stm").json()["stm"][1:]]
    assert len(stored) == len(set(stored)), "doubled"
    assert set(acknowledged) <= set(stored) <= set(attempted)


def _name(*values: float) -> str:
    return named(np.array(values, dtype=np.float64)).name


def test_vectors_and_patterns_survive_kill_9_together_or_not_at_all(fragile: Fragile, client: httpx.Client) -> None:
    """G9: what was acknowledged is there, learned or still waiting (D31); of what was not, either both or neither."""
    waiting = create_session(client, "killed")
    observe(client, waiting, "x", vectors=[[0, 0.5]])
    acknowledged = [_name(0, 0.5)]
    stop = threading.Event()

    def teach(writer: int) -> None:
        session = create_session(client, "killed")
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(httpx.TransportError):  # the worker died with this request
                response = httpx.post(
                    f"{fragile.web.url}/sessions/{session}/observe-sequence",
                    json={"observations": [observation("x", vectors=[[writer, number]])], "learn_at_end": True},
                    timeout=30,
                )
                if response.status_code == 200:
                    acknowledged.append(_name(writer, number))

    writers = [threading.Thread(target=teach, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    eventually(partial(_has_grown, acknowledged, 20), "writers get on")
    victims = fragile.web.worker_pids
    eventually(partial(_are_grown_up, victims), "Granian does not take another death for a crash loop")
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    for victim in victims:
        eventually(partial(_is_replaced, fragile, victim), "the dead workers are replaced")
    stop.set()
    for writer in writers:
        writer.join()
    eventually(fragile.web.all_workers_answer, "all workers are back")
    learned = httpx.post(f"{fragile.web.url}/sessions/{waiting}/learn", timeout=30)
    assert learned.status_code == 200
    of_node = "USING (memory) WHERE node_id = 'killed'"
    with database_connection(fragile) as connection:
        vectors = connection.execute(
            f"SELECT 'VCTR|' || encode(name, 'hex') FROM memory_app_vector JOIN memory_app_node {of_node}"
        )
        stored = {name for (name,) in vectors}
        patterns = connection.execute(f"SELECT events::text FROM memory_app_pattern JOIN memory_app_node {of_node}")
        named_in_patterns = {symbol for (events,) in patterns for [event] in [json.loads(events)] for symbol in event}
    assert set(acknowledged) <= stored
    assert stored == named_in_patterns - {"x"}


def test_an_observation_is_not_reported_as_failed_because_tidying_up_after_it_failed(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """It is committed: an error would make the client send it again."""
    batch = {"observations": [observation(f"s{n}") for n in range(1000)]}
    client.post(f"/sessions/{session_id}/observe-sequence", json=batch)
    with database_connection(fragile) as admin:
        admin.execute("CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'injected'; END $$")
        admin.execute(
            "CREATE TRIGGER injected BEFORE DELETE ON sessions_app_entry FOR EACH ROW EXECUTE FUNCTION explode()"
        )
        admin.commit()
        try:
            statuses = {observe(client, session_id, "more").status_code for _ in range(130)}
        finally:
            admin.execute("DROP FUNCTION explode CASCADE")
            admin.commit()
    assert statuses == {200}
