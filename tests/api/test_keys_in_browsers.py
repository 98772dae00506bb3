"""Access keys in a real browser: Swagger UI, and pages of an origin that CORS_ORIGINS names."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.stack import WebServer, free_port
from tests.support.browsers import PATIENCE, needs_chromium, running_chromium
from tests.support.keys import keyed_server, new_token

FRIEND_PORT = free_port()
FRIEND = f"http://127.0.0.1:{FRIEND_PORT}"
FOE = "https://evil.example"


@pytest.fixture(scope="module")
def keyed() -> Iterator[WebServer]:
    with keyed_server(CORS_ORIGINS=FRIEND) as running:
        yield running


@pytest.fixture(scope="module")
def token(keyed: WebServer) -> str:
    return new_token()


@pytest.fixture(scope="module")
def chromium(token: str) -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, keyed: WebServer) -> Iterator[Page]:
    with chromium.new_context(base_url=keyed.url) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


# Swagger UI -----------------------------------------------------------------------------------------------------------


def authorize(page: Page, token: str) -> None:
    page.locator(".auth-wrapper").get_by_role("button", name="Authorize").click()
    dialog = page.locator(".dialog-ux")
    dialog.get_by_role("textbox").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()


def open_operation(page: Page) -> None:
    page.goto("/docs")
    operation = page.locator("#operations-sessions-get_sessions_count")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()


def execute(page: Page) -> int:
    """The status that GET /sessions/count gets."""
    operation = page.locator("#operations-sessions-get_sessions_count")
    with page.expect_response("**/sessions/count") as answered:
        operation.get_by_role("button", name="Execute").click()
    status = answered.value.status
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text(str(status))
    return status


@pytest.mark.exhaustive
@needs_chromium
def test_swagger_ui_sends_the_key_that_is_pasted_and_forgets_it(page: Page, token: str) -> None:
    open_operation(page)
    expect(page.get_by_text("This service asks for an access key.")).to_be_visible()
    expect(page.locator("#operations-sessions-get_sessions_count").get_by_text("Scope: read.")).to_be_visible()
    assert execute(page) == 401
    authorize(page, token)
    assert execute(page) == 200
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert token not in kept
    open_operation(page)
    assert execute(page) == 401


@pytest.mark.exhaustive
@needs_chromium
def test_without_keys_the_page_says_so(chromium: Browser, server: WebServer) -> None:
    with chromium.new_context(base_url=server.url) as context:
        page = context.new_page()
        open_operation(page)
        expect(page.get_by_text("This service asks for no access key")).to_be_visible()
        assert execute(page) == 200


# Pages of another origin ----------------------------------------------------------------------------------------------


def test_a_page_of_an_allowed_origin_may_send_a_key(keyed: WebServer, token: str) -> None:
    with httpx.Client(base_url=keyed.url, timeout=30) as client:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        preflight = client.options("/sessions", headers={"Origin": FRIEND, **asks})
        assert preflight.status_code == 200, "the browser sends no key with it"
        assert preflight.headers["Access-Control-Allow-Origin"] == FRIEND
        allowed = preflight.headers["Access-Control-Allow-Headers"]
        assert "authorization" in [name.strip() for name in allowed.split(",")], "`*` would not include it"
        assert client.options("/sessions", headers={"Origin": FOE, **asks}).status_code == 400
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {token}"}, 200)):
            answer = client.get("/sessions/count", headers={"Origin": FRIEND, **headers})
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, FRIEND)


@contextmanager
def page_of_a_friend() -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", FRIEND_PORT), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            listening.shutdown()
            thread.join()


_FETCH = """async ([url, token]) => {
    const headers = token ? {Authorization: `Bearer ${token}`} : {};
    const answer = await fetch(`${url}/sessions/count`, {headers});
    return [answer.status, Object.keys(await answer.json())];
}"""
_LISTEN = """([url, token]) => new Promise(done => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws/events`, token ? ["kato", token] : []);
    socket.onmessage = message => done([socket.protocol, JSON.parse(message.data).event_type]);
    socket.onclose = end => done(["closed", end.code]);
})"""


@needs_chromium
def test_a_browser_lets_that_page_read_answers_and_events(page: Page, keyed: WebServer, token: str) -> None:
    with page_of_a_friend():
        page.goto(FRIEND)
        assert page.evaluate(_FETCH, [keyed.url, token]) == [200, ["active_session_count"]]
        assert page.evaluate(_FETCH, [keyed.url, None]) == [401, ["detail"]], "the page may read why"
        assert page.evaluate(_LISTEN, [keyed.url, token]) == ["kato", "state.snapshot"]
        assert page.evaluate(_LISTEN, [keyed.url, None]) == ["closed", 1006]
        page.goto("about:blank")
