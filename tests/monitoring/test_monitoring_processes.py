"""R29: every process reports the numbers of all, also of dead ones, and also while stores are down."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from benchmarks.stack import START_LIMIT, WebServer, Worker, eventually, paused
from foundation.metrics.folder import VARIABLE
from katoproject.configuration.locations import redis_password, redis_url
from katoproject.monitoring.snapshot import Snapshot
from sessions_app import cache
from tests.support.connections import fresh_connections, from_every_process
from tests.support.fragile import Fragile
from tests.support.jobs import end_of, train
from tests.support.prepared import own_stores
from tests.support.sessions import create_session, observation, observations
from tests.support.transactions import locked

PASSWORD = "s3cret-of-the-stores"
ALWAYS_ANSWERED = [
    *("/status", "/metrics", "/metrics-prom", "/stats", "/concurrency", "/cache/stats", "/connection-pools"),
    *("/distributed-stm/stats", "/health", "/"),
]


def store_urls(data: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgresql://kato:{PASSWORD}@/kato?host={data / 'run'}",
        "REDIS_URL": redis_url(data),
    }


@pytest.fixture(scope="module")
def watched(folder: Path) -> Iterator[Fragile]:
    """Four processes that cache no metrics, with stores of their own, whose URLs contain passwords."""
    stores = own_stores(folder / "data")
    with stores, WebServer(workers=4, METRICS_CACHE_TTL_SECONDS="0", **store_urls(folder / "data")) as web:
        yield Fragile(stores, web)


@pytest.fixture
def client(watched: Fragile) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=watched.web.url, timeout=60) as connected:
        yield connected


def totals(watched: Fragile) -> dict[str, Any]:
    """The `sessions` part of `/metrics`, on which all processes must agree."""
    said = [answer["sessions"] for answer in from_every_process(watched.web.url, "/metrics").values()]
    assert all(one == said[0] for one in said), said
    return dict(said[0])


def work(watched: Fragile, times: int) -> None:
    """Create, observe, learn, predict and delete in a session each time, every request on a new connection."""

    def once(number: int) -> None:
        with fresh_connections(watched.web.url) as client:
            session = f"/sessions/{create_session(client, f'work-{number}')}"
            for method, path, body in (
                ("POST", "/observe", observation("z")),
                ("POST", "/observe-sequence", {"observations": observations(*"abc"), "learn_at_end": True}),
                ("POST", "/observe", observation("a", "b")),
                ("GET", "/predictions", None),
                ("DELETE", "", None),
            ):
                response = client.request(method, session + path, json=body)
                assert response.status_code == 200, response.text

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(once, range(times)))


def added(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    flat_before, flat_after = before | before["operations"], after | after["operations"]
    return {name: flat_after[name] - flat_before[name] for name in flat_after if isinstance(flat_after[name], int)}


def test_every_process_reports_the_totals_of_all(watched: Fragile) -> None:
    before = totals(watched)
    work(watched, 20)
    difference = added(before, totals(watched))
    expected = {"create": 20, "delete": 20, "observe": 40, "observe_sequence": 20, "predict": 20, "learn": 0}
    assert expected.items() <= difference.items()
    assert difference["total_created"] == difference["total_deleted"] == 20
    assert difference["operations_total"] == 120
    assert (difference["observations"], difference["patterns_learned"]) == (100, 20)


def test_no_request_is_counted_twice_or_not_at_all(watched: Fragile) -> None:
    """A request is counted after its response, so the next response, from any process, shows one more."""
    with fresh_connections(watched.web.url) as client:
        counted = [client.get("/metrics").json()["performance"]["total_requests"] for _ in range(30)]
    assert counted == list(range(counted[0], counted[0] + 30))


def test_a_replay_is_a_request_and_no_operation(watched: Fragile, client: httpx.Client) -> None:
    before = totals(watched)
    for _ in range(3):
        client.post("/sessions", json={"node_id": "replayed"}, headers={"Idempotency-Key": "the-same"})
    assert added(before, totals(watched))["create"] == 1


def test_a_rolled_back_request_is_not_counted(watched: Fragile, client: httpx.Client) -> None:
    before = totals(watched)
    client.post("/sessions", json={"node_id": 1})
    client.post("/sessions/unknown/observe", json={"strings": ["a"]})
    client.delete("/sessions/unknown")
    assert not any(added(before, totals(watched)).values())


@pytest.mark.exhaustive
def test_the_work_of_background_workers_is_counted(watched: Fragile, client: httpx.Client) -> None:
    before = totals(watched)
    with Worker(**store_urls(watched.stores.data), **{VARIABLE: watched.web.counted_in}):
        job = train(client, "trained", [[["a"], ["b"], ["c"]]] * 7)
        assert end_of(client, job)["state"] == "done"
        difference = added(before, totals(watched))
        assert (difference["observations"], difference["patterns_learned"]) == (21, 7)
    assert totals(watched)["patterns_learned"] == before["patterns_learned"] + 7, "also when the worker is gone"


def test_requests_in_progress_are_reported_by_every_process(watched: Fragile, client: httpx.Client) -> None:
    """Requests that wait for one locked session take the slots of all processes."""
    session_id = create_session(client, "n")

    def concurrency() -> dict[str, Any]:
        answer: dict[str, Any] = client.get("/concurrency").json()
        return answer

    with (
        ThreadPoolExecutor(12) as pool,
        psycopg.connect(watched.database_url) as holder,
        locked(holder, session_id),
    ):
        for _ in range(12):
            pool.submit(httpx.post, f"{watched.web.url}/sessions/{session_id}/clear-stm", timeout=30)
        eventually(lambda: concurrency()["current"]["concurrent_requests"] >= 13, "all are under way", seconds=3)
        for answer in from_every_process(watched.web.url, "/concurrency").values():
            assert answer["current"]["concurrent_requests"] >= 13
            assert answer["current"]["utilization_percent"] >= 40
    eventually(lambda: concurrency()["current"]["concurrent_requests"] == 1, "only the question is under way")
    for answer in from_every_process(watched.web.url, "/concurrency").values():
        assert answer["peak"]["concurrent_requests"] >= 13


def test_cache_figures_are_those_of_all_processes(watched: Fragile, client: httpx.Client) -> None:
    def figures() -> dict[str, Any]:
        said = from_every_process(watched.web.url, "/cache/stats").values()
        views: dict[str, Any] = next(iter(said))["cache_performance"]["views"].get("stm", {})
        assert all(one["cache_performance"]["views"].get("stm", {}) == views for one in said)
        return {"hit": 0, "miss": 0, "write": 0} | views

    session_id = create_session(client, "cached")
    items = [observation(f"s{n}") for n in range(cache.WORTH_CACHING + 1)]
    client.post(f"/sessions/{session_id}/observe-sequence", json={"observations": items})
    before = figures()
    for _ in range(11):
        assert httpx.get(f"{watched.web.url}/sessions/{session_id}/stm").status_code == 200
    after = figures()
    assert {name: after[name] - before[name] for name in ("hit", "miss", "write")} == {"hit": 10, "miss": 1, "write": 1}


def test_invalidating_drops_our_entries_and_nothing_else(watched: Fragile, client: httpx.Client) -> None:
    def remembered(node_id: str) -> str:
        """A session with an STM and a prediction in the cache."""
        session_id = create_session(client, node_id)
        items = [observation(f"s{n}") for n in range(cache.WORTH_CACHING + 1)]
        client.post(f"/sessions/{session_id}/observe-sequence", json={"observations": items})
        client.get(f"/sessions/{session_id}/stm")
        client.get(f"/sessions/{session_id}/predictions")
        return session_id

    def invalidate(**query: str) -> tuple[int, int]:
        answer = client.post("/cache/invalidate", params=query).json()
        assert (answer["status"], answer["reason"], answer["session_id"]) == ("success", None, query.get("session_id"))
        return answer["symbols_invalidated"], answer["patterns_invalidated"]

    with redis.Redis.from_url(watched.redis_url) as store:
        foreign = {b"somebody", b"kato:sessions-of-somebody-else"}
        for name in foreign:
            store.set(name, "not ours")
        first, second = remembered("one"), remembered("two")
        assert invalidate(session_id=first) == (1, 1)
        assert invalidate(session_id=first) == (0, 0)
        assert invalidate(session_id="session-*") == (0, 0), "an id, not a pattern"
        assert list(store.scan_iter(f"kato:*:session:{first}:*")) == []
        stm = client.get(f"/sessions/{second}/stm").json()
        symbols, patterns = invalidate()
        assert (symbols >= 1, patterns >= 1) == (True, True)
        assert list(store.scan_iter("kato:*:session:*")) == []
        assert store.exists(*foreign) == len(foreign)
        assert client.get(f"/sessions/{second}/stm").json() == stm, "P3"


def test_no_answer_holds_a_secret(client: httpx.Client, watched: Fragile) -> None:
    """Q19: with stores that are up and with stores that are down."""

    def look() -> None:
        for path in (*ALWAYS_ANSWERED, "/health/ready", "/metrics/sessions_created", "/openapi.json"):
            response = client.get(path)
            for secret in (PASSWORD, redis_password(watched.stores.data)):
                assert secret not in response.text
                assert secret not in str(response.headers)
            assert "redis.sock" not in response.text or path == "/health/ready"

    look()
    watched.stores.kill("redis")
    watched.stores.kill("postgres")
    try:
        look()
    finally:
        watched.stores.start()
    recovers(client, watched)


def recovers(client: httpx.Client, watched: Fragile) -> None:
    eventually(lambda: client.get("/status").json()["status"] == "healthy", "the service recovers")
    eventually(lambda: client.get("/connection-pools").json()["status"] == "healthy", "the stores serve again")
    for path in ("/status", "/connection-pools"):
        from_every_process(watched.web.url, path)


def test_live_numbers_are_reported_without_a_database(client: httpx.Client, watched: Fragile) -> None:
    before = totals(watched)
    watched.stores.kill("postgres")
    try:
        for path in ALWAYS_ANSWERED:
            assert (path, client.get(path).status_code) == (path, 200)
        assert client.get("/status").json()["status"] == "degraded"
        assert client.get("/status").json()["sessions"]["active_sessions"] is None
        metrics = client.get("/metrics").json()
        assert metrics["sessions"]["total_created"] == before["total_created"]
        assert metrics["sessions"]["active"] is None
        stats = client.get("/stats").json()
        assert stats["error"]
        assert stats["time_series"]["sessions_created"] == []
        assert client.get("/connection-pools").json()["status"] == "error"
        history = client.get("/metrics/sessions_created")
        assert (history.status_code, history.json()) == (503, {"detail": "Metrics collector not available"})
        assert "Retry-After" in history.headers
        errors = client.get("/metrics").json()["databases"]["postgresql"]["errors"]
        assert errors > metrics["databases"]["postgresql"]["errors"] >= 1
    finally:
        watched.stores.start_one("postgres")
    recovers(client, watched)


def test_a_frozen_database_delays_monitoring_within_bounds(client: httpx.Client, watched: Fragile) -> None:
    with paused(watched.stores.running["postgres"].pid):
        begun = time.monotonic()
        threads = [threading.Thread(target=client.get, args=(path,)) for path in ALWAYS_ANSWERED * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Bounded, not fast: without a bound the waits for the database would add up to more than a minute.
        assert time.monotonic() - begun < 25
    recovers(client, watched)


@pytest.mark.exhaustive
def test_without_redis(client: httpx.Client, watched: Fragile) -> None:
    watched.stores.kill("redis")
    try:
        stats = client.get("/cache/stats").json()
        assert stats["cache_health"]["redis_connected"] is False
        assert stats["cache_performance"]["redis_memory_used_mb"] is None
        assert client.get("/connection-pools").json()["status"] == "degraded"
        refused = client.post("/cache/invalidate")
        assert refused.status_code == 500
        assert refused.json()["detail"].startswith("Cache invalidation failed: ")
        for path in ALWAYS_ANSWERED:
            assert (path, client.get(path).status_code) == (path, 200)
    finally:
        watched.stores.start_one("redis")
    recovers(client, watched)


@pytest.mark.exhaustive
def test_counts_of_dead_processes_remain_and_sampling_continues(watched: Fragile, client: httpx.Client) -> None:
    """This must be the last test: for half a minute the totals include an instance that it invents."""
    work(watched, 5)
    before, killed_at = totals(watched), time.time()
    pids = watched.web.worker_pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not set(watched.web.worker_pids) & set(pids), "the dead are replaced")
    eventually(watched.web.all_workers_answer, "the new ones answer", seconds=START_LIMIT)
    with httpx.Client(base_url=watched.web.url, timeout=30) as fresh:
        assert not any(added(before, totals(watched)).values())
        assert fresh.get("/concurrency").json()["current"]["concurrent_requests"] == 1
        assert fresh.get("/concurrency").json()["configuration"]["workers"] == 4

        # A sample of another instance on the same database.
        other = Snapshot(instance="elsewhere", started_at=1.0, at=time.time() + 15, session_operations={"create": 1000})
        with psycopg.connect(watched.database_url) as database:
            database.execute(
                "INSERT INTO monitoring_sample (at, instance, snapshot) VALUES (to_timestamp(%s), %s, %s)",
                [other.at, other.instance, Jsonb(other.model_dump())],
            )

        def sampled_since() -> bool:
            points = fresh.get("/metrics/kato_workers").json()["data_points"]
            return any(point["timestamp"] > killed_at and point["value"] == 4 for point in points)

        eventually(sampled_since, "another process samples")
        eventually(lambda: "elsewhere" in fresh.get("/metrics").json()["instances"], "the other instance is seen")
        assert totals(watched)["total_created"] == before["total_created"] + 1000
