"""A key that is bound to nodes sees what belongs to them, wherever something is listed or counted."""

from itertools import product
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer, Worker, eventually
from engine.naming import pattern_name
from foundation.callers import Scope
from tests.access.conftest import NewKey
from tests.access.keys import Key
from tests.support import jobs
from tests.support.jobs import end_of, train
from tests.support.listeners import Listener, listening
from tests.support.sessions import create_session, observations

ALL = (Scope.READ, Scope.WRITE, Scope.MONITOR)


def observe_and_learn(client: httpx.Client, session_id: str) -> None:
    body = {"observations": observations("ab", "c"), "learn_at_end": True}
    assert client.post(f"/sessions/{session_id}/observe-sequence", json=body).status_code == 200


@pytest.fixture(scope="module")
def mine(operator: Key) -> list[str]:
    """Sessions of `mine-1` and `mine-2`, beside others of `yours-1`; each node has learned, and predicted."""
    made = {node: create_session(operator.client, node) for node in ("mine-1", "yours-1", "mine-2", "yours-2")}
    for session_id in made.values():
        observe_and_learn(operator.client, session_id)
        for _ in range(8):  # in every process
            operator.client.get(f"/sessions/{session_id}/predictions")
    return [made["mine-1"], made["mine-2"]]


@pytest.fixture
def bound(new_key: NewKey, mine: list[str]) -> httpx.Client:
    return new_key(*ALL, nodes=["mine-"]).client


def test_sessions_are_listed_and_counted(bound: httpx.Client, mine: list[str], operator: Key) -> None:
    listed = bound.get("/sessions").json()
    assert [one["session_id"] for one in listed["sessions"]] == mine[::-1]
    assert listed["total"] == 2
    assert bound.get("/sessions", params={"skip": 1}).json()["total"] == 2
    assert bound.get("/sessions", params={"node_id": "mine-1"}).json()["total"] == 1
    assert bound.get("/sessions/count").json() == {"active_session_count": 2}
    assert operator.client.get("/sessions/count").json()["active_session_count"] >= 4


def test_status_metrics_and_stats_count_them(bound: httpx.Client) -> None:
    status = bound.get("/status").json()
    assert status["sessions"]["active_sessions"] == 2
    metrics, stats = bound.get("/metrics").json(), bound.get("/stats").json()
    assert metrics["active_sessions"] == metrics["sessions"]["active"] == stats["summary"]["sessions"]["active"] == 2
    for processors in (status["processors"], metrics["processor_manager"], stats["processor_manager"]):
        assert {one["node_id"] for one in processors["processors"]} <= {"mine-1", "mine-2"}
        assert processors["total_processors"] == len(processors["processors"])
        assert processors["memory_bytes"] == sum(one["memory_bytes"] for one in processors["processors"])


@pytest.mark.usefixtures("mine")
def test_the_processes_hold_indexes_of_other_nodes(operator: Key) -> None:
    """Otherwise the test above shows nothing. Chance decides which process has predicted from which node."""
    held = set[str]()

    def all_are_held() -> bool:
        held.update(one["node_id"] for one in operator.client.get("/status").json()["processors"]["processors"])
        return held >= {"mine-1", "mine-2", "yours-1", "yours-2"}

    eventually(all_are_held, "the processes hold all nodes")


SERIES_OF_ALL = {
    *("sessions_active", "sessions_created", "sessions_deleted", "sessions_expired", "cleanup_lag_seconds"),
    *("session_operations", "observations", "patterns_learned", "kato_index_memory_bytes"),
    *("jobs_waiting", "jobs_running", "job_lag_seconds", "queue_length", "cache_comparisons", "cache_disagreements"),
}
GAUGES_OF_ALL = {
    "kato_sessions_expired",
    *("kato_sessions_active", "kato_sessions_expired_left", "kato_cleanup_lag_seconds"),
    *("kato_jobs_waiting", "kato_jobs_running", "kato_job_lag_seconds", "kato_queue_length"),
    *("kato_index_nodes", "kato_index_memory_bytes", "kato_index_shared_bytes", "kato_index_builds"),
}
COUNTERS_OF_ALL = {
    "kato_sessions",
    *("kato_session_operations", "kato_observations", "kato_patterns_learned", "kato_pattern_acts", "kato_upkeep"),
    *("kato_cache_writes", "kato_cache_comparisons", "kato_cache_disagreements"),
}


