"""What needs an index and takes too long is refused with a reason, and what nobody waits for ends."""

import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer, eventually
from tests.api.contract.document import assert_described
from tests.support.contracts import NEW, OLD, asking
from tests.support.sessions import LiveSession, observations

# To compare the STM with the only pattern takes minutes: each of its symbols occurs everywhere in the other.
EVENTS, SYMBOLS = 1000, 200


def serving(**environment: str) -> Iterator[WebServer]:
    with WebServer(workers=1, **environment) as running:
        yield running


@pytest.fixture(scope="module")
def impatient() -> Iterator[WebServer]:
    yield from serving(KATO_PREDICTION_TIMEOUT_SECONDS="0.5")


@pytest.fixture(scope="module")
def hasty() -> Iterator[WebServer]:
    yield from serving(KATO_PREDICTION_TIMEOUT_SECONDS="0.1")


@pytest.fixture(scope="module")
def patient_with_one_slot() -> Iterator[WebServer]:
    yield from serving(KATO_PREDICTION_TIMEOUT_SECONDS="3600", KATO_LIMIT_CONCURRENCY="1")


def slow_session(client: httpx.Client, config: dict[str, Any] | None = None) -> LiveSession:
    session = LiveSession.create(client, "slow", config=config or {})
    for learn in (True, False):
        for start in range(0, EVENTS, 100):
            observations = [{"strings": ["a"] * SYMBOLS}] * 100
            is_last = start + 100 == EVENTS
            session.post("observe-sequence", {"observations": observations, "learn_at_end": learn and is_last})
    return session


def assert_is(response: httpx.Response, status: int, code: str) -> None:
    """The error of contract 6.3."""
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("route", ["predictions", pytest.param("cognition-data", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"fuzzy_token_threshold": 0.5},
        pytest.param({"filter_pipeline": ["rapidfuzz"]}, marks=pytest.mark.exhaustive),
    ],
    ids=str,
)
def test_a_prediction_beyond_its_deadline_is_a_503_with_the_reason(
    impatient: WebServer, route: str, config: dict[str, Any]
) -> None:
    with httpx.Client(base_url=impatient.url, timeout=30) as client:
        session = slow_session(client, config)
        response = client.get(f"/sessions/{session.id}/{route}")
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"
        assert response.json() == {
            "detail": "The prediction was stopped after 0.5 s (KATO_PREDICTION_TIMEOUT_SECONDS); nothing was changed"
        }
        assert_is(client.get(f"/sessions/{session.id}/{route}", headers=asking(NEW)), 504, "TIMEOUT")
        assert len(session.stm()) == EVENTS
        session.post("clear-stm")
        session.post("observe", {"strings": ["a"]})
        assert client.get(f"/sessions/{session.id}/predictions").status_code == 200


@pytest.mark.parametrize("contract", [OLD, NEW])
@pytest.mark.parametrize(
    ("name", "what", "more"),
    [
        ("GET /sessions/{session_id}/predictions", "The prediction", {}),
        ("GET /sessions/{session_id}/cognition-data", "The prediction", {}),
        ("POST /sessions/{session_id}/finalize-training", "finalize-training", {}),
        ("GET /nodes/{node_id}/patterns", "Finding the patterns of a symbol", {"params": {"symbol": "a"}}),
        ("GET /symbols/stats", "Counting the symbols", {}),
    ],
)
def test_every_route_that_may_build_an_index_has_the_deadline(
    impatient: WebServer, database: psycopg.Connection, name: str, what: str, more: dict[str, Any], contract: str
) -> None:
    """The process has no index of the node yet, and PostgreSQL lets it wait for the patterns beyond the deadline.

    The document says so.
    """
    with httpx.Client(base_url=impatient.url, timeout=30) as client, ThreadPoolExecutor(1) as pool:
        session = LiveSession.create(client, f"deadline {uuid.uuid4().hex}")
        session.post("observe-sequence", {"observations": observations("abc"), "learn_at_end": True})
        session.post("observe", {"strings": ["a"]})
        method, path = name.format(session_id=session.id, node_id=session.node).split(" ", 1)
        headers = {"X-Node-ID": session.node}
        with psycopg.connect(database.info.dsn) as holding:
            holding.execute("LOCK TABLE memory_app_pattern IN ACCESS EXCLUSIVE MODE")
            asked = pool.submit(client.request, method, path, headers={**headers, **asking(contract)}, **more)
            waiting = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            eventually(lambda: database.execute(waiting, [holding.info.backend_pid]).rowcount > 0, "it waits")
            holding.execute("SELECT pg_sleep(1)")  # twice the deadline
        response = asked.result()
        assert response.headers.get("Retry-After") == "1"
        assert_described(name, response.status_code, response.json(), contract)
        message = f"{what} was stopped after 0.5 s (KATO_PREDICTION_TIMEOUT_SECONDS); nothing was changed"
        if contract == OLD:
            assert (response.status_code, response.json()) == (503, {"detail": message})
        else:
            assert_is(response, 504, "TIMEOUT")
            assert response.json()["error"]["message"] == message
        finalized = "SELECT FROM memory_app_node WHERE node_id = %s AND finalized_snapshot IS NOT NULL"
        assert database.execute(finalized, [session.node]).rowcount == 0
        assert client.request(method, path, headers=headers, **more).status_code == 200


