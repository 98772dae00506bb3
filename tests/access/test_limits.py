"""What one key, and one address, may use. Beyond it: 429 with Retry-After, and nothing was done."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from access_app import operations
from access_app.limits import Limits
from benchmarks.stack import WebServer, Worker, eventually, paused
from foundation.callers import Scope
from tests.access.conftest import WORKERS, NewKey
from tests.access.keys import Key, bearer
from tests.support.connections import fresh_connections
from tests.support.contracts import NEW, asking
from tests.support.jobs import end_of, start, train, training
from tests.support.races import at_once
from tests.support.sessions import create_session, observations

# A rate at which no token comes back while a test runs.
NEVER = 0.001
HEALTH = ("/health", "/health/ready", "/health/")


def assert_refused(answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert reason in answer.json()["detail"]


def ask(client: httpx.Client, times: int) -> list[httpx.Response]:
    return [client.get("/sessions/count") for _ in range(times)]


def test_a_rate_allows_each_process_a_burst_of_one_second(new_key: NewKey) -> None:
    key, other = new_key(limits=Limits(rate=5)), new_key()
    answers = ask(key.client, 60)
    allowed = [answer for answer in answers if answer.status_code == 200]
    assert 5 * WORKERS <= len(allowed) < 60
    [refused, *_] = [answer for answer in answers if answer.status_code == 429]
    assert_refused(refused, "This key may make 5 requests per second")
    assert {answer.status_code for answer in ask(other.client, 20)} == {200}
    eventually(lambda: ask(key.client, 1)[0].status_code == 200, "there are tokens again")


def test_a_rate_counts_every_request_of_the_key(new_key: NewKey, server: WebServer) -> None:
    """Also those that fail, and those with another scope; not those with a token that is not valid."""
    key = new_key(Scope.READ, limits=Limits(rate=NEVER))
    wrong = f"kato_{key.id}_{43 * '0'}"
    with httpx.Client(base_url=server.url) as client:  # one connection, so one process
        assert client.get("/sessions/count", headers=bearer(wrong)).status_code in (401, 429)
        assert client.post("/sessions", headers=bearer(key.token)).status_code == 403
        assert_refused(client.get("/sessions/count", headers=bearer(key.token)), "requests per second")
        new = client.get("/sessions/count", headers={**bearer(key.token), **asking(NEW)})
        assert (new.status_code, new.json()["error"]["code"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert int(new.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("chunked", [False, True])
def test_bytes_per_minute(chunked: bool, new_key: NewKey, server: WebServer, database: psycopg.Connection) -> None:
    key = new_key(limits=Limits(bytes_per_minute=2000 * WORKERS))
    session_id = create_session(key.client, "bytes")
    body = b'{"strings":["%b"]}' % (600 * b"x")
    headers = {"Content-Type": "application/json", **bearer(key.token)}
    with httpx.Client(base_url=server.url, headers=headers) as client:

        def send() -> httpx.Response:
            content: Any = iter([body]) if chunked else body
            return client.post(f"/sessions/{session_id}/observe", content=content)

        answers = [send() for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 3
        assert_refused(answers[-1], f"This key may send {2000 * WORKERS} bytes per minute")
        # Requests without a body are free.
        assert client.get(f"/sessions/{session_id}/stm").json()["length"] == 3


def living(database: psycopg.Connection, key: Key) -> int:
    query = "SELECT count(*) FROM sessions_app_session WHERE key_id = %s AND expires_at > now()"
    [number] = database.execute(query, [key.id]).fetchone() or (0,)
    return int(number)


def test_the_quota_of_sessions_is_exact_however_many_come_at_once(
    new_key: NewKey, database: psycopg.Connection
) -> None:
    key = new_key(limits=Limits(sessions=7))
    answers = at_once([lambda: key.client.post("/sessions", json={"node_id": "quota"})] * 24)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 17
    [refused, *_] = [answer for answer in answers if answer.status_code == 429]
    assert_refused(refused, "This key may have 7 sessions at a time")
    assert living(database, key) == 7


def test_a_session_that_ends_makes_room(new_key: NewKey, operator: Key, database: psycopg.Connection) -> None:
    key = new_key(limits=Limits(sessions=2))
    first, second = (create_session(key.client, "quota") for _ in range(2))
    create_session(operator.client, "quota")  # of another key
    assert key.client.post("/sessions", json={"node_id": "quota"}).status_code == 429
    new = key.client.post("/sessions", json={"node_id": "quota"}, headers=asking(NEW))
    assert (new.status_code, new.json()["error"]["code"]) == (429, "SESSION_LIMIT_EXCEEDED")
    key.client.delete(f"/sessions/{first}").raise_for_status()
    create_session(key.client, "quota")
    database.execute("UPDATE sessions_app_session SET expires_at = now() WHERE id = %s", [second])
    create_session(key.client, "quota")
    assert key.client.post("/sessions", json={"node_id": "quota"}).status_code == 429
    assert living(database, key) == 2


def test_a_refused_creation_may_be_repeated_with_its_idempotency_key(new_key: NewKey) -> None:
    key = new_key(limits=Limits(sessions=1))
    first = create_session(key.client, "quota")

    def create() -> httpx.Response:
        return key.client.post("/sessions", json={"node_id": "quota"}, headers={"Idempotency-Key": "again"})

    assert create().status_code == 429
    key.client.delete(f"/sessions/{first}").raise_for_status()
    assert create().status_code == 200


@pytest.fixture
def idle_worker(worker: Worker) -> Iterator[None]:
    """No job ends meanwhile."""
    with paused(worker.pid):
        yield


def test_the_quota_of_jobs_is_exact_however_many_come_at_once(new_key: NewKey, idle_worker: None) -> None:
    key = new_key(limits=Limits(jobs=3))
    session_id = create_session(key.client, "quota")
    body = {"observations": observations("a")}

    def train_one() -> httpx.Response:
        return key.client.post("/jobs", json=training("quota", [[["a"]]]))

    def observe_one() -> httpx.Response:
        return key.client.post(f"/sessions/{session_id}/observe-sequence", params={"mode": "async"}, json=body)

    answers = at_once([train_one, observe_one] * 8)
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 13
    [refused, *_] = [answer for answer in answers if answer.status_code == 429]
    assert_refused(refused, "This key may have 3 jobs at a time")
    new = key.client.post("/jobs", json=training("quota", [[["a"]]]), headers=asking(NEW))
    assert (new.status_code, new.json()["error"]["code"]) == (429, "JOB_LIMIT_EXCEEDED")
    assert key.client.get("/jobs").json()["total"] == 3


def test_a_job_that_is_taken_up_again_counts_again(new_key: NewKey, idle_worker: None) -> None:
    key = new_key(limits=Limits(jobs=1))
    first = train(key.client, "quota", [[["a"]]])
    key.client.delete(f"/jobs/{first['job_id']}").raise_for_status()
    second = train(key.client, "quota", [[["a"]]])
    assert_refused(key.client.post(f"/jobs/{first['job_id']}/retry"), "1 jobs at a time")
    # An unfinished job is not taken up again: it stays as it is.
    assert key.client.post(f"/jobs/{second['job_id']}/retry").json()["state"] == "waiting"


def cancelled_job(key: Key) -> str:
    job_id: str = train(key.client, "quota", [[["a"]]])["job_id"]
    key.client.delete(f"/jobs/{job_id}").raise_for_status()
    return job_id


def retry(by: Key, job_id: str) -> httpx.Response:
    return by.client.post(f"/jobs/{job_id}/retry")


def unfinished(key: Key, database: psycopg.Connection) -> int:
    query = "SELECT count(*) FROM sessions_app_job WHERE key_id = %s AND state IN ('waiting', 'running')"
    [number] = database.execute(query, [key.id]).fetchone() or (0,)
    return int(number)


def test_a_retry_counts_for_the_key_that_created_the_job_whoever_asks(new_key: NewKey, idle_worker: None) -> None:
    key, administrator = new_key(limits=Limits(jobs=1)), new_key(Scope.ADMIN, limits=Limits(jobs=1))
    job_id = cancelled_job(key)
    # The administrator has as many jobs as it may have, and this one is not its own.
    train(administrator.client, "quota", [[["a"]]])
    assert retry(administrator, job_id).json()["state"] == "waiting"
    key.client.delete(f"/jobs/{job_id}").raise_for_status()
    train(key.client, "quota", [[["a"]]])
    assert_refused(retry(administrator, job_id), f"Key {key.id} may have 1 jobs at a time")
    assert key.client.get(f"/jobs/{job_id}").json()["state"] == "cancelled"


def test_the_quota_of_jobs_is_exact_when_several_callers_retry_at_once(
    new_key: NewKey, operator: Key, idle_worker: None, database: psycopg.Connection
) -> None:
    key = new_key(limits=Limits(jobs=3))
    job_ids = [cancelled_job(key) for _ in range(12)]
    callers = [key, operator] * 6
    answers = at_once([partial(retry, by, job_id) for by, job_id in zip(callers, job_ids, strict=True)])
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 9
    assert unfinished(key, database) == 3


def test_a_job_that_ends_while_its_retry_begins_counts(
    new_key: NewKey, idle_worker: None, database: psycopg.Connection
) -> None:
    """The retry finds the job waiting. Before it changes it, the job is cancelled and another one takes its place."""
    key = new_key(limits=Limits(jobs=1))
    other_id, job_id = cancelled_job(key), train(key.client, "quota", [[["a"]]])["job_id"]
    end = "UPDATE sessions_app_job SET state = 'cancelled', finished_at = now() WHERE id = %s"
    begin = "UPDATE sessions_app_job SET state = 'waiting', finished_at = NULL WHERE id = %s"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database.info.dsn) as ending:
        ending.execute("SELECT FROM sessions_app_job WHERE id = %s FOR UPDATE", [job_id])
        retried = pool.submit(retry, key, job_id)
        waiting = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        eventually(lambda: database.execute(waiting, [ending.info.backend_pid]).rowcount == 1, "the retry waits")
        ending.execute(end, [job_id])
        ending.execute(begin, [other_id])
        ending.commit()
        assert_refused(retried.result(), "This key may have 1 jobs at a time")
    assert unfinished(key, database) == 1


def test_a_job_that_ends_makes_room(new_key: NewKey, worker: Worker) -> None:
    key = new_key(limits=Limits(jobs=1))
    for _ in range(2):
        assert end_of(key.client, train(key.client, "quota", [[["a"]]]))["state"] == "done"
    session_id = create_session(key.client, "quota")
    job = start(key.client, f"/sessions/{session_id}/observe-sequence", {"observations": observations("a")})
    assert end_of(key.client, job)["state"] == "done"


def test_an_address_that_sends_wrong_tokens_has_to_wait_and_valid_keys_have_not(
    server: WebServer, new_key: NewKey, operator: Key
) -> None:
    wrong = [f"kato_{number:012}_{43 * '0'}" for number in range(120)]
    session_id = create_session(operator.client, "wrong")
    with fresh_connections(server.url) as client, ThreadPoolExecutor(8) as pool:

        def send(token: str) -> httpx.Response:
            return client.get(f"/sessions/{session_id}/stm", headers=bearer(token))

        answers = list(pool.map(send, wrong))
        assert {answer.status_code for answer in answers} == {401, 429}
        # Twenty in each process, and those that come back while it runs.
        assert 20 <= sum(answer.status_code == 401 for answer in answers) < 100
        assert_refused(next(one for one in answers if one.status_code == 429), "from this address")
        assert "X-Session-ID" not in answers[-1].headers
    assert operator.client.get(f"/sessions/{session_id}/stm").status_code == 200
    # A key that no process has met yet, and a new token of one that they have.
    new = new_key(Scope.READ)
    assert [one.status_code for one in ask(new.client, WORKERS * 3)] == [200] * WORKERS * 3
    rotated = operations.rotate(key=new.id, overlap=timedelta(0))
    with fresh_connections(server.url) as client:
        client.headers.update(bearer(rotated.token))
        assert [one.status_code for one in ask(client, WORKERS * 3)] == [200] * WORKERS * 3


def test_the_rate_of_an_address_holds_without_keys_too(server: WebServer) -> None:
    environment = {"KATO_ACCESS": "open", "KATO_RATE_PER_ADDRESS": "0.02", "KATO_WORKERS": "1"}
    with WebServer(workers=1, **environment) as strict:
        # Its start has used up what this address may do.
        for path in ("/sessions/count", "/status"):
            assert_refused(httpx.get(f"{strict.url}{path}"), "Too many requests from this address")
        for path in HEALTH:
            assert httpx.get(f"{strict.url}{path}").status_code == 200


def test_health_is_open_whatever_a_key_has_used_up(new_key: NewKey) -> None:
    """Otherwise a load balancer that asks with a key would take the service for dead."""
    key = new_key(Scope.MONITOR, limits=Limits(rate=NEVER))
    for path in HEALTH:
        assert {key.client.get(path).status_code for _ in range(WORKERS * 4)} == {200}
    # Nor do these requests use up anything.
    assert key.client.get("/status").status_code == 200
