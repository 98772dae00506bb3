"""What a request may carry, and that a refusal does not grow with what was sent (http.md 0.6)."""

import json
import socket
from typing import Any
from unittest import mock

import httpx
import psycopg
import pytest
from django.conf import settings
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.stack import WebServer
from foundation.errors import InvalidRequest
from foundation.http import bodies
from sessions_app.shapes.bodies import ObservationInput
from sessions_app.shapes.bodies import ObserveSequence as SequenceInput
from tests.support.raw_sockets import connected, everything_from, request
from tests.support.sessions import NewSession, create_session

JSON = {"Content-Type": "application/json"}
LIMITS = settings.ENV
MEBIBYTE = 1024 * 1024


def refused(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 422, response.text[:500]
    assert len(response.content) < 300_000
    problems: list[dict[str, Any]] = response.json()["detail"]
    return problems


def post(client: httpx.Client, path: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers=JSON)


def many(value: str, number: int) -> bytes:
    return f"[{','.join([value] * number)}]".encode()


# What a refusal says ------------------------------------------------------------------------------------------------


def test_a_refusal_lists_a_hundred_problems_and_says_how_many_more_there_are(
    client: httpx.Client, new_session: NewSession
) -> None:
    response = post(client, f"/sessions/{new_session()}/observe", {"strings": [1] * 250})
    assert [one["loc"] for one in refused(response)] == [["body", "strings", index] for index in range(100)]
    assert response.json()["note"] == "And 150 more problems"


def test_a_refusal_that_lists_everything_has_no_note(client: httpx.Client, new_session: NewSession) -> None:
    response = post(client, f"/sessions/{new_session()}/observe", {"strings": [1] * 100})
    assert len(refused(response)) == 100
    assert "note" not in response.json()


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"strings": "x" * 100_000}, "x" * 1000 + "…"),
        ({"strings": {"a": "x" * 100_000}}, '{"a":"' + "x" * 994 + "…"),
        (
            {"strings": {"a": list(range(10_000))}},
            json.dumps({"a": list(range(10_000))}, separators=(",", ":"))[:1000] + "…",
        ),
        ({"strings": {"a": [1, "b"]}}, {"a": [1, "b"]}),
    ],
)
def test_a_refusal_quotes_the_beginning_of_long_input(
    client: httpx.Client, new_session: NewSession, content: dict[str, Any], shown: Any
) -> None:
    [problem] = refused(post(client, f"/sessions/{new_session()}/observe", content))
    assert problem["input"] == shown


def test_a_refusal_quotes_the_beginning_of_a_long_name(client: httpx.Client, new_session: NewSession) -> None:
    [problem] = refused(post(client, f"/sessions/{new_session()}/observe", {"emotives": {"x" * 4000: None}}))
    assert problem["loc"] == ["body", "emotives", "x" * 1000 + "…"]


@pytest.mark.parametrize(
    "item", ["1", "[]", "{}", '{"strings":[1]}', '{"emotives":{"a":"x"}}', '{"vectors":[["x"]]}', '"a"']
)
@pytest.mark.parametrize(
    ("route", "around"),
    [
        ("observe", b'{"strings":%b}'),
        ("observe", b'{"vectors":[%b]}'),
        ("observe-sequence", b'{"observations":%b}'),
        ("observe-sequence", b'{"observations":[{"strings":%b}]}'),
        ("jobs", b'{"kind":"train","node_id":"n","sequences":%b}'),
        ("jobs", b'{"kind":"train","node_id":"n","sequences":[%b]}'),
    ],
)
def test_a_hundred_thousand_wrong_values_get_a_short_answer(
    client: httpx.Client, new_session: NewSession, route: str, around: bytes, item: str
) -> None:
    path = "/jobs" if route == "jobs" else f"/sessions/{new_session()}/{route}"
    response = post(client, path, around % many(item, 60_000 if len(item) < 10 else 30_000))
    assert len(refused(response)) <= 100
    assert "note" in response.json() or len(response.json()["detail"]) == 1


