"""Which version of KATO answers a request: the header, the session, the default (http.md 0.9; kato-6.md 12.3)."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.stack import WebServer
from foundation.contracts import HEADER
from tests.support.contracts import NEW, OLD, asking, config_of, create
from tests.support.listeners import events_url
from tests.support.sessions import create_session

# The switch


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_session_follows_the_contract_of_its_creation_without_a_header(client: httpx.Client, contract: str) -> None:
    session = create(client, contract)
    for method, path in (
        ("GET", ""),
        ("GET", "/exists"),
        ("GET", "/stm"),
        ("GET", "/percept-data"),
        ("GET", "/predictions"),
        ("GET", "/cognition-data"),
        ("GET", "/config"),
        ("POST", "/extend"),
        ("POST", "/clear-stm"),
        ("POST", "/learn"),
        ("PATCH", "/stm"),
        ("GET", "/unknown"),
        ("DELETE", ""),
    ):
        response = client.request(method, f"/sessions/{session.id}{path}")
        assert response.headers[HEADER] == contract, (method, path)
    session = create(client, contract)
    for body in ({"strings": ["a"]}, {"vectors": [[1, 2]]}, {"strings": 5}):
        assert client.post(f"/sessions/{session.id}/observe", json=body).headers[HEADER] == contract


def test_without_a_header_everything_follows_the_default(client: httpx.Client) -> None:
    session = create_session(client)
    for path in ("/health", "/", f"/sessions/{session}", "/sessions", "/symbols/stats", "/nowhere", "/openapi.json"):
        assert client.get(path).headers[HEADER] == OLD
    assert client.get("/health").json()["contracts"] == [OLD, NEW]


def test_a_session_that_a_request_only_keeps_alive_has_no_part_in_the_answer(client: httpx.Client) -> None:
    session = create(client, NEW)
    response = client.get("/patterns/count", headers={"X-Session-ID": session.id})
    assert (response.headers["X-Session-ID"], response.headers[HEADER]) == (session.id, OLD)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/sessions"), ("GET", "/sessions/session-gone/stm"), ("GET", "/health"), ("GET", "/nowhere")),
        *(("POST", "/jobs"), ("GET", "/openapi.json"), ("GET", "/docs"), ("PATCH", "/health"), ("GET", "/admin/")),
    ],
)
def test_an_unknown_contract_is_refused_everywhere_before_anything_is_done(
    client: httpx.Client, method: str, path: str
) -> None:
    before = client.get("/sessions/count").json()
    response = client.request(method, path, json={"node_id": "n"}, headers=asking("7.0"))
    assert (response.status_code, response.headers[HEADER]) == (400, OLD)
    assert response.json() == {
        "detail": "X-KATO-Contract names an unknown contract, '7.0': valid ones are 3.10 and 6.3"
    }
    assert client.get("/sessions/count").json() == before


def test_browsers_may_read_it(client: httpx.Client) -> None:
    response = client.get("/health", headers={"Origin": "http://dashboard.example"})
    assert HEADER in response.headers["Access-Control-Expose-Headers"].split(", ")
    preflight = client.options(
        "/sessions",
        headers={
            "Origin": "http://dashboard.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": HEADER,
        },
    )
    assert preflight.headers["Access-Control-Allow-Headers"] == HEADER


def test_a_websocket_may_ask_for_a_contract_too(server: WebServer) -> None:
    url = events_url(server.url)
    with connect(url, additional_headers=asking(NEW), proxy=None) as connection:
        assert "worker_pid" in str(connection.recv())
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=asking("7.0"), proxy=None)
    assert (refused.value.response.status_code, refused.value.response.headers[HEADER]) == (400, OLD)


def test_a_differing_header_wins_for_what_is_shown(client: httpx.Client) -> None:
    session = create(client, NEW, config={"vector_search_limit": 5})
    assert "length_min_ratio" in config_of(session, OLD)
    assert "vector_search_limit" not in config_of(session, OLD)
    assert config_of(session)["vector_search_limit"] == 5
    response = client.post(f"/sessions/{session.id}/observe", json={"strings": ["a"]}, headers=asking(OLD))
    assert response.headers[HEADER] == OLD
    assert "vector_search" not in response.json()


@pytest.mark.parametrize(("pinned", "asked"), [(OLD, NEW), (NEW, OLD)])
def test_a_differing_header_is_refused_for_what_is_stored(client: httpx.Client, pinned: str, asked: str) -> None:
    session = create(client, pinned)
    before = config_of(session)
    path = f"/sessions/{session.id}/config"
    response = client.post(path, json={"persistence": 9}, headers=asking(asked))
    assert (response.status_code, response.headers[HEADER]) == (409, asked)
    if asked == NEW:
        assert response.json()["error"]["code"] == "CONTRACT_CONFLICT"
    else:
        assert response.json()["detail"].startswith(f"The session follows contract {pinned}")
    assert config_of(session) == before
    assert client.post(path, json={"persistence": 9}, headers=asking(pinned)).status_code == 200


def test_sessions_of_both_contracts_share_a_node(client: httpx.Client, request: pytest.FixtureRequest) -> None:
    node = request.node.name
    old, new = create(client, OLD, node), create(client, NEW, node)
    name = old.teach("a", "b", "c")
    assert new.teach("a", "b", "c") == name
    for session in (old, new):
        session.observe("a")
        session.observe("b")
    found = [session.get("predictions")["predictions"] for session in (old, new)]
    assert [(one["name"], one["frequency"], one["similarity"], one["matches"]) for [one] in found] == [
        ("".join(name.split("|")[1:]), 2, 0.8, ["a", "b"])
    ] * 2


# Errors (row 15)


def test_a_missing_session_is_a_detail_under_6_3(client: httpx.Client) -> None:
    text = "Session session-gone not found or expired"
    for method, path in (("GET", "/stm"), ("POST", "/observe"), ("GET", ""), ("POST", "/config"), ("PATCH", "/learn")):
        response = client.request(method, f"/sessions/session-gone{path}", headers=asking(NEW))
        assert (response.status_code, response.json()) == (404, {"detail": text})
    old = client.get("/sessions/session-gone/stm")
    assert old.json()["error"] == {"code": "SESSION_NOT_FOUND", "message": text, "session_id": "session-gone"}


def test_errors_of_the_endpoints_and_of_bodies_are_the_same_under_both(client: httpx.Client) -> None:
    session = create(client, NEW)
    for method, path, body in (
        ("POST", f"/sessions/{session.id}/observe", {"strings": 5}),
        ("POST", f"/sessions/{session.id}/learn", None),
        ("GET", "/nowhere", None),
        ("DELETE", "/health", None),
        ("GET", "/metrics/nothing", None),
        ("GET", "/jobs/job-x", None),
    ):
        old, new = (client.request(method, path, json=body, headers=asking(contract)) for contract in (OLD, NEW))
        assert (old.status_code, old.content) == (new.status_code, new.content)
        assert "detail" in new.json()


def test_a_pattern_that_is_not_there(client: httpx.Client) -> None:
    for given, status in (("0" * 40, 404), (f"PTRN|{'0' * 40}", 404), ("x", 422), ("A" * 40, 422)):
        assert client.get(f"/pattern/{given}").json()["pattern"]["status"] == "error"
        response = client.get(f"/pattern/{given}", headers=asking(NEW))
        assert response.status_code == status
        if status == 404:
            assert response.json() == {"detail": f"Pattern {given} not found"}
        else:
            error = response.json()["error"]
            assert (error["type"], error["code"], error["recoverable"]) == ("ValidationError", "VALIDATION_ERROR", True)
            assert set(error) == {"type", "code", "message", "recoverable", "context", "timestamp"}


# What is shown (rows 16 to 18)


def test_the_shown_id_of_a_node_follows_the_contract_and_what_it_knows_does_not(client: httpx.Client) -> None:
    node = "tea & biscuits@home/ö"
    create(client, NEW, node).teach("a", "b")
    shown = {OLD: "tea_&_biscuits@home_ö_kato", NEW: "tea___biscuits_home___kato"}
    for contract, node_id in shown.items():
        response = client.get("/patterns/count", params={"node_id": node}, headers=asking(contract))
        assert response.json() == {"pattern_count": 1, "node_id": node_id}


def test_the_version_is_that_of_the_contract(client: httpx.Client) -> None:
    for contract, version in ((OLD, "3.10.1"), (NEW, "6.3.2")):
        for path in ("/", "/status"):
            assert client.get(path, headers=asking(contract)).json()["version"] == version


def test_a_list_of_nodes_shows_their_ids_by_the_contract(client: httpx.Client) -> None:
    create(client, OLD, "listed@home").teach("a", "b")
    for contract, shown in ((OLD, "listed@home_kato"), (NEW, "listed_home_kato")):
        [node] = client.get("/nodes", params={"prefix": "listed@"}, headers=asking(contract)).json()["nodes"]
        assert (node["node_id"], node["shown_as"]) == ("listed@home", shown)


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_count_of_patterns_may_ask_to_be_flushed(client: httpx.Client, contract: str) -> None:
    for flush in ("true", "false"):
        response = client.get("/patterns/count", params={"node_id": "unused", "flush": flush}, headers=asking(contract))
        assert response.json()["pattern_count"] == 0
    assert client.get("/patterns/count", params={"flush": "perhaps"}).status_code == 422


def test_the_message_of_a_learn_counts_the_events_before_it(client: httpx.Client) -> None:
    session = create(client, NEW)
    session.observe("a")
    assert session.post("learn")["pattern_name"] == ""
    session.observe("a")
    session.observe("b")
    answer = session.post("learn")
    assert answer["message"] == f"Learned pattern {answer['pattern_name']} from 2 events"


# The documents


def test_there_is_a_document_for_each_contract(client: httpx.Client) -> None:
    old, new = (client.get("/openapi.json", params={"contract": contract}).json() for contract in (OLD, NEW))
    assert (old["info"]["version"], new["info"]["version"]) == ("3.10.1", "6.3.2")
    assert client.get("/openapi.json").json() == old
    assert client.get("/openapi.json", headers=asking(NEW)).json() == new
    schemas = new["components"]["schemas"]
    assert "vector_search" in schemas["ObservedAnswer"]["required"]
    assert schemas["Prediction"]["properties"]["anomalies"]["items"] == {"type": "string"}
    assert "vector_search" not in old["components"]["schemas"]["ObservedAnswer"]["properties"]


def test_the_pages_show_the_document_that_their_address_names(client: httpx.Client) -> None:
    script = client.get("/docs?contract=6.3&script=").text.replace(r"\u003D", "=")
    assert "/openapi.json?contract=6.3" in script
    assert "/openapi.json?contract=6.3" in client.get("/redoc?contract=6.3").text
    assert "contract" not in client.get("/docs?script=").text
    for path in ("/openapi.json?", "/docs?", "/docs?script=&", "/redoc?"):
        response = client.get(f"{path}contract=7.0")
        assert (response.status_code, response.json()["detail"]) == (
            400,
            "contract names an unknown contract, '7.0': valid ones are 3.10 and 6.3",
        )
