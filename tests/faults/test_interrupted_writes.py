"""A write that fails or is killed at any step leaves the state before it or after it, and no other (G9, R25)."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import httpx
import numpy as np
import pytest

from benchmarks.stack import eventually
from engine.vectors import named
from tests.support.contracts import NEW, asking
from tests.support.fragile import Fragile, database_connection, wait_until_they_may_die
from tests.support.sessions import create_session, observation, observe

pytestmark = pytest.mark.long


@pytest.fixture
def client(fragile: Fragile) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fragile.web.url, timeout=60) as connected:
        yield connected


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
    """G9, R25: each table that the operation writes fails in turn."""
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
            of_6_3 = client.request(method, f"/sessions/{session_id}{path}", json=body, headers=asking(NEW))
        finally:
            admin.execute("DROP FUNCTION explode CASCADE")
            admin.commit()
    assert response.status_code == 500
    assert response.text == "Internal Server Error"
    assert of_6_3.status_code == 500
    assert of_6_3.json() == {
        "error": {
            "code": "INTERNAL_ERROR",
            "message": "An internal error occurred. The log says what happened",
            "details": {},
            "context": {"exception_type": "ProgrammingError"},
        }
    }
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


def _is_replaced(fragile: Fragile, victim: int) -> bool:
    return victim not in fragile.web.worker_pids


def test_acknowledged_observes_survive_kill_9_of_the_workers(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """G9: workers are killed while four clients write. A write with a 200 is stored; any other, once or not at all."""
    acknowledged: list[str] = []
    attempted: list[str] = []
    stop, go = threading.Event(), threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            go.wait()
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
            victim = fragile.web.worker_pids[0]
            wait_until_they_may_die([victim])
            go.set()
            eventually(partial(_has_grown, acknowledged, len(acknowledged) + 20), "writers get on")
            os.kill(victim, signal.SIGKILL)
            eventually(partial(_is_replaced, fragile, victim), "the dead worker is replaced")
            go.clear()  # the STM keeps the last thousand
    finally:
        stop.set()
        go.set()
        for writer in writers:
            writer.join()
    eventually(fragile.web.all_workers_answer, "all workers are back")
    stored = [event[0] for event in client.get(f"/sessions/{session_id}/stm").json()["stm"][1:]]
    assert len(stored) == len(set(stored)), "doubled"
    assert set(acknowledged) <= set(stored) <= set(attempted)


def _name(*values: float) -> str:
    return named(np.array(values, dtype=np.float64)).name


@pytest.mark.exhaustive
def test_vectors_and_patterns_survive_kill_9_together_or_not_at_all(fragile: Fragile, client: httpx.Client) -> None:
    """G9: acknowledged vectors are learned or waiting (D31); of any other learn, both parts exist or neither."""
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
    wait_until_they_may_die(victims)
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


def test_a_failed_clean_up_does_not_make_an_observation_fail(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """It is committed, and an error would make the client repeat it."""
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


def test_a_write_whose_answer_is_lost_is_a_503_and_not_repeated(
    fragile: Fragile, client: httpx.Client, session_id: str
) -> None:
    """It is committed, and waits for a standby; then its connection ends. Only the client may send it again."""
    confirming = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with database_connection(fragile) as admin, ThreadPoolExecutor(1) as pool:
        admin.autocommit = True
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            writing = pool.submit(observe, client, session_id, "once")
            eventually(lambda: admin.execute(confirming).rowcount == 1, "the commit waits")
            admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({confirming}) AS writer")
            eventually(lambda: admin.execute(confirming).rowcount == 0, "its connection has ended")
        finally:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
        assert writing.result().status_code == 503
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"], ["once"]]