def test_without_a_session_wrong_values_cost_no_more(client: httpx.Client) -> None:
    response = post(client, "/sessions/none/observe", b'{"strings":' + many("1", 400_000) + b"}")
    assert response.status_code == 404


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OBSERVATIONS = st.fixed_dictionaries(
    {},
    optional={
        "strings": st.lists(st.text(max_size=3), max_size=3) | ANYTHING,
        "vectors": st.lists(st.lists(st.floats(-9, 9), min_size=1, max_size=2), max_size=2) | ANYTHING,
        "emotives": st.dictionaries(st.text(max_size=3), st.floats(-9, 9), max_size=2) | ANYTHING,
        "metadata": st.dictionaries(st.text(max_size=3), ANYTHING, max_size=2),
        "unique_id": st.text(max_size=3),
    },
)


@given(st.fixed_dictionaries({"observations": st.lists(OBSERVATIONS | ANYTHING, max_size=3)}))
def test_a_long_body_is_judged_as_a_short_one_but_to_its_first_problem_only(body: dict[str, Any]) -> None:
    def outcome(few_values: int) -> Any:
        request = RequestFactory().post("/", content_type="application/json")
        with mock.patch.object(bodies, "_FEW_VALUES", few_values):
            try:
                return bodies.parse_body(request, SequenceInput, json.dumps(body).encode())
            except InvalidRequest as refusal:
                return refusal

    thorough, hasty = outcome(1_000_000), outcome(0)
    if isinstance(thorough, SequenceInput):
        assert hasty == thorough
    else:
        assert isinstance(hasty, InvalidRequest)
        assert hasty.problems
        # The values that `problem == problem` compares are those of one text, parsed twice.
        assert all(problem in thorough.problems for problem in hasty.problems)


# Limits -------------------------------------------------------------------------------------------------------------


def sequence(*observations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"observations": list(observations), **more}


def training(*sequences: list[Any]) -> dict[str, Any]:
    return {"kind": "train", "node_id": "limits", "sequences": list(sequences)}


def vectors(number: int) -> list[list[float]]:
    return [[float(index)] for index in range(number)]


LONG = {"k": "x" * 65_536}
EMOTIVES = {str(index): 1 for index in range(201)}
LONG_NAME = "x" * 1000 + "…"
WITH_VECTOR = {"vectors": [[1.0]]}