def test_series_that_were_counted_for_all_nodes_are_left_out(bound: httpx.Client, operator: Key) -> None:
    series = [set(client.get("/stats").json()["time_series"]) for client in (bound, operator.client)]
    assert series[1] - series[0] == SERIES_OF_ALL
    for name in sorted(SERIES_OF_ALL):
        answer = bound.get(f"/metrics/{name}")
        assert answer.status_code == 403
        assert "concerns all nodes" in answer.json()["detail"]


def test_metrics_for_prometheus_that_were_counted_for_all_nodes_are_left_out(
    bound: httpx.Client, operator: Key
) -> None:
    def scraped(client: httpx.Client) -> set[str]:
        lines = client.get("/metrics-prom").text.splitlines()
        return {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}

    of_all = GAUGES_OF_ALL | {f"{name}_total" for name in COUNTERS_OF_ALL}
    eventually(lambda: scraped(operator.client) >= GAUGES_OF_ALL, "the gauges were sampled")
    assert not scraped(bound) & of_all
    assert "kato_request_duration_seconds" in scraped(bound)
    # Whatever one may see and the other not, was decided on.
    assert scraped(operator.client) - scraped(bound) <= of_all


def test_totals_that_were_counted_for_all_nodes_are_null(bound: httpx.Client, operator: Key) -> None:
    def sessions(client: httpx.Client) -> list[dict[str, Any]]:
        return [client.get("/metrics").json()["sessions"], client.get("/stats").json()["summary"]["sessions"]]

    for seen, whole in zip(sessions(bound), sessions(operator.client), strict=True):
        assert seen == {**dict.fromkeys(whole), "active": 2}
        assert None not in whole.values()
    cached, whole = (one.get("/cache/stats").json()["cache_performance"] for one in (bound, operator.client))
    of_all = {"patterns_in_cache", "symbols_in_cache", "patterns_cached_total", "symbols_cached_total", "views"}
    assert {name for name in cached if cached[name] is None} == of_all
    assert None not in whole.values()


def test_how_many_jobs_wait_is_for_who_may_use_all_nodes(
    bound: httpx.Client, operator: Key, client: httpx.Client
) -> None:
    assert operator.client.get("/health/ready").json()["background"].keys() == {"jobs_waiting", "lag_seconds"}
    for one in (bound, client):
        assert one.get("/health/ready").json()["background"] is None


def test_how_many_sessions_a_sample_counted_is_for_who_may_use_all_nodes(
    bound: httpx.Client, operator: Key, client: httpx.Client
) -> None:
    eventually(lambda: operator.client.get("/health").json()["active_sessions"] is not None, "a sample counts them")
    for one in (bound, client):
        health = one.get("/health").json()
        assert (health["active_sessions"], health["active_sessions_age"]) == (None, None)


def test_events_are_those_of_the_nodes(server: WebServer, bound: httpx.Client, mine: list[str], operator: Key) -> None:
    bearer = {"Authorization": bound.headers["Authorization"]}
    with listening(server, additional_headers=bearer) as listener:
        assert listener.snapshot["data"]["active_sessions"] == 2
        foreign = create_session(operator.client, "yours-1")
        own = create_session(operator.client, "mine-1")
        operator.client.delete(f"/sessions/{foreign}")
        operator.client.delete(f"/sessions/{own}")
        heard = listener.take(2)
    assert [(one["event_type"], one["data"]["session_id"]) for one in heard] == [
        ("session.created", own),
        ("session.destroyed", own),
    ]


def test_an_expired_session_is_announced_to_its_node_alone(server: WebServer, new_key: NewKey, operator: Key) -> None:
    def listen(prefix: str) -> Any:
        key = new_key(Scope.READ, nodes=[prefix])
        return listening(server, additional_headers={"Authorization": f"Bearer {key.token}"})

    with listen("brief-1") as one, listen("brief-2") as two:
        first, second = (create_session(operator.client, f"brief-{n}", ttl_seconds=1) for n in (1, 2))

        def heard(listener: Listener) -> list[tuple[str, str]]:
            return [(each["event_type"], each["data"]["session_id"]) for each in listener.take(2)]

        assert heard(one) == [("session.created", first), ("session.destroyed", first)]
        assert heard(two) == [("session.created", second), ("session.destroyed", second)]


