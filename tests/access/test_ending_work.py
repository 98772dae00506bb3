"""What runs when a key is revoked ends, with the reason: jobs, and connections that receive events."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from websockets.exceptions import InvalidStatus

from access_app import operations
from benchmarks.stack import WebServer, Worker, eventually, paused
from foundation.callers import Scope
from tests.access.conftest import WORKERS, NewKey
from tests.access.keys import Key, bearer
from tests.support.jobs import end_of, look, start, train
from tests.support.listeners import connect_to, events_url, listening
from tests.support.sessions import create_session, observations

MANY = [[[f"s{number}"], ["end"]] for number in range(20_000)]


def learned(database: psycopg.Connection, node_id: str) -> int:
    query = "SELECT count(*) FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %s"
    [number] = database.execute(query, [node_id]).fetchone() or (0,)
    return int(number)


def assert_failed(job: dict[str, Any], key: Key) -> None:
    assert job["state"] == "failed"
    assert job["error"] == f"The access key {key.id}, which this acts for, is expired or revoked"
    assert job["attempts"] == 1


def test_a_running_job_fails_and_does_nothing_more(
    new_key: NewKey, operator: Key, worker: Worker, database: psycopg.Connection
) -> None:
    key = new_key()
    job = train(key.client, "ends running", MANY)
    eventually(lambda: look(operator.client, job)["done"] > 0, "the job is running")
    operations.revoke(key=key.id)
    ended = end_of(operator.client, job)
    assert_failed(ended, key)
    assert 0 < ended["done"] < ended["total"]
    assert learned(database, "ends running") == ended["done"]


def test_a_waiting_job_fails_without_having_begun(
    new_key: NewKey, operator: Key, worker: Worker, database: psycopg.Connection
) -> None:
    key, other = new_key(), new_key()
    with paused(worker.pid):
        job, unaffected = (train(one.client, "ends waiting", [[["a"], ["b"]]]) for one in (key, other))
        session_id = create_session(key.client, "ends waiting")
        body = {"observations": observations("a", "b"), "learn_at_end": True}
        of_session = start(key.client, f"/sessions/{session_id}/observe-sequence", body)
        operations.revoke(key=key.id)
    assert_failed(end_of(operator.client, job), key)
    assert_failed(end_of(operator.client, of_session), key)
    assert end_of(other.client, unaffected)["state"] == "done"
    assert operator.client.get(f"/sessions/{session_id}/stm").json()["stm"] == []


def test_a_retried_job_of_a_revoked_key_fails_again(new_key: NewKey, operator: Key, worker: Worker) -> None:
    key = new_key()
    with paused(worker.pid):
        job = train(key.client, "ends again", [[["a"]]])
        operations.revoke(key=key.id)
    assert_failed(end_of(operator.client, job), key)
    operator.client.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    assert_failed(end_of(operator.client, job), key)


def test_a_rotated_keys_jobs_go_on(new_key: NewKey, operator: Key, worker: Worker) -> None:
    key = new_key()
    with paused(worker.pid):
        job = train(key.client, "goes on", [[["a"]]])
        operations.rotate(key=key.id, overlap=timedelta(0))
    assert end_of(operator.client, job)["state"] == "done"


@pytest.mark.parametrize("end", ["revoked", "rotated", "expired"])
def test_the_connection_of_an_ended_key_is_closed(end: str, server: WebServer, new_key: NewKey, operator: Key) -> None:
    key = new_key(Scope.READ, lifetime=timedelta(seconds=2) if end == "expired" else None)
    with (
        listening(server, additional_headers=bearer(key.token)) as listener,
        listening(server, additional_headers=bearer(operator.token)) as other,
    ):
        if end == "revoked":
            operations.revoke(key=key.id)
        elif end == "rotated":
            operations.rotate(key=key.id, overlap=timedelta(0))
        assert listener.close_code() == 4401
        session_id = create_session(operator.client, "still heard")
        assert other.next_of(session_id)["event_type"] == "session.created"


def test_a_rotation_with_overlap_closes_the_connection_when_it_is_over(server: WebServer, new_key: NewKey) -> None:
    key = new_key(Scope.READ)
    with listening(server, additional_headers=bearer(key.token)) as listener:
        rotated = operations.rotate(key=key.id, overlap=timedelta(seconds=1))
        with listening(server, additional_headers=bearer(rotated.token)) as renewed:
            assert listener.close_code() == 4401
            renewed.connection.send("ping")
            assert renewed.connection.recv(timeout=10) == "pong"


def test_a_browser_offers_its_token_as_a_protocol(server: WebServer, new_key: NewKey) -> None:
    key = new_key(Scope.READ)
    with listening(server, subprotocols=["kato", key.token]) as listener:
        # The response names the protocol, and never the token.
        assert listener.connection.subprotocol == "kato"
        assert listener.connection.response is not None
        assert key.token not in str(listener.connection.response.headers)
        operations.revoke(key=key.id)
        assert listener.close_code() == 4401


def refusal(server: WebServer, **options: Any) -> tuple[int, str, str | None]:
    """Status, detail and challenge of the response to a handshake."""
    with pytest.raises(InvalidStatus) as caught, connect_to(events_url(server.url), **options):
        pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.body.decode(), response.headers.get("WWW-Authenticate")


def test_a_handshake_without_a_valid_key_is_a_401(server: WebServer, new_key: NewKey) -> None:
    wrong = "kato_000000000000_" + 43 * "0"
    status, detail, challenge = refusal(server)
    assert (status, challenge) == (401, 'Bearer realm="kato"')
    assert "needs an access key" in detail
    for options in (
        {"additional_headers": bearer(wrong)},
        {"additional_headers": bearer("x")},
        {"additional_headers": {"Authorization": "Basic eDp5"}},
        {"subprotocols": ["kato", wrong]},
    ):
        status, detail, challenge = refusal(server, **options)
        assert (status, challenge) == (401, 'Bearer realm="kato", error="invalid_token"')
        assert wrong not in detail


def test_a_handshake_with_a_token_that_is_no_protocol_is_a_401(server: WebServer) -> None:
    assert refusal(server, subprotocols=["kato", "kato_x"])[0] == 401


def test_a_handshake_with_another_scope_is_a_403(server: WebServer, new_key: NewKey) -> None:
    key = new_key(Scope.WRITE, Scope.MONITOR)
    status, detail, _ = refusal(server, additional_headers=bearer(key.token))
    assert status == 403
    assert "needs the scope read" in detail


def test_a_handshake_with_a_key_that_was_revoked_before_is_a_401(server: WebServer, new_key: NewKey) -> None:
    """Also in a process that has not met the change yet."""
    for _ in range(WORKERS):
        key = new_key(Scope.READ)
        for _ in range(WORKERS * 3):
            key.client.get("/sessions/count")
        operations.revoke(key=key.id)
        assert refusal(server, additional_headers=bearer(key.token))[0] in (401, 429)
