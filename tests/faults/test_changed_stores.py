"""Stores that change below a running service: their schema, their settings, their role, their network.

The addresses of both stores are IPv6 where this machine has it.
"""

import resource
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from redis import Redis

from benchmarks.stack import Stores, WebServer, Worker, eventually
from benchmarks.stack.proxy import Proxy, database_url, postgres_socket, proxying, redis_socket
from katoproject.celery import app
from katoproject.configuration.keepalive import IDLE
from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.configuration.redis_url import RedisServer
from tests.support.connections import fresh_connections
from tests.support.jobs import end_of, train
from tests.support.loopback import has_ipv6
from tests.support.races import at_once
from tests.support.raw_sockets import many_connected
from tests.support.readiness import part
from tests.support.sessions import create_session, observation, observe

pytestmark = pytest.mark.long

THREADS = 8
LOOPBACK = "::1" if has_ipv6() else "127.0.0.1"


@dataclass
class Stack:
    stores: Stores
    postgres: Proxy
    redis: Proxy
    web: WebServer
    log: Path


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with ExitStack() as opened:
        stores = opened.enter_context(Stores(folder / "data", private=True))
        parts = RedisServer.parse(redis_url(stores.data))
        postgres = opened.enter_context(proxying(postgres_socket(stores.data), host=LOOPBACK))
        cache = opened.enter_context(proxying(redis_socket(stores.data), host=LOOPBACK))
        addresses = {
            "DATABASE_URL": database_url(postgres),
            "REDIS_URL": f"redis://:{parts.password}@{cache.address}/0",
        }
        # One process: each finds out by itself.
        log = folder / "web.log"
        web = opened.enter_context(WebServer(workers=1, output=str(log), **addresses))
        yield Stack(stores, postgres, cache, web, log)


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.web.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def database(stack: Stack) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url(stack.stores.data), autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(stack: Stack) -> Iterator[Redis]:
    with redis.Redis.from_url(redis_url(stack.stores.data)) as connection:
        yield connection


@contextmanager
def changed(database: psycopg.Connection, change: str, back: str) -> Iterator[None]:
    database.execute(change)
    try:
        yield
    finally:
        database.execute(back)


def from_all_threads(stack: Stack, ask: Callable[[httpx.Client], httpx.Response]) -> list[int]:
    with fresh_connections(stack.web.url) as connected:
        return at_once([lambda: ask(connected).status_code] * 2 * THREADS)


def wait_for_all_threads(stack: Stack, database: psycopg.Connection) -> None:
    """Return when every thread has found out by itself that it must connect anew: all of them wait for one lock."""

    def until_answered(one: httpx.Client) -> httpx.Response:
        response = one.get("/sessions/unknown/stm")
        while response.status_code == 503:
            response = one.get("/sessions/unknown/stm")
        return response

    # Not counting the sampler, which may wait as well.
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WHERE id = %'"
    with ThreadPoolExecutor(1) as beside:
        with psycopg.connect(postgres_url(stack.stores.data)) as holder:
            holder.execute("LOCK TABLE sessions_app_session")
            answered = beside.submit(from_all_threads, stack, until_answered)
            eventually(lambda: database.execute(waiting).fetchone() == (THREADS,), "all threads wait for the lock")
        assert set(answered.result()) == {404}


# The schema ----------------------------------------------------------------------------------------------------------