def test_jobs_are_those_of_the_key_and_for_administrators_those_of_the_nodes(
    new_key: NewKey, operator: Key, worker: Worker
) -> None:
    first, second = (new_key(nodes=["work-"]) for _ in range(2))
    administrator = new_key(Scope.ADMIN, nodes=["work-"])
    of_first, of_second = train(first.client, "work-1", [[["a"]]]), train(second.client, "work-2", [[["a"]]])
    foreign = train(operator.client, "elsewhere", [[["a"]]])

    def seen(client: httpx.Client) -> list[str]:
        listed = client.get("/jobs").json()
        assert listed["total"] == len(listed["jobs"])
        return [job["job_id"] for job in listed["jobs"]]

    assert seen(first.client) == [of_first["job_id"]]
    assert seen(administrator.client) == [of_second["job_id"], of_first["job_id"]]
    for client, job in ((first.client, of_second), (administrator.client, foreign)):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry")):
            answer = client.request(method, f"/jobs/{job['job_id']}{path}")
            missing = client.request(method, f"/jobs/missing{path}")
            assert answer.status_code == missing.status_code == 404
            assert answer.text.replace(job["job_id"], "missing") == missing.text
    for job in (of_first, of_second, foreign):
        assert end_of(operator.client, job)["state"] == "done"


def test_a_session_and_a_job_of_before_have_no_owner(new_key: NewKey, operator: Key, database: Any) -> None:
    """The service needed no keys when they were made: sessions are told by their nodes, and jobs are nobody's."""
    key, administrator = new_key(*ALL), new_key(Scope.ADMIN)
    session_id, job = create_session(key.client, "early"), train(key.client, "early", [[["a"]]])
    database.execute("UPDATE sessions_app_session SET key_id = NULL WHERE id = %s", [session_id])
    database.execute("UPDATE sessions_app_job SET key_id = NULL WHERE id = %s", [job["job_id"]])
    assert key.client.get(f"/sessions/{session_id}").status_code == 200
    assert key.client.get(f"/jobs/{job['job_id']}").status_code == 404
    assert administrator.client.get(f"/jobs/{job['job_id']}").status_code == 200


# Prefixes that mean something to SQL, or look like others; and nodes that begin with one of them, or nearly.
COMPOSED, DECOMPOSED = "\u00e9", "e\u0301"
PREFIXES = ["%", "_", "\\", "a%", "a_", "a\\", "'", "{", COMPOSED, DECOMPOSED, "ﬁ", "😀", " ", "A", "a"]
ODD_NODES = [*PREFIXES, "ab", "fi", "aB", "\t", "ß", "ss", "É", "\\%"]


@pytest.fixture(scope="module")
def odd_sessions(operator: Key) -> dict[str, str]:
    return {node: create_session(operator.client, f"odd {node}") for node in ODD_NODES}


@pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
def test_a_prefix_is_compared_character_by_character(
    prefix: str, new_key: NewKey, odd_sessions: dict[str, str], operator: Key
) -> None:
    client = new_key(Scope.READ, Scope.ADMIN, nodes=[f"odd {prefix}"]).client
    own = {node for node in ODD_NODES if node.startswith(prefix)}
    sessions = client.get("/sessions").json()["sessions"]
    assert {one["node_id"] for one in sessions} == {f"odd {node}" for node in own}
    for node, session_id in odd_sessions.items():
        expected = 200 if node in own else 404
        assert client.get(f"/sessions/{session_id}").status_code == expected, node
        named = client.get("/patterns/count", params={"node_id": f"odd {node}"})
        assert named.status_code == (200 if node in own else 403), node


def listed_nodes(client: httpx.Client, **query: Any) -> list[str]:
    """All pages, of two nodes each."""
    found: list[str] = []
    page: dict[str, Any] = {"next": None}
    while not found or page["next"] is not None:
        after = {} if page["next"] is None else {"after": page["next"]}
        page = client.get("/nodes", params={**query, **after, "limit": 2}).json()
        if not page["nodes"]:
            break
        found += [one["node_id"] for one in page["nodes"]]
    return found


