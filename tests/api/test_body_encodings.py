"""One way to read bodies, on all routes: JSON in UTF-8, not compressed, with its length or in chunks (http.md 0.1)."""

import codecs
import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer, Worker
from tests.support.jobs import end_of
from tests.support.raw_sockets import connected, everything_from, request
from tests.support.sessions import NewSession

pytestmark = pytest.mark.long

BODIES = {
    "/sessions": {"node_id": "encodings"},
    "/sessions/{id}/config": {"recall_threshold": 0.25},
    "/sessions/{id}/observe": {"strings": ["grün"]},
    "/sessions/{id}/observe-sequence": {"observations": [{"strings": ["grün"]}]},
    "/jobs": {"kind": "train", "node_id": "encodings", "sequences": [[["a"], ["b"]]]},
}
BODILESS = ["learn", "clear-stm", "finalize-training", "extend?ttl_seconds=60", "clear-all"]


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with WebServer(workers=1) as running:
        yield running


@pytest.fixture
def client(web: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, timeout=30) as connected_client:
        yield connected_client


@pytest.fixture(params=BODIES)
def route(request: pytest.FixtureRequest, new_session: NewSession) -> tuple[str, str]:
    """A path, and the JSON that it takes."""
    path: str = request.param
    return path.format(id=new_session(node_id="encodings")), json.dumps(BODIES[path], ensure_ascii=False)


def post(client: httpx.Client, path: str, content: bytes, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=content, headers={"Content-Type": "application/json", **given})


def assert_refused(response: httpx.Response, accepted: tuple[str, str], detail: str) -> None:
    assert (response.status_code, response.json()) == (415, {"detail": detail})
    name, value = accepted
    assert response.headers[name] == value


def test_a_byte_order_mark_is_no_part_of_the_body(client: httpx.Client, route: tuple[str, str]) -> None:
    path, text = route
    assert post(client, path, codecs.BOM_UTF8 + text.encode()).status_code in (200, 202)
    for content in (b"", codecs.BOM_UTF8):
        response = post(client, path, content)
        assert [problem["type"] for problem in response.json()["detail"]] == ["missing"]
    [problem] = post(client, path, 2 * codecs.BOM_UTF8 + text.encode()).json()["detail"]
    assert (problem["type"], problem["loc"]) == ("json_invalid", ["body", 0])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_another_encoding_is_a_415_that_says_what_is_taken(
    client: httpx.Client, route: tuple[str, str], encoding: str
) -> None:
    path, text = route
    for content in (text, f"\ufeff{text}"):
        detail = "JSON is accepted in UTF-8 only, and this body seems to be in UTF-16 or UTF-32"
        assert_refused(post(client, path, content.encode(encoding)), ("Accept", "application/json"), detail)
    if path.endswith("observe"):
        assert client.get(path.replace("observe", "stm")).json()["stm"] == []


def test_a_charset_other_than_utf_8_is_a_415(client: httpx.Client, route: tuple[str, str]) -> None:
    path, text = route
    for charset in ("iso-8859-1", "utf-16", "rot13", "x" * 200):
        response = post(client, path, text.encode(), Content_Type=f"application/json; charset={charset}")
        assert_refused(
            response, ("Accept", "application/json"), f"JSON is accepted in UTF-8 only, not in {charset[:50]!r}"
        )
    for charset in ("utf-8", "UTF-8", '"utf-8"', "utf8", "us-ascii"):
        response = post(client, path, text.encode(), Content_Type=f"application/json; charset={charset}")
        assert response.status_code in (200, 202)


def test_a_compressed_body_is_a_415_that_says_what_is_taken(client: httpx.Client, route: tuple[str, str]) -> None:
    path, text = route
    for encoding in ("gzip", "br", "deflate", "zstd", "identity, gzip"):
        detail = f"Content-Encoding {encoding!r} is not accepted here: send the body as it is"
        response = post(client, path, gzip.compress(text.encode()), Content_Encoding=encoding)
        assert_refused(response, ("Accept-Encoding", "identity"), detail)
    assert post(client, path, text.encode(), Content_Encoding="identity").status_code in (200, 202)


@pytest.mark.parametrize("path", ["/sessions/{id}/clear-stm", "/sessions/{id}/config", "/nowhere", "/admin/login/"])
def test_it_is_so_on_routes_that_do_not_read_their_body_too(
    client: httpx.Client, new_session: NewSession, path: str
) -> None:
    response = post(client, path.format(id=new_session()), b"\x1f\x8b", Content_Encoding="gzip")
    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("path", BODILESS)
