"""What becomes of sessions when the default contract of the service changes (http.md 0.9)."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer
from foundation.contracts import HEADER
from tests.support.contracts import NEW, OLD, asking, config_of
from tests.support.sessions import LiveSession, create_session


@pytest.fixture(scope="module")
def of_6_3(server: WebServer) -> Iterator[httpx.Client]:
    """Another service on the same database, with the other default."""
    with WebServer(workers=1, KATO_CONTRACT=NEW) as other, httpx.Client(base_url=other.url, timeout=60) as client:
        yield client


def test_each_session_keeps_the_default_of_its_creation(client: httpx.Client, of_6_3: httpx.Client) -> None:
    for service, contract in ((client, OLD), (of_6_3, NEW)):
        session_id = create_session(service)
        for anywhere in (client, of_6_3):
            assert anywhere.get(f"/sessions/{session_id}/stm").headers[HEADER] == contract


def test_a_session_that_is_older_than_contracts_follows_the_default_as_it_is_now(
    client: httpx.Client, of_6_3: httpx.Client, database: psycopg.Connection
) -> None:
    own = {"recall_threshold": 0, "filter_pipeline": ["length"], "persistence": 9}
    session_id = create_session(client, config=own)
    database.execute("UPDATE sessions_app_session SET contract = NULL WHERE id = %s", [session_id])
    assert own.items() <= config_of(LiveSession(client, session_id, "node")).items()
    config = config_of(LiveSession(of_6_3, session_id, "node"))
    assert (config["recall_threshold"], config["filter_pipeline"], config["persistence"]) == (0.1, [], 9)
    refused = of_6_3.post(f"/sessions/{session_id}/config", json={"recall_threshold": 0})
    assert (refused.status_code, refused.headers[HEADER]) == (400, NEW)
    assert of_6_3.post(f"/sessions/{session_id}/config", json={}, headers=asking(OLD)).status_code == 409


def test_no_prediction_of_before_is_served_when_the_default_decides_what_a_session_holds(
    client: httpx.Client, of_6_3: httpx.Client, database: psycopg.Connection
) -> None:
    """A threshold of 0 counts under 3.10 alone, whatever the predictions are shown by."""
    session = LiveSession.create(client, "older than contracts", config={"recall_threshold": 0})
    database.execute("UPDATE sessions_app_session SET contract = NULL WHERE id = %s", [session.id])
    session.teach("a", "b")
    session.teach("c", "d")
    session.observe("a")
    session.observe("x")
    for service, count in ((client, 2), (of_6_3, 1), (client, 2)):
        response = service.get(f"/sessions/{session.id}/predictions", headers=asking(OLD))
        assert response.json()["count"] == count


def test_the_default_shapes_what_no_session_does(of_6_3: httpx.Client) -> None:
    assert of_6_3.get("/openapi.json").json()["info"]["version"] == "6.3.2"
    assert of_6_3.get("/patterns/count", params={"node_id": "a+b"}).json()["node_id"] == "a_b_kato"
    missing = of_6_3.get("/sessions/session-gone/stm")
    assert (missing.status_code, list(missing.json())) == (404, ["detail"])