@pytest.mark.parametrize(
    ("route", "body", "type_", "location", "limit", "told"),
    [
        ("observe", {"strings": ["x" * 4097]}, "string_too_long", ["strings", 0], 4096, None),
        ("observe", {"strings": ["x"] * 10_001}, "too_long", ["strings"], 10_000, 10_001),
        ("observe", {"emotives": {"x" * 4097: 1}}, "string_too_long", ["emotives", LONG_NAME, "[key]"], 4096, None),
        ("observe", {"emotives": EMOTIVES}, "too_long", ["emotives"], 200, None),
        ("observe", {"metadata": LONG}, "metadata_too_long", ["metadata"], 65_536, 65_544),
        ("observe", {"unique_id": "x" * 4097}, "string_too_long", ["unique_id"], 4096, None),
        ("observe", {"vectors": vectors(2001)}, "too_long", ["vectors"], 2000, 2001),
        ("observe-sequence", sequence(*[{}] * 10_001), "too_long", ["observations"], 10_000, 10_001),
        ("observe-sequence", sequence(*[WITH_VECTOR] * 2001), "too_many_vectors", ["observations"], 2000, 2001),
        ("jobs", training(*[[["a"]] * 25_000] * 2, [["a"]]), "too_many_events", ["sequences"], 50_000, 50_001),
        ("jobs", training([["a"]] * 50_001), "too_long", ["sequences", 0], 50_000, 50_001),
        ("jobs", training([WITH_VECTOR] * 2001), "too_many_vectors", ["sequences"], 2000, 2001),
        ("jobs", training([["x" * 4097]]), "string_too_long", ["sequences", 0, 0, "symbols", 0], 4096, None),
        ("jobs", training([["a"]] * 125_000), "too_many_values", [], 250_000, 250_004),
        ("create", {"node_id": "n", "metadata": LONG}, "metadata_too_long", ["metadata"], 65_536, 65_544),
        ("create", {"node_id": "n" * 513}, "string_too_long", ["node_id"], 512, None),
    ],
)
def test_a_limit_is_told_with_the_field_and_what_was_given(
    client: httpx.Client,
    route: str,
    body: dict[str, Any],
    type_: str,
    location: list[Any],
    limit: int,
    told: int | None,
) -> None:
    session_id = create_session(client)
    path = {"create": "/sessions", "jobs": "/jobs"}.get(route, f"/sessions/{session_id}/{route}")
    [problem] = refused(post(client, path, body))
    assert (problem["type"], problem["loc"]) == (type_, ["body", *location])
    assert f"at most {limit} " in problem["msg"]
    assert told is None or problem["msg"].endswith(f", not {told}")
    assert client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"] == {}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("observe", {"strings": ["x" * 4096]}),
        ("observe", {"strings": ["x"] * 10_000}),
        ("observe", {"emotives": {str(index): 1 for index in range(200)}}),
        ("observe", {"metadata": {"k": "x" * 65_528}}),
        ("observe-sequence", sequence(*[{}] * 10_000)),
        ("create", {"node_id": "n", "metadata": {"k": "é" * 32_764}}),
        ("jobs", training(*[[["a", "b"]] * 25_000] * 2)),
    ],
)
def test_what_is_just_within_a_limit_is_taken(client: httpx.Client, route: str, body: dict[str, Any]) -> None:
    path = {"create": "/sessions", "jobs": "/jobs"}.get(route, f"/sessions/{create_session(client)}/{route}")
    assert post(client, path, body).status_code == (202 if route == "jobs" else 200)


def test_a_sequence_that_would_learn_for_minutes_changes_nothing(client: httpx.Client) -> None:
    config = {"max_pattern_length": 500, "stm_mode": "ROLLING"}
    session_id = create_session(client, "learns long patterns", config=config)
    body = sequence(*({"strings": [f"s{number}"]} for number in range(2000)))
    [problem] = refused(post(client, f"/sessions/{session_id}/observe-sequence", body))
    assert (problem["type"], problem["loc"]) == ("too_much_learning", ["body", "observations"])
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []
    assert client.get("/patterns/count", params={"node_id": "learns long patterns"}).json()["pattern_count"] == 0


def test_what_was_stored_under_other_limits_stays_readable(
    client: httpx.Client, new_session: NewSession, database: psycopg.Connection
) -> None:
    session_id, long = new_session(), "x" * 100_000
    client.post(f"/sessions/{session_id}/observe", json={"strings": ["a", "b"]})
    database.execute(
        "UPDATE sessions_app_session SET metadata = %s WHERE id = %s", [json.dumps({"k": long}), session_id]
    )
    database.execute(
        "UPDATE sessions_app_entry SET value = %s WHERE session_id = %s", [json.dumps(["a", long]), session_id]
    )
    assert client.get(f"/sessions/{session_id}").json()["metadata"] == {"k": long}
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == [["a", long]]
    assert client.post(f"/sessions/{session_id}/learn").status_code == 200


# The size of a body -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "limit"),
    [
        ("config", 64 * 1024),
        ("extend", 64 * 1024),
        ("learn", 64 * 1024),
        ("no-such-route", 64 * 1024),
        ("observe", MEBIBYTE),
        ("observe-sequence", 16 * MEBIBYTE),
    ],
)
def test_each_route_takes_bodies_as_large_as_it_needs(client: httpx.Client, route: str, limit: int) -> None:
    response = client.post(f"/sessions/{create_session(client)}/{route}", content=b" " * (limit + 1), headers=JSON)
    assert response.status_code == 413
    assert response.json() == {
        "detail": f"Request body too large: at most {limit} bytes are taken here, this one has {limit + 1}"
    }