def test_requests_without_a_body_need_no_encoding(client: httpx.Client, new_session: NewSession, path: str) -> None:
    session_id = new_session(node_id="bodiless")
    client.post(f"/sessions/{session_id}/observe", json={"strings": ["a", "b"]})
    headers = {"Content-Type": "application/json; charset=utf-16", "Content-Encoding": "gzip"}
    assert client.post(f"/sessions/{session_id}/{path}", headers=headers).status_code == 200


def test_the_content_type_decides_as_before(client: httpx.Client, new_session: NewSession) -> None:
    path = f"/sessions/{new_session()}/observe"
    content = b'{"strings": ["a"]}'
    for content_type in ("application/json", "application/vnd.kato+json", "APPLICATION/JSON"):
        assert post(client, path, content, Content_Type=content_type).status_code == 200
    assert client.post(path, content=content).status_code == 200, "without any"
    for content_type in ("text/plain; charset=utf-16", "application/x-www-form-urlencoded"):
        [problem] = post(client, path, content, Content_Type=content_type).json()["detail"]
        assert problem["type"] == "model_attributes_type"


def test_a_job_gets_the_body_without_its_byte_order_mark(
    client: httpx.Client, new_session: NewSession, worker: Worker
) -> None:
    path = f"/sessions/{new_session(node_id='encodings-job')}/observe-sequence?mode=async"
    body = codecs.BOM_UTF8 + json.dumps({"observations": [{"strings": ["grün"]}]}, ensure_ascii=False).encode()
    job = post(client, path, body).json()
    assert end_of(client, job)["state"] == "done"


def test_the_same_body_with_and_without_a_mark_is_one_request(client: httpx.Client, new_session: NewSession) -> None:
    path, content = f"/sessions/{new_session()}/observe", b'{"strings": ["a"]}'
    assert post(client, path, content, Idempotency_Key="k").status_code == 200
    repeated = post(client, path, codecs.BOM_UTF8 + content, Idempotency_Key="k")
    assert repeated.headers["Idempotency-Replayed"] == "true"


CHUNKS = b"12\r\n" + b'{"strings": ["a"]}' + b"\r\n0\r\n\r\n"
TRANSFERS: dict[str, tuple[list[str], int]] = {
    "chunked": (["Transfer-Encoding: chunked"], 200),
    "in capitals": (["Transfer-Encoding: Chunked"], 200),
    "compressed chunks": (["Transfer-Encoding: gzip, chunked"], 501),
    "in two headers": (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], 501),
    "chunks in chunks": (["Transfer-Encoding: chunked, chunked"], 501),
    "no chunks": (["Transfer-Encoding: gzip"], 400),
    "beside a length, which does not count": (["Content-Length: 5", "Transfer-Encoding: chunked"], 200),
}


@pytest.mark.parametrize("case", TRANSFERS)
def test_a_transfer_coding_is_chunked_or_not_implemented(
    web: WebServer, client: httpx.Client, new_session: NewSession, case: str
) -> None:
    headers, expected = TRANSFERS[case]
    session_id = new_session()
    whole = request("POST", f"/sessions/{session_id}/observe", *headers, "Connection: close", body=CHUNKS)
    with connected(web, whole) as one:
        received = everything_from(one)
    found = re.match(rb"HTTP/1.1 (\d+) ", received)
    assert found
    assert int(found[1]) == expected
    answered: list[Any] = client.get(f"/sessions/{session_id}/stm").json()["stm"]
    assert answered == ([["a"]] if expected == 200 else [])
    if expected == 501:
        assert b"is not implemented here: only chunked is" in received
        assert b"connection: close" in received.lower()


def test_a_compressed_body_that_does_not_say_so_is_told_apart_from_utf_16(
    client: httpx.Client, route: tuple[str, str]
) -> None:
    path, text = route
    refused = post(client, path, gzip.compress(text.encode()))
    detail = "gzip, which Content-Encoding does not say, is not accepted here: send the body as it is"
    assert_refused(refused, ("Accept-Encoding", "identity"), detail)


@pytest.mark.parametrize("parameter", ["charset*=nope''x", "charset*=utf-8''%FF%FE", "charset*=''", "x*=utf-16''%00"])
def test_a_parameter_of_the_content_type_that_cannot_be_read_does_no_harm(client: httpx.Client, parameter: str) -> None:
    response = post(client, "/sessions", b'{"node_id":"n"}', Content_Type=f"application/json; {parameter}")
    assert response.status_code in (200, 415), response.text
    assert "X-Trace-ID" in response.headers
