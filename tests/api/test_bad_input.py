"""Every kind of bad input gets its error and changes nothing (http.md 0.1 and 0.4, E4)."""

import json
from typing import Any

import httpx
import pytest

from tests.support.sessions import NewSession

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024


def observe(client: httpx.Client, session_id: str, content: bytes | str) -> httpx.Response:
    return client.post(f"/sessions/{session_id}/observe", content=content, headers=JSON)


def assert_nothing_observed(client: httpx.Client, session_id: str) -> None:
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []
    assert client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"] == {}


def problem(kind: str, location: list[Any], message: str, given: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "loc": location, "msg": message, "input": given, **more}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", problem("missing", ["body"], "Field required", None)),
        ("{}", problem("missing", ["body", "node_id"], "Field required", {})),
        (
            '{"node_id": ',
            problem("json_invalid", ["body", 12], "JSON decode error", {}, ctx={"error": "Expecting value"}),
        ),
        (
            "[1]",
            problem(
                "model_attributes_type",
                ["body"],
                "Input should be a valid dictionary or object to extract fields from",
                [1],
            ),
        ),
        ('{"node_id": 5}', problem("string_type", ["body", "node_id"], "Input should be a valid string", 5)),
        ('{"node_id": null}', problem("string_type", ["body", "node_id"], "Input should be a valid string", None)),
        (
            '{"node_id": "n", "ttl_seconds": 1.5}',
            problem(
                "int_from_float",
                ["body", "ttl_seconds"],
                "Input should be a valid integer, got a number with a fractional part",
                1.5,
            ),
        ),
        (
            '{"node_id": "n", "metadata": []}',
            problem("dict_type", ["body", "metadata"], "Input should be a valid dictionary", []),
        ),
    ],
)
def test_the_422_entries_of_creation(client: httpx.Client, content: str, expected: dict[str, Any]) -> None:
    response = client.post("/sessions", content=content, headers=JSON)
    assert response.status_code == 422
    assert response.json() == {"detail": [expected]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"strings": "a"}', problem("list_type", ["body", "strings"], "Input should be a valid list", "a")),
        ('{"strings": null}', problem("list_type", ["body", "strings"], "Input should be a valid list", None)),
        ('{"strings": ["a", 1]}', problem("string_type", ["body", "strings", 1], "Input should be a valid string", 1)),
        (
            '{"emotives": {"joy": null}}',
            problem("float_type", ["body", "emotives", "joy"], "Input should be a valid number", None),
        ),
        (
            '{"emotives": {"joy": "much"}}',
            problem(
                "float_parsing",
                ["body", "emotives", "joy"],
                "Input should be a valid number, unable to parse string as a number",
                "much",
            ),
        ),
        ('{"vectors": [1]}', problem("list_type", ["body", "vectors", 0], "Input should be a valid list", 1)),
        ('{"metadata": 1}', problem("dict_type", ["body", "metadata"], "Input should be a valid dictionary", 1)),
    ],
)
def test_the_422_entries_of_observe(
    client: httpx.Client, new_session: NewSession, content: str, expected: dict[str, Any]
) -> None:
    session_id = new_session()
    response = observe(client, session_id, content)
    assert response.status_code == 422
    assert response.json() == {"detail": [expected]}
    assert response.headers["X-Session-ID"] == session_id
    assert_nothing_observed(client, session_id)


def test_all_problems_of_a_request_are_listed_together(client: httpx.Client, new_session: NewSession) -> None:
    response = observe(client, new_session(), '{"strings": [1, "a", 2], "emotives": [], "metadata": "x"}')
    assert [tuple(one["loc"]) for one in response.json()["detail"]] == [
        ("body", "strings", 0),
        ("body", "strings", 2),
        ("body", "emotives"),
        ("body", "metadata"),
    ]


def test_numbers_are_read_as_leniently_as_in_kato(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(ttl_seconds="60")
    assert observe(client, session_id, '{"emotives": {"a": "1.5", "b": true}, "unknown": [1]}').status_code == 200
    percept = client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]
    assert percept["emotives"] == {"a": 1.5, "b": 1.0}


