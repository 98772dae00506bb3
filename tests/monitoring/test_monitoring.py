"""The monitoring routes: their shapes, and the history behind them (http.md 1.4)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from benchmarks.stack import WebServer, eventually, manage
from katoproject.monitoring.series import SERIES
from katoproject.monitoring.snapshot import RequestCount, Shared, Snapshot, StoreCount
from tests.support.races import at_once
from tests.support.sessions import NewSession, observe

NAMES_OF_KATO = {
    *("kato_cpu_usage_percent", "kato_memory_usage_percent", "kato_memory_usage_bytes", "kato_disk_usage_percent"),
    *("load_average_1m", "kato_requests_total", "kato_request_duration_seconds", "kato_errors_total"),
    *("sessions_created", "sessions_deleted", "session_operations"),
    *(f"{store}_{what}" for store in ("clickhouse", "qdrant", "redis") for what in ("operations", "response_time")),
    *(f"{store}_errors" for store in ("clickhouse", "qdrant", "redis")),
}
PROCESSORS = {"total_processors", "max_processors", "eviction_ttl_seconds", "processors", "process"}


def test_status(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(node_id="status-node")
    observe(client, session_id, "a", "b")  # a node that never learned has no index
    assert client.post(f"/sessions/{session_id}/learn").status_code == 200
    assert client.get(f"/sessions/{session_id}/predictions").status_code == 200
    status = client.get("/status").json()
    assert (status["status"], status["base_processor_id"], status["version"]) == ("healthy", "kato", "3.10.1")
    assert status["uptime_seconds"] > 0
    assert status["sessions"]["backend"] == "postgresql"
    assert "redis_url" not in status["sessions"]
    assert set(status["processors"]) >= PROCESSORS
    [processor] = [one for one in status["processors"]["processors"] if one["node_id"] == "status-node"]
    assert processor["processor_id"] == "status_node_kato"
    assert processor["access_count"] == 1
    assert processor["idle_seconds"] >= 0


@pytest.mark.usefixtures("steady_count")
def test_status_counts_sessions_exactly(client: httpx.Client, new_session: NewSession) -> None:
    """R29: KATO counts the locks of one process."""
    before = client.get("/status").json()["sessions"]
    assert before["total_sessions"] == before["active_sessions"] + before["expired_sessions"]
    session_ids = [new_session() for _ in range(3)]
    client.delete(f"/sessions/{session_ids[0]}")
    after = client.get("/status").json()["sessions"]
    assert after["active_sessions"] == before["active_sessions"] + 2
    assert after["active_sessions"] == client.get("/sessions/count").json()["active_session_count"]


def test_concurrency(client: httpx.Client) -> None:
    answer = client.get("/concurrency").json()
    assert answer["status"] == "healthy"
    assert answer["current"]["concurrent_requests"] >= 1, "this very request"
    assert answer["peak"]["concurrent_requests"] >= answer["current"]["concurrent_requests"]
    assert answer["limits"] == {
        "per_worker": 8,
        "warning_threshold": 80,
        "critical_threshold": 95,
        "total_capacity": 32,
    }
    assert answer["configuration"] == {"workers": 4, "backlog": 2048, "max_requests": "unlimited"}
    [recommendation] = answer["recommendations"]
    assert set(recommendation) == {"level", "message"}
    assert answer["timestamp"].endswith("+00:00")


def test_metrics(client: httpx.Client) -> None:
    metrics = client.get("/metrics").json()
    assert {"total_created", "total_deleted", "active", "operations_total"} <= set(metrics["sessions"])
    performance = {"total_requests", "total_errors", "error_rate", "average_response_time"}
    assert set(metrics["performance"]) == performance
    assert set(metrics["rates"]) == {"requests_per_second", "requests_per_minute", "errors_per_minute"}
    assert set(metrics["databases"]) == {"clickhouse", "qdrant", "redis", "postgresql"}
    for store in metrics["databases"].values():
        assert set(store) == {"operations", "errors", "avg_response_time"}
    assert set(metrics["resources"]) == {"cpu_percent", "memory_percent", "disk_percent"}
    assert all(0 <= percent <= 100 for percent in metrics["resources"].values())
    assert set(metrics["processor_manager"]) >= PROCESSORS
    assert isinstance(metrics["timestamp"], float)
    assert metrics["error"] is None


def test_five_parallel_metrics(server: WebServer) -> None:
    answers = at_once([lambda: httpx.get(f"{server.url}/metrics", timeout=30)] * 5)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all(answer.json()["active_sessions"] is not None for answer in answers)


def test_cache_stats(client: httpx.Client) -> None:
    stats = client.get("/cache/stats").json()
    performance = stats["cache_performance"]
    assert {
        *("hit_rate_percent", "cache_hits", "cache_misses", "patterns_in_cache", "symbols_in_cache"),
        *("patterns_cached_total", "symbols_cached_total", "redis_memory_used_mb", "uptime_seconds"),
        "requests_per_second",
    } <= set(performance)
    assert performance["redis_memory_used_mb"] > 0
    assert stats["cache_health"] == {"status": "healthy", "redis_connected": True, "cache_stats": performance}


def test_distributed_stm_is_disabled(client: httpx.Client) -> None:
    """D33."""
    answer = client.get("/distributed-stm/stats").json()
    assert (answer["status"], answer["distributed_stm_enabled"]) == ("disabled", False)
    assert answer["reason"]


def test_connection_pools(client: httpx.Client) -> None:
    pools = client.get("/connection-pools").json()
    assert (pools["status"], pools["error"]) == ("healthy", None)
    assert set(pools["health"]) == {"redis", "qdrant", "clickhouse", "postgresql"}
    for health in pools["health"].values():
        assert {"healthy", "last_check", "error_count", "last_error", "response_time_ms"} <= set(health)
        assert (health["healthy"], health["last_error"]) == (True, None)
    postgresql = pools["pool_statistics"]["postgresql"]
    assert 1 <= postgresql["connections"] < postgresql["max_connections"]
    assert pools["pool_statistics"]["redis"]["max_connections"] == 64


def test_the_deprecated_node_level_routes_are_empty_and_say_what_to_use(client: httpx.Client) -> None:
    percept = client.get("/percept-data", headers={"X-Node-ID": "p-1"}).json()
    assert (percept["percept_data"], percept["node_id"]) == ({}, "p_1_kato")
    assert "/sessions/{session_id}/percept-data" in percept["warning"]
    cognition = client.get("/cognition-data", params={"node_id": "c"}).json()
    lists = ("predictions", "symbols", "path", "strings", "vectors", "short_term_memory")
    expected: dict[str, Any] = {"emotives": {}, "command": "", "metadata": {}}
    assert cognition["cognition_data"] == expected | {key: [] for key in lists}
    assert cognition["node_id"] == "c_kato"
    assert "/sessions/{session_id}/cognition-data" in cognition["warning"]


@pytest.mark.parametrize("path", ["/stats", "/metrics/sessions_created"])
@pytest.mark.parametrize("minutes", ["0", "-1", "many", "1.5", "%00"])
def test_bad_minutes_are_a_422(client: httpx.Client, path: str, minutes: str) -> None:
    response = client.get(f"{path}?minutes={minutes}")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "minutes"]


@pytest.mark.parametrize("name", ["no_such_metric", "QDRANT_RESPONSE_TIME", "a b'c%2Fd"])
def test_a_metric_without_data_is_a_404_that_says_so(client: httpx.Client, name: str) -> None:
    response = client.get(f"/metrics/{name}?minutes=3")
    if "%2F" in name:
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"}), "no such route"
        return
    assert response.status_code == 404
    assert response.json() == {"detail": f"No data available for metric '{name}' in the last 3 minutes"}


def test_the_sampler_keeps_what_is_counted(client: httpx.Client) -> None:
    def sampled() -> bool:
        return client.get("/metrics/sessions_active").status_code == 200

    eventually(sampled, "a sample is kept")
    stats = client.get("/stats").json()
    assert set(stats["time_series"]) >= NAMES_OF_KATO
    assert len(NAMES_OF_KATO) == 20
    assert set(stats["time_series"]) == set(SERIES)
    assert stats["error"] is None
    assert set(stats["summary"]) == {"sessions", "performance", "resources", "databases"}
    assert set(stats["processor_manager"]) >= PROCESSORS
    assert set(stats["current_status"]) == {"status", "issues", "metrics", "timestamp"}
    assert set(stats["current_status"]["metrics"]) == {"cpu_percent", "memory_percent", "error_rate_per_min"}
    for point in stats["time_series"]["kato_memory_usage_percent"]:
        assert set(point) == {"timestamp", "value", "labels"}
        assert 0 <= point["value"] <= 100
    assert client.get("/health").json()["last_collection"] > time.time() - 60


@pytest.fixture
def past(database: psycopg.Connection) -> Iterator[Callable[..., None]]:
    """Insert a past sample of an instance of this test's own: `past(minutes=5, created=7)`."""

    def put(
        *,
        minutes: float,
        created: int = 0,
        started_at: float = 1.0,
        requests: Any = (),
        lag: float | None = None,
    ) -> None:
        at = time.time() - 60 * minutes
        counts = [RequestCount(method=m, path=p, status=s, count=n, seconds=sec) for m, p, s, n, sec in requests]
        taken = Snapshot(
            instance="elsewhere",
            started_at=started_at,
            at=at,
            requests=counts,
            session_operations={"create": created},
            cache={"stm": {"hit": 3 * created, "miss": created}},
            stores={"redis": StoreCount(operations=created, seconds=0.5 * created)},
            shared=Shared(job_lag_seconds=lag),
        )
        database.execute(
            "INSERT INTO monitoring_sample (at, instance, snapshot) VALUES (to_timestamp(%s), %s, %s)",
            [at, "elsewhere", Jsonb(taken.model_dump())],
        )

    yield put
    database.execute("DELETE FROM monitoring_sample WHERE instance = 'elsewhere'")


