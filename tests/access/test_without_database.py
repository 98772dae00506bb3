"""While PostgreSQL does not answer: the routes that must respond judge by the keys that the process remembers."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from benchmarks.stack import WebServer, eventually, manage, paused
from katoproject.server.paths import ALWAYS_ANSWERED
from tests.access.keys import bearer
from tests.support.fragile import Fragile
from tests.support.prepared import own_stores

OPEN = {"/health", "/health/ready"}
JUDGED = sorted(ALWAYS_ANSWERED - OPEN)
pytestmark = pytest.mark.long

SLOTS = 8  # KATO_LIMIT_CONCURRENCY
UNKNOWN = f"kato_000000000000_{43 * '0'}"


@pytest.fixture(scope="module")
def fragile(folder: Path) -> Iterator[Fragile]:
    """A service with one process, all of whose parts a test may stop."""
    stores = own_stores(folder / "data")
    run = folder / "data" / "run"
    database, redis = f"postgresql://kato@/kato?host={run}", f"unix://{run / 'redis.sock'}"
    web = WebServer(workers=1, DATABASE_URL=database, REDIS_URL=redis, KATO_ACCESS="keys", KATO_WORKERS="1")
    with stores, web:
        yield Fragile(stores, web)


def new_token(fragile: Fragile, *arguments: str) -> str:
    made = json.loads(manage("key", "create", f"key {len(arguments)}", *arguments, "--json", **fragile.environment))
    return str(made["token"])


@pytest.fixture(scope="module")
def token(fragile: Fragile) -> str:
    """Of a key that the process knows."""
    made = new_token(fragile, "--scope", "read", "--scope", "write", "--scope", "monitor")
    assert ask(fragile, "/sessions/count", made).status_code == 200
    return made


@pytest.fixture(scope="module")
def reader(fragile: Fragile, token: str) -> str:
    """Of another such key, with another scope."""
    made = new_token(fragile, "--scope", "read")
    assert ask(fragile, "/sessions/count", made).status_code == 200
    return made


def ask(fragile: Fragile, path: str, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else bearer(token)
    return httpx.get(f"{fragile.web.url}{path}", headers=headers, timeout=60)


@pytest.fixture
def stopped(fragile: Fragile, token: str, reader: str) -> Iterator[Fragile]:
    fragile.stores.stop_one("postgres")
    yield fragile
    fragile.stores.start_one("postgres")
    eventually(lambda: ask(fragile, "/sessions/count", token).status_code == 200, "the service works again")


def test_known_keys_are_judged_from_memory_where_that_must_do(stopped: Fragile, token: str, reader: str) -> None:
    for path in JUDGED:
        assert ask(stopped, path, token).status_code == 200, path
        assert ask(stopped, path).status_code == 401, path
        assert ask(stopped, path, "x").status_code == 401, path
        assert ask(stopped, path, reader).status_code == (200 if path == "/" else 403), path
        # Perhaps it was made a moment ago.
        undecided = ask(stopped, path, UNKNOWN)
        assert (undecided.status_code, undecided.headers["Retry-After"]) == (503, "1"), path
    for path in ("/sessions/count", "/sessions/x/stm", "/jobs", "/patterns/count", "/metrics/sessions_active"):
        assert ask(stopped, path, token).status_code == 503, path
        assert ask(stopped, path).status_code == 401, path
        assert ask(stopped, path, UNKNOWN).status_code == 503, path


def test_health_needs_neither_a_key_nor_the_database(stopped: Fragile, token: str) -> None:
    for key in (None, token, UNKNOWN, "x"):
        assert ask(stopped, "/health", key).status_code == 200
    assert ask(stopped, "/health/ready", UNKNOWN).status_code == 503


@pytest.mark.exhaustive
def test_a_process_that_has_never_read_the_keys_decides_nothing(fragile: Fragile, token: str) -> None:
    fragile.web.stop()
    fragile.stores.stop_one("postgres")
    try:
        fragile.web.start()
        assert ask(fragile, "/status", token).status_code == 503
        assert ask(fragile, "/sessions/count", token).status_code == 503
        assert ask(fragile, "/status").status_code == 401
        assert ask(fragile, "/health", token).status_code == 200
    finally:
        fragile.stores.start_one("postgres")
    eventually(lambda: ask(fragile, "/status", token).status_code == 200, "the keys are read")


@pytest.mark.exhaustive
def test_tokens_that_are_looked_up_do_not_keep_health_waiting(fragile: Fragile, token: str) -> None:
    """A frozen PostgreSQL keeps those who ask it waiting; they wait with a slot, and two threads stay free."""
    waiting = threading.Semaphore(0)
    answered: list[int] = []

    def look_up(number: int) -> None:
        waiting.release()
        answered.append(ask(fragile, "/sessions/count", f"kato_{number:012}_{43 * '0'}").status_code)

    threads = 24
    with paused(fragile.stores.running["postgres"].pid), ThreadPoolExecutor(threads) as pool:
        running = pool.map(look_up, range(threads))
        for _ in range(threads):
            waiting.acquire()
        eventually(
            lambda: ask(fragile, "/concurrency", token).json()["current"]["concurrent_requests"] > SLOTS,
            "all slots are taken",
        )
        assert ask(fragile, "/health").status_code == 200
        assert ask(fragile, "/status", token).status_code == 200
        assert len(answered) <= threads - SLOTS, "those with a slot still wait"
        list(running)
    assert set(answered) == {503}
