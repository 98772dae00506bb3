"""Create, show, list, count, extend and delete: statuses, bodies and errors (http.md 1.1)."""

import re
from typing import Any

import httpx
import pytest

from tests.support.sessions import NewSession

DEFAULT_CONFIG = {
    "max_pattern_length": 0,
    "persistence": 5,
    "recall_threshold": 0.1,
    "indexer_type": "VI",
    "max_predictions": 100,
    "sort_symbols": True,
    "process_predictions": True,
    "use_token_matching": True,
    "stm_mode": "CLEAR",
    "rank_sort_algo": "potential",
    "filter_pipeline": [],
    "length_min_ratio": 0.5,
    "length_max_ratio": 2.0,
    "jaccard_threshold": 0.3,
    "jaccard_min_overlap": 2,
    "minhash_threshold": 0.7,
    "minhash_bands": 20,
    "minhash_rows": 5,
    "minhash_num_hashes": 100,
    "bloom_false_positive_rate": 0.01,
    "max_candidates_per_stage": 100000,
    "enable_filter_metrics": True,
}
UNKNOWN = "session-00000000000000000000000000000000-1700000000000"


def config_of(client: httpx.Client, session_id: str) -> dict[str, Any]:
    config: dict[str, Any] = client.get(f"/sessions/{session_id}/config").json()["config"]
    return config


# Create --------------------------------------------------------------------------------------------------------------


