"""PgBouncer before PostgreSQL: all holds in session mode; readiness and doctor recognise transaction mode."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import Stores, WebServer, Worker, eventually
from katoproject.configuration.locations import postgres_url, redis_url
from tests.support.commands import process
from tests.support.jobs import end_of, train
from tests.support.pgbouncer import PgBouncer, pgbouncer
from tests.support.prepared import own_stores
from tests.support.races import at_once
from tests.support.readiness import part
from tests.support.sessions import create_session, observation, observations, observe
from tests.support.transactions import locked, waits_for_locks

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def stores(folder: Path) -> Iterator[Stores]:
    with own_stores(folder / "data") as running:
        yield running


@pytest.fixture(scope="module")
def pooler(stores: Stores) -> Iterator[PgBouncer]:
    with pgbouncer(stores.data) as running:
        yield running


@pytest.fixture(scope="module")
def web(stores: Stores, pooler: PgBouncer) -> Iterator[WebServer]:
    with WebServer(workers=2, DATABASE_URL=pooler.url, REDIS_URL=redis_url(stores.data)) as running:
        yield running


@pytest.fixture
def client(web: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, timeout=30) as connected:
        yield connected


def doctor(web: WebServer) -> dict[str, Any]:
    findings = json.loads(process("doctor", "--json", **web.environment).out)["findings"]
    return {finding["check"]: finding for finding in findings}


def test_an_observation_that_is_refused_for_a_lock_is_not_applied_later(
    stores: Stores, web: WebServer, client: httpx.Client
) -> None:
    """It would be if PostgreSQL's time limits were lost on the way: it then goes on after the client has given up."""
    session_id = create_session(client)
    observe(client, session_id, "before")
    with psycopg.connect(postgres_url(stores.data)) as holder, locked(holder, session_id):
        path = f"{web.url}/sessions/{session_id}/observe"
        answers = at_once([lambda: httpx.post(path, json=observation("later"), timeout=30)] * 8)
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "1")] * 8
        assert waits_for_locks(holder) == 0
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["before"]]


@pytest.mark.exhaustive
def test_everything_works_through_it(stores: Stores, web: WebServer, client: httpx.Client) -> None:
    session_id = create_session(client)
    vectors = {**observation("a"), "vectors": [[0.1, 0.2, 0.3]]}
    assert client.post(f"/sessions/{session_id}/observe", json=vectors).status_code == 200
    for symbol in "bcd":
        observe(client, session_id, symbol)
    assert client.post(f"/sessions/{session_id}/learn").status_code == 200
    for symbol in "bc":
        observe(client, session_id, symbol)
    assert client.get(f"/sessions/{session_id}/predictions").json()["predictions"]
    with Worker(**web.environment):
        assert end_of(client, train(client, "trained", [observations("c", "d")]))["state"] == "done"
    assert doctor(web)["connection"]["verdict"] == "ok"


def used_and_shown(web: WebServer) -> str:
    """Use connections of all processes: one alone cannot know that others have its backend. Then read the metric."""
    for _ in range(8 * web.workers):
        httpx.get(f"{web.url}/sessions/count")
    exposed = httpx.get(f"{web.url}/metrics-prom").text
    return exposed.partition('kato_postgresql_unfit{reason="Pooled"} ')[2].partition("\n")[0]


@pytest.mark.exhaustive
def test_transaction_mode_is_named(web: WebServer, client: httpx.Client, pooler: PgBouncer) -> None:
    pooler.pool_by("transaction")
    try:
        finding = doctor(web)["connection"]
        assert finding["verdict"] == "problem"
        assert "pool_mode = session" in finding["fix"]
        eventually(lambda: client.get("/health/ready").status_code == 503, "readiness notices")
        assert "pool_mode = session" in part(web.url, "database")["error"]
        eventually(lambda: used_and_shown(web) == "1.0", "the metric shows it", seconds=15)
    finally:
        pooler.pool_by("session")
    eventually(lambda: client.get("/health/ready").status_code == 200, "readiness notices that it is over")
    eventually(lambda: used_and_shown(web) == "0.0", "the metric, too", seconds=15)