def elsewhere(client: httpx.Client, name: str, minutes: int) -> list[dict[str, Any]]:
    response = client.get(f"/metrics/{name}", params={"minutes": minutes})
    points = response.json()["data_points"] if response.status_code == 200 else []
    return [point for point in points if point["labels"]["instance"] == "elsewhere"]


def test_after_a_day_one_sample_an_hour_is_left_and_the_totals_stay_right(
    client: httpx.Client, past: Callable[..., None]
) -> None:
    """The instance restarted within the hour: the last sample of each run stays, with the highest lag."""
    into_the_hour = time.time() % 3600 / 60
    hour = into_the_hour + 26 * 60  # it began so many minutes ago
    for minute, created, lag in ((1, 3, 5.0), (20, 4, 90.0), (29, 6, None)):
        past(minutes=hour - minute, created=created, lag=lag)
    for minute, created, lag in ((31, 1, 7.0), (59, 2, 0.0)):
        past(minutes=hour - minute, created=created, lag=lag, started_at=2.0)
    past(minutes=into_the_hour + 23 * 60, created=9, started_at=2.0)  # ended less than a day ago
    assert manage("upkeep", "roll-up-samples") == "roll-up-samples: 3\n"
    assert manage("upkeep", "roll-up-samples") == "roll-up-samples: 0\n"
    assert [point["value"] for point in elsewhere(client, "sessions_created", 2000)] == [6, 2, 9]
    assert [point["value"] for point in elsewhere(client, "job_lag_seconds", 2000)] == [90, 7]


