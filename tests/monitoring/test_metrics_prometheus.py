"""`/metrics-prom`: the text format of Prometheus, for all processes of an instance."""

import re

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.stack import WebServer
from foundation.metrics.requests import path_of
from katoproject.configuration.environment import PROJECT_DIR
from tests.support.sessions import LiveSession


def scrape(url: str) -> dict[str, Metric]:
    response = httpx.get(f"{url}/metrics-prom", timeout=30)
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels."""
    return sum(
        found.value
        for family in families.values()
        for found in family.samples
        if found.name == sample and labels.items() <= found.labels.items()
    )


def test_requests_are_counted_once_in_whichever_process(server: WebServer) -> None:
    route = {"method": "POST", "path": "/sessions", "status": "2xx"}
    before = scrape(server.url)
    for _ in range(24):  # each on a connection of its own
        httpx.post(f"{server.url}/sessions", json={"node_id": "prom"})
    after = scrape(server.url)

    def added(sample: str, **labels: str) -> float:
        return value(after, sample, **labels) - value(before, sample, **labels)

    assert added("kato_request_duration_seconds_count", **route) == 24
    assert added("kato_request_duration_seconds_bucket", **route, le="+Inf") == 24
    assert added("kato_request_duration_seconds_sum", **route) > 0
    assert added("kato_session_operations_total", operation="create") == 24
    assert added("kato_postgresql_duration_seconds_count", store="sessions") >= 24


def test_acts_on_patterns_are_counted_once_they_are_committed(server: WebServer) -> None:
    names = ["0" * 40, "1" * 40]
    before = scrape(server.url)
    with httpx.Client(base_url=server.url) as client:
        session = LiveSession.create(client, "counted acts")
        session.post("patterns/retire", {"pattern_ids": names})
        session.post("patterns/retire", {"pattern_ids": names})
        session.post("patterns/purge", {"pattern_ids": [names[0]]})
        session.post("patterns/un-retire", {"pattern_ids": names})
    after = scrape(server.url)

    def added(sample: str, **labels: str) -> float:
        return value(after, sample, **labels) - value(before, sample, **labels)

    acts = {"retired": 2, "purged": 1, "un-retired": 2}
    assert {act: added("kato_pattern_acts_total", act=act) for act in acts} == acts
    assert added("kato_session_operations_total", operation="retire") == 2


def test_paths_are_routes_whatever_is_asked_for(server: WebServer) -> None:
    """Otherwise any client could create an unlimited number of series."""
    before = scrape(server.url)
    for path in ("/nowhere", "/no/such/thing", "/sessions/unknown/nothing", "/sessions/unknown/stm"):
        httpx.get(f"{server.url}{path}")
    httpx.request("BREW", f"{server.url}/coffee")
    after = scrape(server.url)
    name = "kato_request_duration_seconds_count"
    expected = {("GET", "other"): 3, ("other", "other"): 1, ("GET", "/sessions/{session_id}/stm"): 1}
    for (method, path), number in expected.items():
        labels = {"method": method, "path": path, "status": "4xx"}
        assert value(after, name, **labels) - value(before, name, **labels) == number
    paths = {found.labels["path"] for found in after["kato_request_duration_seconds"].samples}
    assert not [path for path in paths if "unknown" in path or "nowhere" in path or "coffee" in path]


def test_live_values_are_reported_for_every_process(server: WebServer) -> None:
    families = scrape(server.url)
    pids = {found.labels["pid"] for found in families["kato_process_memory_bytes"].samples}
    assert pids == {str(pid) for pid in server.worker_pids}
    assert value(families, "kato_workers") == 4
    assert value(families, "kato_requests_in_flight") >= 1
    assert value(families, "kato_instance_info") == 1


def test_every_metric_is_explained(server: WebServer) -> None:
    families = scrape(server.url)
    text = (PROJECT_DIR / "docs" / "monitoring.md").read_text()
    documented = set(re.findall(r"^\| `(kato_\w+)` \| (?:counter|gauge|histogram|summary) ", text, re.MULTILINE))
    told = {f"{name}_total" if family.type == "counter" else name for name, family in families.items()}
    assert told <= documented
    assert documented - told <= {
        *("kato_idempotent_replays_total", "kato_cache_reads_total", "kato_cache_writes_total"),
        *("kato_sessions_active", "kato_sessions_expired_left", "kato_cleanup_lag_seconds", "kato_queue_length"),
        *("kato_cpu_usage_percent", "kato_memory_usage_percent", "kato_disk_usage_percent"),
        "kato_sampled_time_seconds",
        *("kato_jobs_waiting", "kato_jobs_running", "kato_job_lag_seconds", "kato_upkeep_total"),
    }, "told only where there is something to tell"
    for family in families.values():
        assert family.documentation


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("", "/"),
        ("sessions/<str:session_id>/observe", "/sessions/{session_id}/observe"),
        ("metrics/<metric_name>", "/metrics/{metric_name}"),
        ("^sessions/(?P<session_id>[^/]+)/.*$", "other"),
        (None, "other"),
    ],
)
def test_the_name_of_a_route(route: str | None, path: str) -> None:
    assert path_of(route) == path


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("method", "path", "stores"),
    [
        ("GET", "/sessions/count", {"sessions"}),
        ("GET", "/patterns/count", {"patterns"}),
        ("GET", "/jobs", set()),
    ],
)
def test_statements_are_counted_for_the_store_they_are_about(
    server: WebServer, method: str, path: str, stores: set[str]
) -> None:
    name = "kato_postgresql_duration_seconds_count"
    before = scrape(server.url)
    for _ in range(50):
        httpx.request(method, f"{server.url}{path}").raise_for_status()
    after = scrape(server.url)
    # The sampler sends statements from time to time, too.
    asked = {
        one
        for one in ("sessions", "patterns", "vectors")
        if value(after, name, store=one) - value(before, name, store=one) >= 50
    }
    assert asked == stores