@pytest.mark.parametrize(
    ("content", "location"),
    [
        ('{"emotives": {"joy": NaN}}', ["body", "emotives", "joy"]),
        ('{"emotives": {"joy": -Infinity}}', ["body", "emotives", "joy"]),
        ('{"emotives": {"joy": 1e999}}', ["body", "emotives", "joy"]),
        ('{"vectors": [[1, NaN]]}', ["body", "vectors", 0, 1]),
        ('{"metadata": {"deep": [{"x": NaN}]}}', ["body", "metadata", "deep", 0, "x"]),
        ('{"metadata": {"x": 1E+999}}', ["body", "metadata", "x"]),
        ('{"metadata": {"x": -1e400}}', ["body", "metadata", "x"]),
        ('{"metadata": {"x": ' + "9" * 400 + ".0}}", ["body", "metadata", "x"]),
    ],
)
def test_numbers_that_are_not_finite_are_refused(
    client: httpx.Client, new_session: NewSession, content: str, location: list[Any]
) -> None:
    session_id = new_session()
    response = observe(client, session_id, content)
    assert response.status_code == 422
    [only] = response.json()["detail"]
    assert (only["type"], only["loc"]) == ("finite_number", location)
    assert_nothing_observed(client, session_id)


@pytest.mark.parametrize(
    ("content", "location"),
    [
        (r'{"strings": ["a\u0000b"]}', ["body", "strings", 0]),
        (r'{"emotives": {"j\u0000": 1}}', ["body", "emotives", "j\0"]),
        (r'{"metadata": {"k": ["\u0000"]}}', ["body", "metadata", "k", 0]),
        (r'{"metadata": {"k\u0000": 1}}', ["body", "metadata", "k\0"]),
        (r'{"unique_id": "\u0000"}', ["body", "unique_id"]),
    ],
)
def test_the_nul_character_is_refused_wherever_it_stands(
    client: httpx.Client, new_session: NewSession, content: str, location: list[Any]
) -> None:
    session_id = new_session()
    response = observe(client, session_id, content)
    assert response.status_code == 422
    [only] = response.json()["detail"]
    assert (only["type"], only["loc"]) == ("nul_character", location)
    assert_nothing_observed(client, session_id)


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/sessions", r'{"node_id": "n\u0000"}'),
        ("POST", "/sessions", r'{"node_id": "n", "metadata": {"a": "\u0000"}}'),
        ("POST", "/sessions", r'{"node_id": "n", "config": {"affinity_emotive": "\u0000"}}'),
        ("GET", "/sessions?node_id=%00", None),
        ("GET", "/patterns/count?node_id=%00", None),
        ("GET", "/symbols/affinity?node_id=a%00b", None),
        ("GET", "/percept-data?node_id=%00", None),
    ],
)
def test_the_nul_character_is_refused_outside_observations_too(
    client: httpx.Client, method: str, path: str, content: str | None
) -> None:
    response = client.request(method, path, content=content, headers=JSON)
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "nul_character"


def test_text_that_looks_like_an_escaped_nul_is_just_text(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    assert observe(client, session_id, r'{"strings": ["\\u0000", "NaN", "1e999"]}').status_code == 200
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["1e999", "NaN", r"\u0000"]]


@pytest.mark.parametrize(
    "content",
    [
        b'{"strings": ["\xff\xfe"]}',
        b'{"strings": ["\xc3("]}',
        rb'{"strings": ["\ud800"]}',
        rb'{"metadata": {"k": "\udfff"}}',
        b'{"strings": ["a"]} trailing',
        b'{"metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"vectors": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"metadata": {"k": ' + b"9" * 5000 + b"}}",
    ],
)
def test_json_that_cannot_be_stored_is_refused(client: httpx.Client, new_session: NewSession, content: bytes) -> None:
    session_id = new_session()
    response = observe(client, session_id, content)
    assert response.status_code == 422, response.text
    assert response.json()["detail"][0]["type"] in ("json_invalid", "list_type", "float_type")
    assert_nothing_observed(client, session_id)


def test_nesting_that_can_be_stored_is_stored(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"a": [deep]} if _ % 2 else [deep]
    body = {"strings": ["a"], "metadata": {"deep": deep}}
    assert observe(client, session_id, json.dumps(body)).status_code == 200
    assert client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]["metadata"] == {"deep": deep}


def test_a_huge_integer_in_metadata_comes_back_whole(client: httpx.Client, new_session: NewSession) -> None:
    number = 12345678901234567890123456789012345678901234567890
    session_id = new_session(metadata={"n": number})
    assert client.get(f"/sessions/{session_id}").json()["metadata"] == {"n": number}
    assert observe(client, session_id, json.dumps({"metadata": {"n": number}})).status_code == 200
    percept = client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]
    assert percept["metadata"] == {"n": number}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_without_a_json_content_type_is_a_text(client: httpx.Client, content_type: str) -> None:
    response = client.post("/sessions", content='{"node_id": "n"}', headers={"Content-Type": content_type})
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "model_attributes_type"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/vnd.kato+json"])
def test_json_by_another_name_is_json(client: httpx.Client, content_type: str) -> None:
    response = client.post("/sessions", content='{"node_id": "n"}', headers={"Content-Type": content_type})
    assert response.status_code == 200


