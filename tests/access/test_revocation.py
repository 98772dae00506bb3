"""From the commit that revokes or rotates a key on, no process accepts it; a new key is accepted by all at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection

from access_app import operations
from access_app.errors import KeyExpired
from benchmarks.stack import WebServer, Worker, eventually, paused
from foundation.callers import Scope
from tests.access.conftest import WORKERS, NewKey
from tests.access.keys import Key, bearer, client_with
from tests.support.connections import fresh_connections
from tests.support.sessions import create_session, observation

THREADS = 6
LATE = 5  # requests of each thread after the end of the key

# Requests that wait for the table of jobs.
BLOCKED = "SELECT count(*) FROM pg_locks WHERE relation = 'sessions_app_job'::regclass AND NOT granted"

Send = Callable[[httpx.Client, str], httpx.Response]


@dataclass(frozen=True, slots=True)
class Sent:
    began: float
    status: int
    process: str


def observe(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post(f"/sessions/{session_id}/observe", json=observation("a"))


def create(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post("/sessions", json={"node_id": f"of-{session_id}"})


def learn(client: httpx.Client, session_id: str) -> httpx.Response:
    """Through a row lock, in several statements."""
    body = {"observations": [observation("a"), observation("b")], "learn_at_end": True}
    return client.post(f"/sessions/{session_id}/observe-sequence", json=body)


def train(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.post("/jobs", json={"kind": "train", "node_id": f"of-{session_id}", "sequences": [[["a"]]]})


def read(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.get(f"/sessions/{session_id}/stm")


def count(client: httpx.Client, session_id: str) -> httpx.Response:
    return client.get("/sessions/count")


def status(client: httpx.Client, session_id: str) -> httpx.Response:
    """Responds without the database where it must."""
    return client.get("/status")


# What each stores, as a query that counts it.
STORES = {
    observe: "SELECT stm_end FROM sessions_app_session WHERE id = %(id)s",
    create: "SELECT count(*) FROM sessions_app_session WHERE node_id = 'of-' || %(id)s",
    learn: "SELECT stm_end / 2 FROM sessions_app_session WHERE id = %(id)s",
    train: "SELECT count(*) FROM sessions_app_job WHERE node_id = 'of-' || %(id)s",
}


@pytest.mark.parametrize("send", [observe, create, learn, train, read, count, status], ids=lambda send: send.__name__)
@pytest.mark.parametrize("end", [operations.revoke, operations.rotate], ids=["revoked", "rotated"])
def test_no_request_that_begins_after_the_end_of_a_key_succeeds(
    send: Send, end: Callable[..., Any], new_key: NewKey, operator: Key, database: psycopg.Connection
) -> None:
    key = new_key(Scope.READ, Scope.WRITE, Scope.MONITOR)
    session_id = create_session(operator.client, "revoked")
    sent: list[Sent] = []

    has_ended = threading.Event()

    def work(_: int) -> None:
        left = LATE
        while left:
            left -= has_ended.is_set()
            began = time.monotonic()
            response = send(key.client, session_id)
            sent.append(Sent(began, response.status_code, response.headers["X-Kato-Instance"]))

    with ThreadPoolExecutor(THREADS) as pool:
        running = pool.map(work, range(THREADS))
        eventually(lambda: len(sent) >= 5 * THREADS, "requests run")
        end(key=key.id, **({"overlap": timedelta(0)} if end is operations.rotate else {}))
        ended = time.monotonic()
        has_ended.set()
        list(running)

    late = [one for one in sent if one.began > ended]
    assert len(late) >= LATE * THREADS
    assert {one.process for one in sent} == {one.process for one in late}
    assert len({one.process for one in sent}) == WORKERS
    # 429: that many requests with a token that is not valid came from this address.
    assert {one.status for one in late} <= {401, 429}
    succeeded = [one for one in sent if one.status in (200, 202)]
    if send in STORES:
        assert database.execute(STORES[send], {"id": session_id}).fetchone() == (len(succeeded),)


@pytest.mark.parametrize("change", ["create", "cancel", "retry"])
def test_a_key_that_ends_after_it_was_confirmed_changes_no_job(
    change: str, new_key: NewKey, database: psycopg.Connection, worker: Worker
) -> None:
    """The statement that writes confirms the key again: to read a body, and to wait for a lock, may take seconds."""
    key = new_key(Scope.READ, Scope.WRITE)
    body = {"kind": "train", "node_id": f"late-{key.id}", "sequences": [[["a"]]]}
    states = f"SELECT array_agg(state) FROM sessions_app_job WHERE node_id = 'late-{key.id}'"
    with paused(worker.pid), ThreadPoolExecutor(1) as pool:
        job = f"/jobs/{key.client.post('/jobs', json=body).json()['job_id']}"
        if change == "retry":
            assert key.client.delete(job).status_code == 200
        before = database.execute(states).fetchone()
        request: dict[str, tuple[str, str, Any]] = {
            "create": ("POST", "/jobs", body),
            "cancel": ("DELETE", job, None),
            "retry": ("POST", f"{job}/retry", None),
        }
        method, path, content = request[change]
        with database.transaction():
            database.execute("LOCK TABLE sessions_app_job IN EXCLUSIVE MODE")
            running = pool.submit(key.client.request, method, path, json=content)
            eventually(lambda: database.execute(BLOCKED).fetchone() == (1,), "it waits, and its key was confirmed")
            operations.revoke(key=key.id)
        assert running.result().status_code == 401
        assert database.execute(states).fetchone() == before


def test_a_repeat_needs_a_valid_key_too(new_key: NewKey) -> None:
    """It performs nothing, so no statement of the work asks."""
    key = new_key()

    def repeat() -> int:
        return key.client.post("/sessions", json={"node_id": "again"}, headers={"Idempotency-Key": "k"}).status_code

    assert [repeat() for _ in range(WORKERS * 3)] == [200] * WORKERS * 3
    operations.revoke(key=key.id)
    assert {repeat() for _ in range(WORKERS * 3)} <= {401, 429}


def refused(client: httpx.Client) -> bool:
    return count(client, "").status_code in (401, 429)


def test_after_a_rotation_both_tokens_are_valid_for_the_overlap(server: WebServer, new_key: NewKey) -> None:
    key = new_key()
    rotated = operations.rotate(key=key.name, overlap=timedelta(seconds=1))
    assert rotated.key.id == key.id
    with client_with(server.url, rotated.token) as new:
        for _ in range(WORKERS * 3):
            assert count(key.client, "").status_code == count(new, "").status_code == 200
        eventually(lambda: refused(key.client), "the former token is not valid any more")
        assert all(refused(key.client) for _ in range(WORKERS * 3))
        assert count(new, "").status_code == 200


def test_of_three_tokens_the_last_two_are_valid(server: WebServer, new_key: NewKey) -> None:
    key = new_key()
    second, third = (operations.rotate(key=key.id, overlap=timedelta(minutes=1)) for _ in range(2))
    assert refused(key.client)
    for token in (second.token, third.token):
        with client_with(server.url, token) as client:
            assert count(client, "").status_code == 200


def test_a_key_is_valid_for_its_lifetime(new_key: NewKey) -> None:
    key = new_key(lifetime=timedelta(seconds=1))
    assert count(key.client, "").status_code == 200
    eventually(lambda: refused(key.client), "the key has expired")
    assert all(refused(key.client) for _ in range(WORKERS * 3))


def test_an_expired_token_stays_so_after_its_keys_rotation_is_refused(new_key: NewKey) -> None:
    key = new_key(lifetime=timedelta(seconds=0))
    with pytest.raises(KeyExpired, match="has expired"):
        operations.rotate(key=key.id, overlap=timedelta(minutes=1))
    assert refused(key.client)


def test_a_new_key_is_valid_at_once_in_every_process(server: WebServer, new_key: NewKey) -> None:
    for _ in range(5):
        key = new_key()
        assert [count(key.client, "").status_code for _ in range(WORKERS * 2)] == [200] * WORKERS * 2


def test_a_key_is_valid_while_others_come_and_go(new_key: NewKey, operator: Key) -> None:
    """A statement that finds nothing because the version has moved is not the end of a request."""
    key = new_key()
    session_id = create_session(operator.client, "stays")
    for _ in range(10):
        operations.revoke(key=new_key().id)
        answers = [send(key.client, session_id).status_code for send in (read, observe, learn, create)]
        assert answers == [200] * 4


def test_a_key_that_the_restore_of_a_back_up_undid_is_not_valid(new_key: NewKey, database: psycopg.Connection) -> None:
    """Processes still know it, as of a version that the next change of a key must not use again."""
    [backup] = database.execute("SELECT version FROM access_app_accessversion").fetchone() or (0,)
    undone = new_key()
    assert not any(refused(undone.client) for _ in range(WORKERS * 3))
    database.execute("DELETE FROM access_app_accesskey WHERE id = %s", [undone.id])
    database.execute("UPDATE access_app_accessversion SET version = %s", [backup])
    new_key()
    assert all(refused(undone.client) for _ in range(WORKERS * 3))


def test_keys_made_revoked_and_rotated_by_many_at_once(server: WebServer, new_key: NewKey) -> None:
    """Every change is one version of the table, whichever process reads it when."""
    keys = [new_key() for _ in range(6)]
    start = threading.Barrier(len(keys))

    def change(number: int) -> str | None:
        start.wait()
        try:
            if number % 2:
                return operations.rotate(key=keys[number].id, overlap=timedelta(0)).token
            operations.revoke(key=keys[number].id)
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        tokens = list(pool.map(change, range(len(keys))))
    for key, token in zip(keys, tokens, strict=True):
        assert refused(key.client)
        if token is not None:
            with client_with(server.url, token) as client:
                assert [count(client, "").status_code for _ in range(WORKERS * 2)] == [200] * WORKERS * 2


def test_a_revoked_key_is_a_401_whatever_else_is_wrong(new_key: NewKey, operator: Key) -> None:
    session_id = create_session(operator.client, "wrong")
    for method, path, body in (
        ("POST", f"/sessions/{session_id}/observe", {"strings": 1}),
        ("POST", "/sessions/missing/observe", observation("a")),
        ("GET", f"/sessions/{session_id}/unknown", None),
        ("GET", "/jobs?limit=x", None),
        ("POST", "/jobs/missing/retry", None),
        ("GET", "/patterns/count?node_id=x", None),
    ):
        key = new_key()
        for _ in range(WORKERS * 2):
            count(key.client, "")  # every process knows the key
        operations.revoke(key=key.id)
        assert key.client.request(method, path, json=body).status_code in (401, 429), path


def test_the_use_of_a_key_is_noted(new_key: NewKey) -> None:
    key = new_key()
    assert operations.find(key.id).last_used_at is None
    count(key.client, "")
    eventually(lambda: operations.find(key.id).last_used_at is not None, "the use is noted")


def test_without_a_header_the_request_before_on_the_connection_does_not_count(
    server: WebServer, new_key: NewKey
) -> None:
    key = new_key(Scope.READ)
    with httpx.Client(base_url=server.url) as one_connection:
        for headers, expected in ((bearer(key.token), 200), ({}, 401), (bearer(key.token), 200), (bearer("x"), 401)):
            assert one_connection.get("/sessions/count", headers=headers).status_code == expected


def test_threads_do_not_mix_up_callers(server: WebServer, new_key: NewKey) -> None:
    """More requests of different keys at once than threads, each of which sees its own nodes only."""
    keys = [new_key(Scope.READ, Scope.WRITE, nodes=[f"mix{number}-"]) for number in range(4)]
    for number, key in enumerate(keys):
        for _ in range(number + 1):
            create_session(key.client, f"mix{number}-x")

    def look(turn: int) -> bool:
        number = turn % len(keys)
        answer = client.get("/sessions/count", headers=bearer(keys[number].token)).json()
        return bool(answer == {"active_session_count": number + 1})

    with fresh_connections(server.url) as client, ThreadPoolExecutor(24) as pool:
        assert all(pool.map(look, range(96)))