def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(server: WebServer) -> None:
    """By the limit of its route, whatever other routes take."""
    for route, limit in (("jobs", 16 * MEBIBYTE), ("sessions", MEBIBYTE), ("health", 64 * 1024)):
        head = f"POST /{route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {limit + 1}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(head.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_a_client_can_send_all_of_a_body_that_is_too_large(server: WebServer, framing: str) -> None:
    """A proxy that is still sending when the connection closes answers with a 502 of its own."""
    body = b" " * (12 * MEBIBYTE)
    if framing == "announced":
        whole = request("POST", "/sessions", announced=len(body), body=body)
    else:
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        whole = request("POST", "/sessions", "Transfer-Encoding: chunked", body=chunks)
    for _ in range(5):
        with connected(server, whole) as one:
            assert one.recv(10_000).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_first_need_not_send_a_body_that_is_too_large(server: WebServer) -> None:
    asking = request("POST", "/sessions", "Expect: 100-continue", announced=12 * MEBIBYTE)
    with connected(server, asking) as one:
        assert everything_from(one).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("route", "limit"), [("config", 64 * 1024), ("observe", MEBIBYTE)])
def test_a_body_in_chunks_has_the_limit_of_its_route(client: httpx.Client, route: str, limit: int) -> None:
    path = f"/sessions/{create_session(client)}/{route}"
    response = client.post(path, content=(b" " * 1024 for _ in range(limit // 1024 + 1)), headers=JSON)
    assert response.status_code == 413
    assert response.json() == {
        "detail": f"Request body too large: at most {limit} bytes are taken here, this one has more"
    }


def test_the_console_takes_no_large_forms(client: httpx.Client) -> None:
    assert client.post("/admin/login/", content=b"x" * (MEBIBYTE + 1)).status_code == 413


# JSON ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000 + "]" * 5000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 500_000,
        "9" * 10_000,
        "-" + "9" * 900_000,
        "1e400",
        "NaN",
        "-Infinity",
        r'"\ud800"',
        '"\\u0000"',
    ],
)
@pytest.mark.parametrize("around", ['{"strings":["a"],"metadata":{"k":%s}}', '{"emotives":{"joy":%s}}'])
def test_json_that_is_out_of_bounds_is_refused_with_a_short_answer(
    client: httpx.Client, new_session: NewSession, text: str, around: str
) -> None:
    session_id = new_session()
    response = client.post(f"/sessions/{session_id}/observe", content=around % text, headers=JSON)
    assert refused(response)
    assert len(response.content) < 5000
    assert client.get(f"/sessions/{session_id}/stm").json()["stm"] == []


def test_of_a_name_that_comes_twice_the_last_value_counts(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session()
    content = '{"strings":["a"],"strings":["b"],"metadata":{"k":1,"k":2}}'
    assert client.post(f"/sessions/{session_id}/observe", content=content, headers=JSON).status_code == 200
    percept = client.get(f"/sessions/{session_id}/percept-data").json()["percept_data"]
    assert (percept["strings"], percept["metadata"]) == (["b"], {"k": 2})


def test_the_limits_are_in_the_openapi_document(client: httpx.Client) -> None:
    properties = client.get("/openapi.json").json()["components"]["schemas"]["ObservationInput"]["properties"]
    assert properties["strings"]["maxItems"] == LIMITS.limit_symbols
    assert properties["strings"]["items"]["maxLength"] == LIMITS.limit_text
    assert properties["emotives"]["maxProperties"] == LIMITS.limit_emotives
    assert properties["vectors"]["maxItems"] == LIMITS.limit_vectors
    assert ObservationInput.model_json_schema()["properties"]["strings"]["maxItems"] == LIMITS.limit_symbols