def test_a_body_without_a_content_type_is_json(client: httpx.Client) -> None:
    request = client.build_request("POST", "/sessions", content='{"node_id": "n"}')
    request.headers.pop("Content-Type", None)
    assert client.send(request).status_code == 200


def test_a_body_in_chunks_is_read_whole(client: httpx.Client) -> None:
    parts = (part.encode() for part in ('{"node', '_id": "chun', 'ked"}'))
    response = client.post("/sessions", content=parts, headers=JSON)
    assert (response.status_code, response.json()["node_id"]) == (200, "chunked")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_megabytes_is_refused(client: httpx.Client, new_session: NewSession, chunked: bool) -> None:
    session_id = new_session()
    megabyte = b"x" * 1_000_000
    content = (megabyte for _ in range(100)) if chunked else megabyte * 100
    try:
        response = client.post(f"/sessions/{session_id}/observe", content=content, headers=JSON)
    except httpx.WriteError:
        pytest.fail("the connection was closed before the client could read the answer")
    assert response.status_code == 413
    given = "this one has more" if chunked else "this one has 100000000"
    assert response.json() == {"detail": f"Request body too large: at most {MEBIBYTE} bytes are taken here, {given}"}
    assert_nothing_observed(client, session_id)


def test_node_ids_may_be_any_text_of_up_to_512_characters(client: httpx.Client) -> None:
    for node_id in ("", " ", "a/b?c#d", "'; DROP TABLE sessions_app_session; --", "日本😀", "x" * 512):
        response = client.post("/sessions", json={"node_id": node_id})
        assert (response.status_code, response.json()["node_id"]) == (200, node_id)
    response = client.post("/sessions", json={"node_id": "x" * 513})
    assert response.json()["detail"][0]["type"] == "string_too_long"


@pytest.mark.parametrize("session_id", ["nope", "%00", "%FF%FE", "a%2Fb", "x" * 5000, "'", "%F0%9F%98%80", "count%20"])
def test_impossible_session_ids_are_a_404(client: httpx.Client, session_id: str) -> None:
    response = client.get(f"/sessions/{session_id}/stm")
    assert response.status_code == 404
    assert client.get(f"/sessions/{session_id}/exists").status_code == (404 if session_id == "a%2Fb" else 200)
    keyed = client.post(f"/sessions/{session_id}/clear-stm", headers={"Idempotency-Key": "k"})
    assert keyed.status_code == 404


def test_strings_come_back_as_they_were(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    strings = ["", " ", "it's", 'say "hi"', "back\\slash", "line\nfeed", "\x01\x7f", "é", "e\u0301", "日本😀", "\u200b"]
    for string in strings:
        client.post(f"/sessions/{session_id}/observe", json={"strings": [string]})
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [[string] for string in strings]


def test_input_that_cannot_be_quoted_is_refused_like_any_other(client: httpx.Client, new_session: NewSession) -> None:
    """Lone surrogates and deep nesting, also where the error would have to repeat them."""
    session = f"/sessions/{new_session()}"
    for path, content in (
        (f"{session}/config", rb'{"affinity_emotive": "\ud800"}'),
        (f"{session}/config", rb'"\ud800"'),
        (f"{session}/observe", rb'{"strings": "\ud800"}'),
        ("/sessions", rb'{"node_id": ["\ud800"]}'),
        (f"{session}/observe", b'{"strings": ' + b"[" * 500 + b"]" * 500 + b"}"),
        (f"{session}/observe", b'{"metadata": {"k": ' + b"9" * 300 + b"e50}}"),
    ):
        response = client.post(path, content=content, headers=JSON)
        assert response.status_code == 422, (content[:40], response.text)


def test_the_mean_of_huge_emotives_is_a_number(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    for _ in range(2):
        observe(client, session_id, '{"strings": ["a"], "emotives": {"joy": 1.7e308}}')
    percept = client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]
    assert percept["emotives"] == {"joy": 1.7e308}
    assert client.post(f"/sessions/{session_id}/learn").status_code == 200
