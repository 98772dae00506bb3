"""Every response names the contract that it follows, and pages of other origins may read that (http.md 0.2, 0.9)."""

import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from benchmarks.stack import DEADLINE, WebServer
from foundation.contracts import HEADER, ContractName
from tests.support.contracts import NEW, OLD, asking, create
from tests.support.raw_sockets import OTHERS, connected, everything_from, request

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
PAGE = "http://dashboard.example"
FROM_A_PAGE = {"Origin": PAGE}
PREFLIGHT = {**FROM_A_PAGE, "Access-Control-Request-Method": "POST"}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
SESSION = "<str:session_id>"

each_contract = pytest.mark.parametrize("contract", ContractName)


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, prefix + route)
        elif not route.startswith("^"):
            yield prefix + route


ROUTES = sorted({*routes(get_resolver().url_patterns), "/nowhere", f"/sessions/{SESSION}/nowhere", "//", "/sessions/"})


def filled(route: str, session_id: str) -> str:
    return PARAMETER.sub(lambda found: session_id if found[1] == "session_id" else "x", route)


def misfit(response: httpx.Response, contract: str, *, of_api: bool = True) -> tuple[Any, ...] | None:
    """What is wrong with a response that should follow the contract."""
    readable = response.headers.get("Access-Control-Expose-Headers", "").split(", ") if of_api else [HEADER]
    if response.headers.get_list(HEADER) == [contract] and HEADER in readable:
        return None
    return response.request.method, response.request.url.path, response.status_code, dict(response.headers)


@each_contract
def test_every_route_with_every_method_answers_by_the_header(client: httpx.Client, contract: str) -> None:
    """Whatever the contract of the session is."""
    other = OLD if contract == NEW else NEW
    found, statuses = [], set()
    for route in ROUTES:
        path = filled(route, create(client, other, "echoed").id if SESSION in route else "")
        for method in METHODS:
            for headers in (FROM_A_PAGE, PREFLIGHT) if method == "OPTIONS" else (FROM_A_PAGE,):
                response = client.request(method, path, headers={**headers, **asking(contract)})
                found.append(misfit(response, contract, of_api=not path.startswith("/admin")))
                statuses.add(response.status_code)
    assert [one for one in found if one] == []
    assert {200, 302, 404, 405, 422} <= statuses


@each_contract
def test_every_route_of_a_session_answers_by_the_contract_of_the_session(client: httpx.Client, contract: str) -> None:
    found = []
    for route in ROUTES:
        if SESSION in route:
            path = filled(route, create(client, contract, "echoed").id)
            for method in METHODS[:-2] if route.endswith(SESSION) else METHODS:  # deleted, it is missing
                found.append(misfit(client.request(method, path, headers=FROM_A_PAGE), contract))
    assert [one for one in found if one] == []
    assert len(found) > 80


@each_contract
def test_a_missing_session_is_answered_by_the_header(client: httpx.Client, contract: str) -> None:
    headers = {**FROM_A_PAGE, **asking(contract)}
    answers = [
        client.request(method, filled(route, "session-gone"), headers=headers)
        for route in ROUTES
        if SESSION in route
        for method in METHODS
    ]
    assert [problem for one in answers if (problem := misfit(one, contract))] == []


# Before there is a view


@pytest.fixture(scope="module")
def strict() -> Iterator[WebServer]:
    """Refuses what it can."""
    environment = {
        "KATO_ACCESS": "keys",
        "CORS_ORIGINS": PAGE,
        "KATO_BODY_TIMEOUT_SECONDS": "1",
        "KATO_BODY_MEMORY_MB": "2",
        "MAX_REQUEST_SIZE": "2000000",
        "KATO_RATE_PER_ADDRESS": "20",
    }
    with WebServer(workers=1, **environment) as running:
        yield running


REFUSED: dict[int, tuple[str, str, list[str], dict[str, Any]]] = {
    400: ("POST", "/sessions", ["Content-Length: 100"], {"body": b"{"}),
    401: ("GET", "/sessions", [], {}),
    404: ("GET", "/nowhere", [], {}),
    408: ("POST", "/sessions", [], {"announced": 100}),
    413: ("POST", "/sessions", [], {"announced": 10_000_000}),
    415: ("POST", "/sessions", ["Content-Encoding: gzip"], {"announced": 2, "body": b"{}"}),
    501: ("POST", "/sessions", ["Transfer-Encoding: gzip, chunked"], {}),
}


def assert_readable(received: bytes, status: int, contract: str) -> None:
    head = received.partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith(f"http/1.1 {status} ")
    assert f"\r\n{HEADER}: {contract}".lower() in head
    [exposed] = re.findall(r"access-control-expose-headers: (.*)", head)
    assert HEADER.lower() in exposed


@each_contract
@pytest.mark.parametrize("status", REFUSED)
def test_what_is_refused_early_is_answered_by_the_header(strict: WebServer, status: int, contract: str) -> None:
    method, path, headers, body = REFUSED[status]
    sent = request(method, path, *headers, f"{HEADER}: {contract}", f"Origin: {PAGE}", "Connection: close", **body)
    with connected(strict, sent) as one:
        if status == 400:
            one.shutdown(socket.SHUT_WR)
        assert_readable(everything_from(one), status, contract)


@each_contract
def test_a_body_without_room_is_answered_by_the_header(strict: WebServer, contract: str) -> None:
    def unfinished(size: int) -> bytes:
        headers = f"{HEADER}: {contract}", f"Origin: {PAGE}"
        return request("POST", "/jobs", *headers, announced=1_999_999, body=b" " * size)

    with connected(strict, unfinished(1_000_000)), connected(strict, unfinished(1_500_000)) as larger:
        assert_readable(everything_from(larger), 503, contract)


@each_contract
def test_too_many_requests_are_answered_by_the_header(strict: WebServer, contract: str) -> None:
    address = OTHERS[list(ContractName).index(ContractName(contract))]
    with httpx.Client(base_url=strict.url, transport=httpx.HTTPTransport(local_address=address)) as client:
        for _ in range(200):
            response = client.get("/sessions", headers={**FROM_A_PAGE, **asking(contract)})
            assert misfit(response, contract) is None
            if response.status_code == 429:
                return
    pytest.fail("the address may send any number of requests")


@each_contract
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Origin": "http://foe.example"}, 403),
        ("OPTIONS", {**PREFLIGHT, "Origin": "http://foe.example"}, 400),
        ("OPTIONS", {**PREFLIGHT, "Access-Control-Request-Headers": "no name:"}, 400),
    ],
)
def test_pages_that_may_not_ask_are_answered_by_the_header(
    strict: WebServer, method: str, headers: dict[str, str], status: int, contract: str
) -> None:
    response = httpx.request(method, f"{strict.url}/sessions", headers={**headers, **asking(contract)})
    assert (response.status_code, response.headers[HEADER]) == (status, contract)


@pytest.mark.parametrize("headers", [{"Host": "foe.example"}, asking("7.0"), asking("6.3, 6.3"), asking("")], ids=str)
def test_what_is_refused_before_the_contract_is_known_follows_the_default(
    server: WebServer, headers: dict[str, str]
) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    connection.request("GET", "/sessions", headers=headers)
    response = connection.getresponse()
    assert (response.status, response.headers[HEADER]) == (400, OLD)
    connection.close()
