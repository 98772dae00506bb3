"""What pages of other origins may do when they are not allowed: nothing (http.md 0.2, docs/security.md)."""

import secrets
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from benchmarks.stack import WebServer
from tests.support.listeners import connect_to, events_url

FRIEND = "https://dashboard.example"
OWN = "https://kato.example.com"
FOE = "https://evil.example"


@pytest.fixture(scope="module")
def production() -> Iterator[WebServer]:
    with WebServer(
        workers=1,
        ENVIRONMENT="production",
        KATO_SECRET_KEY=secrets.token_urlsafe(48),
        CORS_ORIGINS=FRIEND,
        KATO_CONSOLE_ORIGINS=OWN,
    ) as running:
        yield running


@pytest.fixture
def site(production: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=production.url, timeout=30) as connected:
        yield connected


def counted(site: httpx.Client) -> int:
    count: int = site.get("/sessions/count").json()["active_session_count"]
    return count


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOE},
        {"Origin": "null"},
        {"Origin": FRIEND.upper()},
        {"Origin": f"{FRIEND}.evil.example"},
        {"Origin": FRIEND.replace("https", "http")},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sessions"),
        ("POST", "/sessions/clear-all"),
        ("POST", "/jobs"),
        ("POST", "/cache/invalidate"),
        ("DELETE", "/sessions/unknown"),
        ("PUT", "/nowhere"),
    ],
)
def test_a_foreign_page_changes_nothing(site: httpx.Client, headers: dict[str, str], method: str, path: str) -> None:
    """A form, or a request without a body, needs no preflight: the browser just sends it."""
    before = counted(site)
    response = site.request(method, path, headers=headers)
    assert (response.status_code, response.json()) == (
        403,
        {"detail": "Forbidden: CORS_ORIGINS does not name the origin of the page that sent this request"},
    )
    assert "Access-Control-Allow-Origin" not in response.headers
    assert counted(site) == before


def test_a_foreign_page_may_read_nothing(site: httpx.Client) -> None:
    assert "Access-Control-Allow-Origin" not in site.get("/health", headers={"Origin": FOE}).headers
    asks = {"Origin": FOE, "Access-Control-Request-Method": "POST"}
    assert site.options("/sessions", headers=asks).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"},
        {"Origin": OWN},
        {"Origin": "http://kato.localhost:8000", "Host": "kato.localhost:8000"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_own_pages_and_named_origins_may(site: httpx.Client, headers: dict[str, str]) -> None:
    assert site.post("/sessions", json={"node_id": "n"}, headers=headers).status_code == 200


def test_a_named_origin_may_send_a_key(site: httpx.Client) -> None:
    asks = {
        "Origin": FRIEND,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = site.options("/sessions", headers=asks)
    assert response.status_code == 200
    assert "authorization" in response.headers["Access-Control-Allow-Headers"]
    assert response.headers["Access-Control-Allow-Origin"] == FRIEND


@pytest.mark.parametrize("asked", ["a" * 2000, "x-gr\xfc\xdf", "a;b"])
def test_a_preflight_asks_for_headers_and_for_nothing_else(site: httpx.Client, asked: str) -> None:
    asks = [
        (b"Origin", FRIEND.encode()),
        (b"Access-Control-Request-Method", b"POST"),
        (b"Access-Control-Request-Headers", asked.encode("latin-1")),
    ]
    response = site.options("/sessions", headers=asks)
    assert (response.status_code, response.text) == (400, "Disallowed CORS headers")


@pytest.mark.parametrize("origin", [FOE, "null"])
def test_a_websocket_of_a_foreign_page_is_refused(production: WebServer, origin: str) -> None:
    """Browsers let pages of any origin open one and read what it sends."""
    with pytest.raises(InvalidStatus) as refused, connect_to(events_url(production.url), origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_others_get_events(production: WebServer) -> None:
    url = production.url
    for origin in (None, FRIEND, OWN, url):
        with connect_to(events_url(url), origin=origin) as connection:
            assert "state.snapshot" in str(connection.recv())


def test_in_development_pages_of_any_origin_may_do_everything(client: httpx.Client, server: WebServer) -> None:
    """As with KATO."""
    assert client.post("/sessions", json={"node_id": "n"}, headers={"Origin": FOE}).status_code == 200
    with connect_to(events_url(server.url), origin=FOE) as connection:
        assert "state.snapshot" in str(connection.recv())
