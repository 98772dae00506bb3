"""What holds for every request: headers, methods, slashes, cross-origin, identity, documentation (http.md 0)."""

import re

import httpx
import pytest

from benchmarks.stack import WebServer
from tests.support.connections import fresh_connections
from tests.support.sessions import NewSession


def test_the_trace_id_is_echoed_or_made(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Trace-ID": "mine"}).headers["X-Trace-ID"] == "mine"
    for path in ("/", "/nowhere", "/sessions/x/stm"):
        assert re.fullmatch(r"kato-[0-9a-f]{32}", client.get(path).headers["X-Trace-ID"])


def test_every_answer_names_program_version_and_instance(server: WebServer) -> None:
    """http.md 6: two programs behind one name can be distinguished."""
    seen = set()
    with fresh_connections(server.url) as client:
        for path in ("/", "/health", "/nowhere", "/sessions/x/stm", "/sessions") * 8:
            program = client.get(path).headers["X-Kato-Instance"]
            assert re.fullmatch(r"kato-django/\d+\.\d+\.\d+ \(instance \w+; host .+; pid \d+\)", program)
            seen.add(program)
        assert client.get("/health").json()["program"] in seen
    assert len(seen) == 4, "four worker processes"


def test_the_session_id_is_on_every_answer_below_a_session_that_was_found(
    client: httpx.Client, new_session: NewSession
) -> None:
    session_id = new_session()
    for method, path, status in (
        ("GET", "/stm", 200),
        ("GET", "/observe", 405),
        ("POST", "/observe", 422),
        ("POST", "/config", 422),
        ("GET", "/no/such/route", 404),
        ("GET", "/learn/too/", 404),
    ):
        response = client.request(method, f"/sessions/{session_id}{path}")
        assert (response.status_code, response.headers["X-Session-ID"]) == (status, session_id)
    for path in ("", "/exists"):
        assert "X-Session-ID" not in client.get(f"/sessions/{session_id}{path}").headers


def test_an_unknown_path_is_a_detail_not_found(client: httpx.Client) -> None:
    for path in ("/nowhere", "/observe", "/ping", "/session"):
        response = client.get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


def test_an_unknown_path_below_an_active_session_is_not_a_missing_session(
    client: httpx.Client, new_session: NewSession
) -> None:
    response = client.get(f"/sessions/{new_session()}/nowhere")
    assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/sessions", "GET, POST, HEAD"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/sessions/count", "GET, DELETE, HEAD"),
        ("OPTIONS", "/sessions", "GET, POST, HEAD"),
    ],
)
def test_a_wrong_method_names_the_right_ones(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
    assert set(response.headers["Allow"].split(", ")) <= set(allowed.split(", "))


def test_head_is_answered_where_get_is(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    for path in ("/", "/health", "/sessions/count", f"/sessions/{session_id}", f"/sessions/{session_id}/stm"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")


def test_a_trailing_slash_is_served_with_the_body_intact(client: httpx.Client) -> None:
    response = client.post("/sessions/", json={"node_id": "slash"}, follow_redirects=False)
    assert response.status_code == 200
    session_id = response.json()["session_id"]
    response = client.post(f"/sessions/{session_id}/observe/", json={"strings": ["a"]}, follow_redirects=False)
    assert (response.status_code, response.json()["stm_length"]) == (200, 1)
    for path in (f"/sessions/{session_id}/", f"/sessions/{session_id}/stm/", "/sessions/count/", "/health/", "/docs/"):
        assert client.get(path, follow_redirects=False).status_code == 200


def test_any_origin_may_read_every_answer(client: httpx.Client, new_session: NewSession) -> None:
    """Q16: without credentials."""
    origin = {"Origin": "http://dashboard.example"}
    session_id = new_session()
    for path in ("/health", f"/sessions/{session_id}/stm", "/sessions/unknown/stm", "/nowhere"):
        headers = client.get(path, headers=origin).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers
    assert "Access-Control-Allow-Origin" not in client.get("/health").headers


def test_a_preflight_is_answered_even_for_an_unknown_session(client: httpx.Client) -> None:
    response = client.options(
        "/sessions/unknown/observe",
        headers={
            "Origin": "http://dashboard.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, idempotency-key",
        },
    )
    assert (response.status_code, response.text) == (200, "OK")
    assert response.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert response.headers["Access-Control-Allow-Headers"] == "content-type, idempotency-key"
    assert response.headers["Access-Control-Max-Age"] == "600"


def test_a_session_named_by_header_elsewhere_is_echoed_only_if_it_is_active(
    client: httpx.Client, new_session: NewSession
) -> None:
    """Q14."""
    session_id = new_session()
    assert client.get("/sessions", headers={"X-Session-ID": session_id}).headers["X-Session-ID"] == session_id
    assert "X-Session-ID" not in client.get("/sessions", headers={"X-Session-ID": "made-up"}).headers


def test_root_and_health_have_the_shapes_of_kato(client: httpx.Client) -> None:
    root = client.get("/").json()
    assert {"service", "version", "description", "docs", "health", "status", "uptime_seconds", "architecture"} <= set(
        root
    )
    assert (root["service"], root["version"], root["session_support"]) == ("KATO API", "3.10.1", True)
    health = client.get("/health").json()
    assert health["status"] in ("healthy", "degraded")
    assert health["service_name"] == "kato"
    assert {"active_sessions", "active_sessions_age"} <= set(health)
    assert health["timestamp"].endswith("+00:00")
    assert isinstance(health["issues"], list)


def test_readiness_names_each_part(client: httpx.Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    ready = response.json()
    assert set(ready["parts"]) == {"database", "redis", "broker", "worker", "upkeep", "disk", "clock", "neighbours"}
    assert ready["parts"]["database"]["ok"]
    assert ready["parts"]["redis"]["ok"]
    assert ready["parts"]["broker"]["ok"]
    assert set(ready["cache"]) == {"hit", "miss", "fallback"}


def test_the_documentation_pages_need_nothing_from_elsewhere(client: httpx.Client) -> None:
    for page in ("/docs", "/redoc"):
        response = client.get(page)
        assert response.status_code == 200
        assets = re.findall(r'(?:src|href)="([^"#]+)"', response.text)
        assert assets
        for asset in assets:
            assert asset.startswith("/"), f"{page} loads {asset} from elsewhere"
            assert client.get(asset).status_code == 200
    # The script of Redoc would load a logo.
    assert "img-src 'self' data:" in client.get("/redoc").headers["Content-Security-Policy"]
    assert client.get("/docs/oauth2-redirect", follow_redirects=True).status_code == 200