def test_statements_prepared_before_a_migration_are_prepared_anew(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    """PostgreSQL refuses them for ever once a column that they return has another type."""
    column = "ALTER TABLE sessions_app_session ALTER COLUMN node_id TYPE"
    path = f"/sessions/{session_id}"
    asked: list[Callable[[httpx.Client], httpx.Response]] = [
        lambda one: one.get(f"{path}/stm"),
        lambda one: one.post(f"{path}/observe", json=observation("a")),
        lambda one: one.get("/sessions"),
    ]
    for ask in asked:
        assert set(from_all_threads(stack, ask)) == {200}
    with changed(database, f"{column} text", f'{column} varchar COLLATE "C"'):
        for ask in asked:
            assert set(from_all_threads(stack, ask)) == {200}
    for ask in asked:
        assert set(from_all_threads(stack, ask)) == {200}
    # Several statements in one transaction may fail once, and change nothing then.
    assert Counter(client.post(f"{path}/clear-stm").status_code for _ in range(5))[200] >= 4


def test_a_schema_of_another_version_is_a_503_not_a_500(
    client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    table = "ALTER TABLE sessions_app_session RENAME COLUMN"
    with changed(database, f"{table} content_bytes TO other", f"{table} other TO content_bytes"):
        answer = observe(client, session_id, "a")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert observe(client, session_id, "a").status_code == 200


def test_readiness_asks_for_a_migration_that_is_missing(client: httpx.Client, database: psycopg.Connection) -> None:
    row = "app = 'sessions_app' AND name = '0007_session_size'"
    with changed(
        database,
        f"DELETE FROM django_migrations WHERE {row}",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions_app', '0007_session_size', now())",
    ):
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert "sessions_app.0007_session_size; run `manage.py migrate`" in answer.json()["parts"]["database"]["error"]
    assert client.get("/health/ready").status_code == 200


# The settings --------------------------------------------------------------------------------------------------------

SETTINGS = {
    "DateStyle": "'SQL, DMY'",
    "TimeZone": "'Asia/Kathmandu'",
    "IntervalStyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "'serializable'",
    "client_encoding": "'LATIN1'",
    "search_path": "nowhere, public",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "statement_timeout": "500",  # milliseconds; it holds until the first statement has replaced it
    "plan_cache_mode": "'force_custom_plan'",
}


def dialogue(client: httpx.Client, node_id: str) -> list[Any]:
    """Answers without what differs each time."""
    session_id = create_session(client, node_id, metadata={"text": "\\'ü", "number": 1e20})
    path = f"/sessions/{session_id}"
    for number in (1, 2):
        observe(client, session_id, "ß\\'", f"a{number}", emotives={"joy": number / 3}, metadata={"k": "\\n"})
    answers = [client.get(f"{path}/stm"), client.get(f"{path}/percept-data"), client.post(f"{path}/learn")]
    observe(client, session_id, "a1", vectors=[[0.1, 1 / 3]])
    answers += [client.get(f"{path}/predictions"), client.get(f"{path}/config")]
    about = client.get(path).json()
    assert about["created_at"].endswith(("Z", "+00:00"))
    texts = [answer.text.replace(session_id, "ID").replace(node_id, "NODE") for answer in answers]
    return [[answer.status_code for answer in answers], texts, about["metadata"]]


def test_answers_do_not_depend_on_the_settings_of_the_role(
    stack: Stack, client: httpx.Client, database: psycopg.Connection
) -> None:
    expected = dialogue(client, "as ever")
    assert expected[0] == [200] * 5
    try:
        for name, value in SETTINGS.items():
            database.execute(f"ALTER ROLE kato SET {name} = {value}")
        connect_anew(stack, database)
        assert dialogue(client, "otherwise") == expected
    finally:
        database.execute("ALTER ROLE kato RESET ALL")
        connect_anew(stack, database)


def connect_anew(stack: Stack, database: psycopg.Connection) -> None:
    of_the_service = "application_name = 'kato' AND pid <> pg_backend_pid()"
    database.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {of_the_service}")
    wait_for_all_threads(stack, database)


# The network ---------------------------------------------------------------------------------------------------------


def test_a_firewall_that_forgets_all_connections_costs_a_process_one_wait(
    stack: Stack, client: httpx.Client, session_id: str
) -> None:
    """Nothing closes them. Each thread's connection alone would wait for six seconds, one request after the other."""
    assert set(from_all_threads(stack, lambda one: one.get(f"/sessions/{session_id}/stm"))) == {200}
    stack.postgres.forget()
    stack.redis.forget()
    statuses = Counter(client.get(f"/sessions/{session_id}/stm").status_code for _ in range(3 * THREADS))
    assert statuses[503] <= 1
    assert statuses[200] >= 3 * THREADS - 1


def test_idle_connections_are_kept_known_to_firewalls(stack: Stack) -> None:
    eventually(lambda: bool(part(stack.web.url, "redis")["ok"]), "what the test before has broken is replaced")
    [pid] = stack.web.worker_pids
    for port in (stack.postgres.port, stack.redis.port):
        eventually(lambda port=port: bool(kept_alive(pid, port)), "the connection is idle")  # type: ignore[misc]
        assert max(kept_alive(pid, port)) <= IDLE


def kept_alive(pid: int, port: int) -> list[float]:
    """Seconds until the kernel asks whether the other end of an idle connection to this port is still there."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, _, remote, _, _, timer, *_ = line.split()
            kind, _, jiffies = timer.partition(":")
            if remote.endswith(f":{port:04X}") and kind == "02":
                found.append(int(jiffies, 16) / 100)
    return found


# A standby that is missing -------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_a_commit_that_no_standby_confirms_is_a_503_and_holds_up_no_reads(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    """PostgreSQL lets it wait for ever, with its locks, whatever its client does."""
    reload = "SELECT pg_reload_conf()"
    database.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    database.execute(reload)
    try:
        eventually(lambda: not part(stack.web.url, "database")["ok"], "readiness notices")
        found = part(stack.web.url, "database")
        assert "no standby confirms commits" in found["error"]
        assert "ALTER SYSTEM RESET synchronous_standby_names" in found["error"]
        assert client.get("/health/ready").status_code == 200
        assert observe(client, session_id, "perhaps").status_code == 503
        assert client.get(f"/sessions/{session_id}/stm").status_code == 200
    finally:
        database.execute("ALTER SYSTEM RESET synchronous_standby_names")
        database.execute(reload)
    eventually(lambda: bool(part(stack.web.url, "database")["ok"]), "readiness notices")
    assert observe(client, session_id, "after").status_code == 200


# Redis ---------------------------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_a_worker_outlives_a_redis_that_is_a_replica_for_a_while(
    stack: Stack, client: httpx.Client, store: Redis
) -> None:
    with Worker(**stack.web.environment):
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers")
        store.replicaof("127.0.0.1", "1")
        try:
            for name in ("redis", "broker"):
                assert "read only replica" in part(stack.web.url, name)["error"]
            job = train(client, "meanwhile", [[["a"], ["b"]]])
            assert client.get("/health/ready").status_code == 200
        finally:
            store.replicaof("NO", "ONE")
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers again")
        assert end_of(client, train(client, "afterwards", [[["a"], ["b"]]]))["state"] == "done"
        assert client.get(f"/jobs/{job['job_id']}").json()["state"] == "waiting"  # for the relay


def test_a_redis_that_takes_no_writes_is_not_ready(stack: Stack, store: Redis) -> None:
    store.config_set("min-replicas-to-write", "1")
    try:
        assert "NOREPLICAS" in part(stack.web.url, "redis")["error"]
        assert "NOREPLICAS" in part(stack.web.url, "broker")["error"]
    finally:
        store.config_set("min-replicas-to-write", "0")
    assert part(stack.web.url, "redis")["ok"]


def test_a_message_whose_acknowledgement_redis_refuses_holds_no_place_of_the_worker(store: Redis, stack: Stack) -> None:
    """There are as many as it has processes: when all were held, it took no job until it was started anew."""
    url = stack.web.environment["REDIS_URL"]
    with app.connection_for_read(url) as connection, connection.SimpleQueue("refused") as queue:
        queue.consumer.qos(prefetch_count=1)
        for body in ("first", "second"):
            queue.put(body)
        first = queue.get(timeout=5)
        store.config_set("min-replicas-to-write", "1")
        try:
            with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
                first.ack()
        finally:
            store.config_set("min-replicas-to-write", "0")
        assert queue.get(timeout=5).payload == "second"


@pytest.mark.exhaustive
def test_a_worker_notices_soon_that_redis_has_forgotten_it(stack: Stack, client: httpx.Client) -> None:
    with Worker(**stack.web.environment):
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers")
        stack.redis.forget()
        eventually(lambda: bool(part(stack.web.url, "worker")["ok"]), "the worker answers again", seconds=40)
        train(client, "for the relay", [[["a"], ["b"]]])  # the web process, too, has been forgotten
        assert end_of(client, train(client, "forgotten", [[["a"], ["b"]]]))["state"] == "done"


# Files ---------------------------------------------------------------------------------------------------------------


def test_a_process_without_files_to_open_says_so_once_and_goes_on(
    stack: Stack, client: httpx.Client, session_id: str, database: psycopg.Connection
) -> None:
    [pid] = stack.web.worker_pids
    allowed = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    complaint = "The connections cannot be examined"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), allowed[1]))
    try:
        with many_connected(20, stack.web):
            eventually(lambda: complaint in stack.log.read_text(), "the log says why")
            # 503 in a thread that must connect to PostgreSQL anew, which is a file, too.
            assert client.get(f"/sessions/{session_id}/stm").status_code in (200, 503)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, allowed)
    wait_for_all_threads(stack, database)
    _, *told = stack.log.read_text().split(complaint)
    assert len(told) == 1
    assert "Traceback" not in told[0]
