"""The headers that protect browsers are on every answer (docs/security.md). The pages work with them: tests/console."""

import secrets
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.stack import WebServer

CONSTANT = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ANSWERS = [
    ("GET", "/health", {}, 200),
    ("GET", "/sessions/unknown/stm", {}, 404),
    ("GET", "/nowhere", {}, 404),
    ("PUT", "/sessions", {}, 405),
    ("POST", "/sessions", {"content": b"{}"}, 422),
    ("GET", "/health", {"headers": {"Host": "evil.example"}}, 400),
    ("OPTIONS", "/health", {"headers": {"Origin": "http://a", "Access-Control-Request-Method": "GET"}}, 200),
    ("GET", "/admin/", {}, 302),
    ("GET", "/admin/login/", {}, 200),
    ("GET", "/admin", {}, 302),
    ("GET", "/docs", {}, 200),
    ("GET", "/redoc", {}, 200),
    ("GET", "/openapi.json", {}, 200),
    ("GET", "/metrics-prom", {}, 200),
]


@pytest.mark.parametrize(("method", "path", "request_", "status"), ANSWERS)
def test_every_answer_has_them_once(
    client: httpx.Client, method: str, path: str, request_: dict[str, object], status: int
) -> None:
    response = client.request(method, path, **request_)  # type: ignore[arg-type]
    assert response.status_code == status
    for name, value in CONSTANT.items():
        assert response.headers.get_list(name) == [value]
    [policy] = response.headers.get_list("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "Strict-Transport-Security" not in response.headers


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize(
    ("path", "headers", "status"), [("/ws/elsewhere", {}, 403), ("/ws/events", {"Host": "evil.example"}, 400)]
)
def test_so_has_every_refusal_of_a_websocket(
    client: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    response = client.get(path, headers={**HANDSHAKE, "X-Trace-ID": "mine", **headers})
    assert response.status_code == status
    assert set(response.json()) == {"detail"}
    for name, value in {**CONSTANT, "X-Trace-ID": "mine"}.items():
        assert response.headers.get_list(name) == [value]
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["X-Kato-Instance"].startswith("kato-django/")


def test_only_pages_may_load_anything(client: httpx.Client) -> None:
    for path in ("/health", "/sessions", "/nowhere", "/openapi.json", "/"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_no_page_may_run_a_script_that_is_inside_it(client: httpx.Client) -> None:
    for path in ("/admin/login/", "/docs", "/redoc"):
        policy = client.get(path).headers["Content-Security-Policy"]
        directives = dict(part.split(" ", 1) for part in policy.split("; "))
        assert "unsafe-inline" not in directives["script-src"]
        assert "http" not in policy
        assert ("unsafe-eval" in directives["script-src"]) is path.startswith("/admin")


@pytest.fixture(scope="module")
def behind_tls() -> Iterator[WebServer]:
    with WebServer(
        workers=1,
        ENVIRONMENT="production",
        KATO_SECRET_KEY=secrets.token_urlsafe(48),
        KATO_TRUSTED_PROXIES="127.0.0.1",
        KATO_HSTS_SECONDS="3600",
        KATO_HIDE_HOST="true",
    ) as running:
        yield running


@pytest.fixture
def site(behind_tls: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=behind_tls.url, timeout=30) as connected:
        yield connected


def test_over_tls_browsers_are_told_to_stay_there(site: httpx.Client) -> None:
    for path in ("/health", "/admin/login/"):
        response = site.get(path, headers={"X-Forwarded-Proto": "https"})
        assert response.headers.get_list("Strict-Transport-Security") == ["max-age=3600"]
        assert "Strict-Transport-Security" not in site.get(path).headers
    refused = site.get("/ws/elsewhere", headers={**HANDSHAKE, "X-Forwarded-Proto": "https"})
    assert (refused.status_code, refused.headers["Strict-Transport-Security"]) == (403, "max-age=3600")


def test_forms_of_the_console_work_behind_a_proxy_with_tls(site: httpx.Client) -> None:
    """Django compares the origin with the scheme and host that the proxy passes on; its cookies are for TLS only."""
    headers = {"X-Forwarded-Proto": "https", "Host": "localhost", "Origin": "https://localhost"}
    page = site.get("/admin/login/", headers=headers)
    cookie = page.headers["Set-Cookie"]
    assert "Secure" in cookie
    form = {"username": "nobody", "password": "wrong", "csrfmiddlewaretoken": cookie.split("=")[1].split(";")[0]}
    sent = {**headers, "Cookie": cookie.split(";")[0]}
    assert site.post("/admin/login/", data=form, headers=sent).status_code == 200
    assert site.post("/admin/login/", data=form, headers={**sent, "Origin": "https://evil.example"}).status_code == 403


def test_an_answer_may_leave_out_host_and_process(site: httpx.Client) -> None:
    """The instance stays: clients notice by it that they reach two services under one name."""
    response = site.get("/health")
    program = response.headers["X-Kato-Instance"]
    assert program.startswith("kato-django (instance ")
    assert ";" not in program
    assert response.json()["program"] == program
    assert site.get("/").json()["program"] == program