def test_nodes_are_listed_in_pages(bound: httpx.Client, new_key: NewKey, operator: Key) -> None:
    assert listed_nodes(bound) == ["mine-1", "mine-2"]
    assert listed_nodes(bound, prefix="m") == ["mine-1", "mine-2"]
    assert listed_nodes(bound, prefix="mine-2") == ["mine-2"]
    assert listed_nodes(bound, prefix="yours") == listed_nodes(bound, after="yours-1") == []
    several = new_key(Scope.READ, nodes=["yours-1", "mine", "mine-1", "none", "yours"]).client
    assert listed_nodes(several) == ["mine-1", "mine-2", "yours-1", "yours-2"]
    assert listed_nodes(several, after="mine-1") == ["mine-2", "yours-1", "yours-2"]
    assert listed_nodes(new_key(Scope.READ, nodes=[]).client) == []
    assert {"mine-1", "yours-1"} <= set(listed_nodes(operator.client))


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(("method", "route"), [("GET", "patterns"), ("GET", "export"), ("POST", "import")])
def test_a_node_in_the_path_of_another_key_is_forbidden(bound: httpx.Client, method: str, route: str) -> None:
    own = bound.request(method, f"/nodes/mine-1/{route}", params={"add": True}, content=b'{"symbol":"a","affinity":{}}')
    assert own.status_code in (200, 422)  # 422: a file without its last line
    for foreign in ("yours-1", "yours-none"):
        assert bound.request(method, f"/nodes/{foreign}/{route}").status_code == 403


@pytest.mark.usefixtures("mine")
def test_a_pattern_of_a_foreign_node_cannot_be_deleted(new_key: NewKey, operator: Key) -> None:
    name = pattern_name([["a", "b"], ["c"]])
    administrator = new_key(Scope.ADMIN, nodes=["mine-"]).client
    for foreign in ("yours-1", "yours-none"):
        assert administrator.delete(f"/nodes/{foreign}/patterns/{name}").status_code == 403
    listed = operator.client.get("/nodes/yours-1/patterns").json()["patterns"]
    assert [(one["name"], one["retired"]) for one in listed] == [(f"PTRN|{name}", False)]


def test_jobs_of_odd_nodes(new_key: NewKey, operator: Key) -> None:
    made = {node: train(operator.client, f"job {node}", [[["a"]]])["job_id"] for node in ("a%", "a_", "a\\", "ab")}
    for prefix, expected in (("a%", ["a%"]), ("a_", ["a_"]), ("a\\", ["a\\"]), ("a", list(made))):
        listed = new_key(Scope.ADMIN, nodes=[f"job {prefix}"]).client.get("/jobs").json()["jobs"]
        assert [job["job_id"] for job in listed] == [made[node] for node in expected][::-1]


def test_a_key_for_no_node_sees_nothing(new_key: NewKey, operator: Key) -> None:
    session_id = create_session(operator.client, "some")
    client = new_key(*ALL, Scope.ADMIN, nodes=[]).client
    assert client.get("/sessions").json()["total"] == client.get("/jobs").json()["total"] == 0
    assert client.get(f"/sessions/{session_id}").status_code == 404
    assert client.post("/sessions", json={"node_id": "some"}).status_code == 403


def test_a_key_for_several_prefixes_sees_all_of_them(new_key: NewKey, operator: Key) -> None:
    for node in ("several-1", "several-2", "several-3"):
        create_session(operator.client, node)
    client = new_key(Scope.READ, nodes=["several-1", "several-3", "several-"[:4] + "x"]).client
    assert client.get("/sessions/count").json() == {"active_session_count": 2}


def test_idempotency_keys_belong_to_the_access_key(new_key: NewKey) -> None:
    """Two keys that choose the same word do not get each other's responses, nor each other's refusals."""
    first, second = new_key(), new_key()
    name = {"Idempotency-Key": "the same"}

    def create(client: httpx.Client, node: str) -> httpx.Response:
        return client.post("/sessions", json={"node_id": node}, headers=name)

    made = [create(key.client, "made once").json()["session_id"] for key in (first, second)]
    assert len(set(made)) == 2
    for key, session_id in zip((first, second), made, strict=True):
        again = create(key.client, "made once")
        assert (again.json()["session_id"], again.headers["Idempotency-Replayed"]) == (session_id, "true")
    for key, times in product((first, second), range(2)):
        answer = key.client.post(f"/sessions/{made[0]}/observe", json={"strings": ["a"]}, headers=name)
        assert answer.status_code == 200
        assert ("Idempotency-Replayed" in answer.headers) == bool(times)


def test_a_job_in_the_background_of_a_session(new_key: NewKey, worker: Worker) -> None:
    key = new_key(nodes=["back-"])
    session_id = create_session(key.client, "back-1")
    body = {"observations": observations("a", "b"), "learn_at_end": True}
    job = jobs.start(key.client, f"/sessions/{session_id}/observe-sequence", body)
    assert end_of(key.client, job)["state"] == "done"