_FILL = """
    INSERT INTO memory_app_pattern (memory, name, events, length, frequency, emotives, metadata, created, changed)
    SELECT memory, decode(md5(n::text) || '00000000', 'hex'), format('[["of %%s"],["filler"]]', n)::json, 2, 1,
        '[]', '{}', pg_current_xact_id(), pg_current_xact_id()
    FROM memory_app_node, generate_series(1, 60000) AS n WHERE node_id = %s
"""


@pytest.mark.parametrize(
    ("name", "body"),
    [("POST /sessions/{session_id}/patterns/purge", {}), ("DELETE /nodes/{node_id}/patterns/{name}", None)],
)
def test_a_purge_has_the_deadline_where_vectors_make_it_read_an_index(
    hasty: WebServer, database: psycopg.Connection, name: str, body: dict[str, Any] | None
) -> None:
    with httpx.Client(base_url=hasty.url, timeout=30) as client:
        session = LiveSession.create(client, f"purged {uuid.uuid4().hex}")
        session.post("observe-sequence", {"observations": [{"vectors": [[1, 2]]}, {"strings": ["a"]}]})
        pattern = session.learn()
        session.post("patterns/retire", {"pattern_ids": [pattern]})
        method, path = name.format(session_id=session.id, node_id=session.node, name=pattern).split(" ", 1)
        database.execute(_FILL, [session.node])
        for contract, status in ((OLD, 503), (NEW, 504)):
            response = client.request(method, path, json=body, headers=asking(contract))
            assert (response.status_code, response.headers["Retry-After"]) == (status, "1")
            assert "Purging was stopped after 0.1 s (KATO_PREDICTION_TIMEOUT_SECONDS)" in response.text
            assert_described(name, status, response.json(), contract)
        assert client.get("/patterns/count", params={"node_id": session.node}).json()["pattern_count"] == 60_001
        session.post("clear-all")


@pytest.mark.exhaustive
def test_a_prediction_ends_when_its_client_has_gone(patient_with_one_slot: WebServer) -> None:
    """The only slot is free again, long before the prediction would be complete."""
    with httpx.Client(base_url=patient_with_one_slot.url, timeout=30) as client:
        session = slow_session(client)
        with socket.create_connection(("127.0.0.1", patient_with_one_slot.port)) as leaving:
            leaving.sendall(f"GET /sessions/{session.id}/predictions HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            eventually(lambda: client.get("/sessions/count").status_code == 503, "the prediction holds the only slot")
        eventually(lambda: client.get("/sessions/count").status_code == 200, "the slot is free again")


def test_a_prediction_that_would_take_too_much_memory_is_a_422_that_names_the_setting(server: WebServer) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        session = LiveSession.create(client, "many characters", config={"use_token_matching": False})
        session.post("observe-sequence", {"observations": observations("ab"), "learn_at_end": True})
        for start in range(0x10000, 0x10000 + 50_000, 1000):
            session.post("observe", {"strings": list(map(chr, range(start, start + 1000)))})
        response = client.get(f"/sessions/{session.id}/predictions")
        assert response.status_code == 422
        [problem] = response.json()["detail"]
        assert (problem["type"], problem["loc"]) == ("prediction_too_large", ["config", "use_token_matching"])
        new = client.get(f"/sessions/{session.id}/predictions", headers=asking(NEW))
        assert_is(new, 507, "RESOURCE_EXHAUSTED")
        assert new.json()["error"]["context"] == {"setting": "use_token_matching"}
        session.post("config", {"config": {"use_token_matching": True}})
        assert client.get(f"/sessions/{session.id}/predictions").status_code == 200