def test_minutes_are_minutes(client: httpx.Client, past: Callable[..., None]) -> None:
    """Q12: KATO treats them as seconds."""
    past(minutes=8, created=5)
    past(minutes=4, created=9)
    assert [point["value"] for point in elsewhere(client, "sessions_created", 10)] == [5, 9]
    assert [point["value"] for point in elsewhere(client, "sessions_created", 5)] == [9]
    assert elsewhere(client, "sessions_created", 3) == []


def test_requests_have_a_point_for_each_route_that_was_asked_for(
    client: httpx.Client, past: Callable[..., None]
) -> None:
    create, read = ("POST", "/sessions"), ("GET", "/sessions/{session_id}/stm")
    past(minutes=3, requests=[(*create, "2xx", 10, 1.0), (*read, "2xx", 5, 1.0)])
    past(minutes=2, requests=[(*create, "2xx", 14, 3.0), (*create, "5xx", 1, 2.0), (*read, "2xx", 5, 1.0)])
    labels = {"method": "POST", "path": "/sessions", "instance": "elsewhere"}
    *_, total = elsewhere(client, "kato_requests_total", 10)
    assert (total["value"], total["labels"]) == (15, labels)
    [*_, duration] = elsewhere(client, "kato_request_duration_seconds", 10)
    assert (duration["value"], duration["labels"]) == (pytest.approx(4.0 / 5), labels), "of what came in between"
    [error] = elsewhere(client, "kato_errors_total", 10)
    assert (error["value"], error["labels"]) == (1, labels)


def test_differences_start_again_at_zero_with_the_service(client: httpx.Client, past: Callable[..., None]) -> None:
    past(minutes=3, created=100)
    past(minutes=2, created=4, started_at=2.0)
    past(minutes=1, created=8, started_at=2.0)
    assert [point["value"] for point in elsewhere(client, "redis_response_time", 10)] == [0.5, 0.5, 0.5]
    assert [point["value"] for point in elsewhere(client, "cache_hit_ratio", 10)] == [0.75, 0.75, 0.75]


def test_a_sample_of_an_earlier_release_is_read(client: httpx.Client, database: psycopg.Connection) -> None:
    at = time.time() - 60
    small = {"instance": "elsewhere", "started_at": 1.0, "at": at, "what_there_is_no_more": {}}
    insert = "INSERT INTO monitoring_sample (at, instance, snapshot) VALUES (to_timestamp(%s), 'elsewhere', %s)"
    database.execute(insert, [at, Jsonb(small)])
    assert [point["value"] for point in elsewhere(client, "sessions_created", 10)] == [0]
    assert client.get("/stats").status_code == 200
    database.execute("DELETE FROM monitoring_sample WHERE instance = 'elsewhere'")


def test_a_long_window_is_thinned_out_and_keeps_its_ends(client: httpx.Client, past: Callable[..., None]) -> None:
    for number in range(600):
        past(minutes=101 - number / 6, created=number)
    values = [point["value"] for point in elsewhere(client, "sessions_created", 120)]
    assert 60 < len(values) <= 121
    assert values == sorted(values)
    assert values[-1] == 599
