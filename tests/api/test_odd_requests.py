"""No client makes a 500 out of a request, however odd: bad input is refused or ignored (http.md 0.4)."""

import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer, eventually
from foundation.logs import HumanFormatter
from tests.support.sessions import create_session

MANY = "&".join(f"a{number}=1" for number in range(1500))


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[WebServer]:
    with WebServer(workers=1, output=str(folder / "web")) as running:
        yield running


@pytest.fixture
def client(web: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, timeout=30) as connected:
        yield connected


def send(web: WebServer, target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> int:
    """The status of the response. Over a socket, because HTTP libraries refuse to send such requests."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return int(connection.recv(1000).split()[1])


@pytest.mark.parametrize(
    "path", ["/sessions", "/jobs", "/patterns/count", "/stats", "/metrics/cpu_percent", "/docs", "/admin/login/"]
)
def test_more_parameters_than_any_route_has(client: httpx.Client, path: str) -> None:
    response = client.get(f"{path}?{MANY}")
    assert (response.status_code, response.json()) == (400, {"detail": "Bad Request: more than 1000 parameters"})


@pytest.mark.parametrize(
    "target",
    [
        b"/pattern/%ff%fe%00",
        b"/pattern/%ED%A0%80",
        b"/sessions/%ZZ%",
        b"/sessions?node_id=%ff",
        b"/sessions?=&&==&",
        b"/symbols/%00/affinity",
        b"/openapi.json?version=%00",
        b"/openapi.json?format=odd",
        b"/docs?lang=%00&version=%00",
        b"/jobs/%00",
        b"/metrics/%00",
        b"/admin/%00/",
        b"/\xff",
        b"/sessions?q=\xff",
        b"/" + b"a" * 60_000,
        b"/" + b"a" * 100_000,
        b"/static/%00",
        b"/static/../secret-key",
        b"*",
        b"http://evil.example/health",
    ],
)
def test_odd_addresses(web: WebServer, target: bytes) -> None:
    assert send(web, target) < 500


@pytest.mark.parametrize(
    "charset", ["rot13", "hex", "undefined", "idna", "utf-7", "unicode_escape", "none-such", "utf-16"]
)
def test_the_charset_of_a_client_decodes_nothing(web: WebServer, client: httpx.Client, charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    response = client.get("/patterns/count?node_id=gr%C3%BC%C3%9F", headers=headers)
    assert (response.status_code, response.json()["node_id"]) == (200, "grüß_kato")
    assert client.post("/sessions", content=b'{"node_id": "n"}', headers=headers).status_code == 415
    assert client.get("/admin/login/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"X-Trace-ID: " + b"a" * 60_000,
        b"X-Session-ID: " + b"a" * 60_000,
        b"X-Session-ID: \xff\xfe",
        b"X-Session-ID: a\tb",
        b"Cookie: session_id=" + b"a" * 60_000,
        b'Cookie: session_id="\\000"',
        b'Cookie: kato_console="\\000' + b"a" * 31 + b'"',
        b"Cookie: ;;;=; \xff=\xff; session_id",
        b"X-Forwarded-For: " + b"1," * 20_000,
        b"Origin: \xff",
        b"Accept: \xff;q=odd",
        b"Accept: image/png",
        b"Range: bytes=5-2",
        b"If-None-Match: \xff",
        b"Expect: the unexpected",
        b"X-Trace-ID: a\x01b",
        b"Content-Length: -1",
        b"Content-Length: " + b"9" * 30,
        b"Content-Length: \xb2",
        b"Content-Length: 1, 1",
        b"Host: localhost",
        b"Transfer-Encoding: gzip",
        b"Upgrade: websocket\r\nConnection: upgrade",
        b"X-Odd: " + b"a" * 500_000,
        b"\r\n".join(b"X-%d: a" % number for number in range(500)),
    ],
)
def test_odd_headers(web: WebServer, header: bytes) -> None:
    for path in (b"/sessions", b"/docs", b"/openapi.json", b"/metrics-prom", b"/admin/"):
        assert send(web, path, header) < 500


OBSERVATION = b'{"strings": ["a"]}'
CHUNKED = b"Transfer-Encoding: chunked"
AS_CHUNK = b"12\r\n" + OBSERVATION + b"\r\n0\r\n\r\n"


def statuses(web: WebServer, path: str, *headers: bytes, body: bytes) -> list[int]:
    """Of the answers to a POST and to all that the service takes for the requests after it on the same connection.

    In truth one follows, which closes the connection.
    """
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: localhost", b"Content-Type: application/json", *headers]
    following = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body + following)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]


@pytest.mark.parametrize("length", [0, 5, len(OBSERVATION), len(AS_CHUNK), 1000])
def test_of_two_ways_to_announce_a_body_chunks_count_and_the_connection_ends(
    web: WebServer, client: httpx.Client, length: int
) -> None:
    """RFC 9112 6.3: a proxy that goes by the other one sees another request in the rest."""
    session_id = create_session(client)
    announced = b"Content-Length: %d" % length
    for headers in ((announced, CHUNKED), (CHUNKED, announced)):
        assert statuses(web, f"/sessions/{session_id}/observe", *headers, body=AS_CHUNK) == [200]
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["a"], ["a"]]


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: 18", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 18"),
        (b"Content-Length: 18, 18",),
        (b"Content-Length: +18",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding : chunked",),
        (CHUNKED, b"Transfer-Encoding: identity"),
    ],
)
def test_a_body_of_uncertain_length_is_a_400_and_the_connection_ends(
    web: WebServer, client: httpx.Client, headers: tuple[bytes, ...]
) -> None:
    session_id = create_session(client)
    for body in (OBSERVATION, AS_CHUNK):
        assert statuses(web, f"/sessions/{session_id}/observe", *headers, body=body) == [400]
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []


@pytest.mark.parametrize("method", [b"A" * 5000, b"G$T", b"CONNECT", b"TRACE", b"get"])
def test_odd_methods(web: WebServer, method: bytes) -> None:
    assert send(web, b"/sessions", b"Content-Length: 0", method=method) < 500


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=\xff",
        b"application/x-www-form-urlencoded; charset=rot13",
        b"\xff",
    ],
)
def test_odd_forms(web: WebServer, content_type: bytes) -> None:
    for path in (b"/sessions", b"/admin/login/"):
        headers = (b"Content-Type: " + content_type, b"Content-Length: 3")
        assert send(web, path, *headers, method=b"POST", body=b"a=1") < 500


@pytest.mark.parametrize("name", ["X-Node-ID", "X-Test-ID"])
def test_a_node_in_a_header_has_the_limits_of_one_in_a_body(client: httpx.Client, name: str) -> None:
    response = client.get("/patterns/count", headers={name: "n" * 513})
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("string_too_long", ["header", name])
    assert client.get("/patterns/count", headers={name: "n" * 512}).status_code == 200
    [problem] = client.get("/patterns/count", params={"node_id": "n" * 513}).json()["detail"]
    assert (problem["type"], problem["loc"]) == ("string_too_long", ["query", "node_id"])


@pytest.mark.parametrize(
    "given", ["mine", "0af7651916cd43dd-b7ad6b7169203331", "Root=1-67891233:a/b.c_d~e@f+g", "x" * 128]
)
def test_a_trace_id_of_a_tracing_system_is_taken(client: httpx.Client, given: str) -> None:
    assert client.get("/health", headers={"X-Trace-ID": given}).headers["X-Trace-ID"] == given


@pytest.mark.parametrize(
    "given", ["x" * 129, "x" * 60_000, "a b", "a,b", "status=200 a", '"', "<b>", "a\tb", "gr\xfc\xdf"]
)
def test_another_trace_id_is_replaced(client: httpx.Client, web: WebServer, folder: Path, given: str) -> None:
    headers: Any = [(b"X-Trace-ID", given.encode("latin-1"))]
    own = client.get("/health", headers=headers).headers["X-Trace-ID"]
    assert own.startswith("kato-")
    eventually(lambda: own in (folder / "web").read_text(), "the request is logged")
    assert "x" * 129 not in (folder / "web").read_text()


def test_a_name_with_an_underscore_is_not_the_name_with_a_hyphen(client: httpx.Client) -> None:
    for name in ("X_Trace_ID", "X_Trace-ID", "x-trace_id"):
        headers = {name: "forged", "X-Trace-ID": "mine"}
        assert client.get("/health", headers=headers).headers["X-Trace-ID"] == "mine"
        assert client.get("/health", headers={name: "forged"}).headers["X-Trace-ID"].startswith("kato-")


def test_a_line_of_the_log_is_one_line(web: WebServer, client: httpx.Client, folder: Path) -> None:
    client.get("/nowhere%0A2026-01-01%20ERROR%20forged", headers={"X-Trace-ID": "one-line"})
    send(web, b"/sessions", b"Content-Length: 0", method=b"A" * 5000)
    eventually(lambda: "one-line" in (folder / "web").read_text(), "the request is logged")
    lines = (folder / "web").read_text().splitlines()
    assert not any(line.startswith("2026-01-01") for line in lines)
    assert max(map(len, lines)) < 3000


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    """A failure is logged with the path of its request; a client chooses that."""
    message = "Unexpected failure of %s %s"
    record = logging.LogRecord("name", logging.ERROR, "", 0, message, ("GET", "/a\n2026 ERROR forged\x1b[2J"), None)
    assert HumanFormatter().format(record).endswith(r"Unexpected failure of GET /a\n2026 ERROR forged\x1b[2J")


def test_none_of_this_was_a_failure(web: WebServer, folder: Path) -> None:
    """Runs last: neither Granian nor the service has logged one."""
    log = (folder / "web").read_text()
    assert "Traceback" not in log
    assert "Unexpected failure" not in log