def test_create_answers_the_whole_session(client: httpx.Client) -> None:
    body = {"node_id": "probe-1", "ttl_seconds": 120, "metadata": {"k": 1, "a": [1e20, None, "é"]}}
    response = client.post("/sessions", json=body)
    assert response.status_code == 200
    session = response.json()
    assert list(session) == [
        "session_id",
        "node_id",
        "created_at",
        "expires_at",
        "ttl_seconds",
        "metadata",
        "session_config",
    ]
    assert re.fullmatch(r"session-[0-9a-f]{32}-\d{13}", session["session_id"])
    assert session["node_id"] == "probe-1"
    assert session["ttl_seconds"] == 120
    assert session["metadata"] == body["metadata"]
    assert session["session_config"] == DEFAULT_CONFIG
    assert list(session["session_config"]) == list(DEFAULT_CONFIG)
    for moment in (session["created_at"], session["expires_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment)
    assert "X-Session-ID" not in response.headers


def test_create_with_defaults_reports_the_ttl_in_force(client: httpx.Client) -> None:
    """Q01."""
    for body in ({"node_id": ""}, {"node_id": "n", "ttl_seconds": None, "metadata": None, "config": None}):
        session = client.post("/sessions", json=body).json()
        assert session["ttl_seconds"] == 3600
        assert session["metadata"] == {}


def test_two_sessions_of_one_node_are_two(client: httpx.Client, new_session: NewSession) -> None:
    assert new_session(node_id="same") != new_session(node_id="same")


def test_create_takes_a_configuration(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(config={"recall_threshold": 0.4, "affinity_emotive": "joy", "unknown_key": 1})
    assert config_of(client, session_id) == {**DEFAULT_CONFIG, "recall_threshold": 0.4, "affinity_emotive": "joy"}


@pytest.mark.usefixtures("steady_count")
def test_create_with_invalid_configuration_creates_nothing(client: httpx.Client) -> None:
    """Q03, D28."""
    before = client.get("/sessions/count").json()
    response = client.post(
        "/sessions", json={"node_id": "n", "config": {"recall_threshold": 1.5, "persistence": 0, "max_predictions": 5}}
    )
    assert response.status_code == 400
    assert response.json() == {
        "detail": {
            "error": "Configuration validation failed",
            "validation_errors": {
                "recall_threshold": "Must be a number between 0.0 and 1.0",
                "persistence": "Must be an integer between 1 and 100",
            },
        }
    }
    assert client.get("/sessions/count").json() == before


@pytest.mark.parametrize("ttl", [0, -1, 31_536_001, 10**30])
def test_a_ttl_outside_its_range_is_refused(client: httpx.Client, ttl: int) -> None:
    """Q02, and the same for extend (Q05)."""
    response = client.post("/sessions", json={"node_id": "n", "ttl_seconds": ttl})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "ttl_seconds"]


# Show ----------------------------------------------------------------------------------------------------------------


def test_get_answers_the_same_shape_with_the_time_left(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(node_id="n1", ttl_seconds=60, metadata={"a": 1})
    response = client.get(f"/sessions/{session_id}")
    session = response.json()
    assert (response.status_code, session["node_id"], session["metadata"]) == (200, "n1", {"a": 1})
    assert 58 <= session["ttl_seconds"] <= 60
    assert "X-Session-ID" not in response.headers


def test_the_404_of_get_session_has_a_detail_text(client: httpx.Client) -> None:
    """Q15: E1 here, E3 everywhere else."""
    response = client.get(f"/sessions/{UNKNOWN}")
    assert response.status_code == 404
    assert response.json() == {"detail": f"Session {UNKNOWN} not found or expired"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", ""),
        ("PUT", ""),
        ("GET", "/stm"),
        ("GET", "/config"),
        ("POST", "/config"),
        ("GET", "/percept-data"),
        ("POST", "/observe"),
        ("POST", "/observe-sequence"),
        ("POST", "/extend"),
        ("POST", "/extend?ttl_seconds=wrong"),
        ("POST", "/clear-stm"),
        ("GET", "/observe"),
        ("GET", "/no/such/path"),
    ],
)
def test_a_missing_session_is_reported_before_any_other_error(client: httpx.Client, method: str, path: str) -> None:
    """Q16: over an invalid body, a wrong method and an unknown sub-path."""
    response = client.request(method, f"/sessions/{UNKNOWN}{path}", headers={"Origin": "http://elsewhere"})
    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "code": "SESSION_NOT_FOUND",
            "message": f"Session {UNKNOWN} not found or expired",
            "session_id": UNKNOWN,
        }
    }
    assert "X-Session-ID" not in response.headers
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_exists(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    path = f"/sessions/{session_id}/exists"
    assert client.get(path).json() == {"exists": True, "expired": False, "session_id": session_id}
    client.delete(f"/sessions/{session_id}")
    assert client.get(path).json() == {"exists": False, "expired": False, "session_id": session_id}
    assert client.get(path).status_code == 200


def test_delete(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    response = client.delete(f"/sessions/{session_id}")
    assert response.json() == {"status": "deleted", "session_id": session_id}
    assert response.headers["X-Session-ID"] == session_id
    assert client.delete(f"/sessions/{session_id}").status_code == 404


def test_list_is_newest_first_in_pages_with_a_total(client: httpx.Client, new_session: NewSession) -> None:
    made = [new_session(node_id="listed") for _ in range(5)]
    page = client.get("/sessions", params={"node_id": "listed", "skip": 1, "limit": 2}).json()
    assert [session["session_id"] for session in page["sessions"]] == [made[3], made[2]]
    assert (page["total"], page["skip"], page["limit"]) == (5, 1, 2)
    client.delete(f"/sessions/{made[4]}")
    assert client.get("/sessions", params={"node_id": "listed"}).json()["total"] == 4
    assert client.get("/sessions", params={"node_id": "nobody's"}).json()["sessions"] == []
    assert made[3] in [one["session_id"] for one in client.get("/sessions").json()["sessions"]]


@pytest.mark.parametrize(("name", "value"), [("skip", "-1"), ("limit", "0"), ("limit", "x"), ("limit", "1.5")])
def test_list_refuses_wrong_pages(client: httpx.Client, name: str, value: str) -> None:
    response = client.get("/sessions", params={name: value})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", name]


@pytest.mark.parametrize("name", ["abc", "predictions"])
def test_the_routing_self_test_answers(client: httpx.Client, name: str) -> None:
    """Q10. Also for a name that routes of sessions end in."""
    assert client.get(f"/sessions/test/{name}").json() == {"test_id": name, "message": "endpoint works"}


# Extend --------------------------------------------------------------------------------------------------------------


def test_extend(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(ttl_seconds=10)
    response = client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": 99})
    assert response.json() == {"status": "extended", "session_id": session_id, "ttl_seconds": 99}
    assert client.post(f"/sessions/{session_id}/extend").json()["ttl_seconds"] == 3600


@pytest.mark.parametrize("ttl", ["0", "-5", "x", "1.5", "", "31536001", "9" * 5000])
def test_extend_refuses_an_invalid_ttl(client: httpx.Client, new_session: NewSession, ttl: str) -> None:
    """Q05."""
    session_id = new_session()
    response = client.post(f"/sessions/{session_id}/extend", params={"ttl_seconds": ttl})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", "ttl_seconds"]
    assert response.headers["X-Session-ID"] == session_id
    assert client.get(f"/sessions/{session_id}").json()["ttl_seconds"] >= 3598
