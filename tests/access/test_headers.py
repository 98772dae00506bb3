"""What counts as showing a key, and what does not."""

import socket

import httpx
import pytest

from benchmarks.stack import WebServer
from foundation.callers import Scope
from tests.access.conftest import NewKey
from tests.access.keys import Key

NO_KEY, MALFORMED, INVALID = "needs an access key", "does not hold an access key", "is not valid here"


def raw(server: WebServer, *headers: bytes) -> tuple[int, str]:
    """Send a request with exactly these header lines; return status and body."""
    lines = [b"GET /sessions/count HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *headers, b"", b""]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"\r\n".join(lines))
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


@pytest.fixture(scope="module")
def token(operator: Key) -> str:
    return operator.token


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer {}",
        "authorization: bearer {}",
        "AUTHORIZATION: BEARER {}",
        "Authorization:   Bearer    {}  ",
    ],
)
def test_the_scheme_and_the_name_of_the_header_have_no_case(header: str, server: WebServer, token: str) -> None:
    assert raw(server, header.format(token).encode())[0] == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], NO_KEY),
        (["X-Authorization: Bearer {}"], NO_KEY),
        (["Cookie: Authorization=Bearer {0}; session_id={0}"], NO_KEY),
        (["Authorization:"], MALFORMED),
        (["Authorization: Bearer"], MALFORMED),
        (["Authorization: {}"], MALFORMED),
        (["Authorization: Token {}"], MALFORMED),
        (["Authorization: Bearer\t{}"], MALFORMED),
        (["Authorization: Bearer {}x"], MALFORMED),
        (["Authorization: Bearer {} {}"], MALFORMED),
        (["Authorization: Bearer {},"], MALFORMED),
        (['Authorization: Bearer "{}"'], MALFORMED),
        (["Authorization: Bearer {}", "Authorization: Bearer {}"], MALFORMED),
        (["Authorization: Basic eDp5", "Authorization: Bearer {}"], MALFORMED),
        (["Authorization: Bearer kato_é"], MALFORMED),
        (["Authorization: Bearer kato_%000000000000_" + 43 * "0"], MALFORMED),
        (["Authorization: Bearer kato_" + 12 * "٠" + "_" + 43 * "0"], MALFORMED),
        (["Authorization: Bearer " + 30_000 * "k"], MALFORMED),
        (["Authorization: Bearer kato_000000000000_" + 43 * "0"], INVALID),
    ],
    ids=range(19),
)
def test_anything_else_is_a_401_that_says_why(headers: list[str], reason: str, server: WebServer, token: str) -> None:
    lines = [header.format(token, token).encode() for header in headers]
    status, body = raw(server, *lines)
    assert status == 401
    assert reason in body
    assert token not in body


@pytest.mark.parametrize("value", [b"Bearer kato_\xff\xfe", b"Bearer \x85{}", b"\xa0Bearer {}"])
def test_bytes_that_are_not_ascii_are_a_401(value: bytes, server: WebServer, token: str) -> None:
    status, _ = raw(server, b"Authorization: " + value.replace(b"{}", token.encode()))
    # Python takes U+0085 and U+00A0 for white space.
    assert status in (200, 401)


def test_the_head_of_a_huge_header_is_refused_or_a_401(server: WebServer) -> None:
    assert raw(server, b"Authorization: Bearer " + 200_000 * b"k")[0] in (400, 401, 431)


def test_a_token_in_the_url_is_not_read(server: WebServer, token: str) -> None:
    for parameter in ("access_token", "token", "api_key", "key", "authorization"):
        assert httpx.get(f"{server.url}/sessions/count", params={parameter: token}).status_code == 401


def test_the_secret_of_another_key_and_the_id_of_this_one_are_no_token(server: WebServer, new_key: NewKey) -> None:
    first, second = new_key(Scope.READ), new_key(Scope.READ)
    mixed = f"kato_{first.id}_{second.token.rpartition('_')[2]}"
    assert raw(server, f"Authorization: Bearer {mixed}".encode())[0] in (401, 429)


def test_a_token_whose_letters_have_another_case_is_none(server: WebServer, new_key: NewKey) -> None:
    token = new_key(Scope.READ).token
    swapped = f"kato_{token.removeprefix('kato_').swapcase()}"
    assert raw(server, f"Authorization: Bearer {swapped}".encode())[0] in (401, 429)


def test_a_page_of_another_origin_may_send_the_header(server: WebServer) -> None:
    preflight = httpx.options(
        f"{server.url}/sessions",
        headers={
            "Origin": "http://elsewhere.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
    # And it may read why it was refused.
    refused = httpx.get(f"{server.url}/sessions", headers={"Origin": "http://elsewhere.example"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")
