"""Every error that the reference lists for an operation can be provoked and has the body of KATO (http.md 0.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer
from tests.api.contract.document import assert_described
from tests.api.contract.reference import API, BY_NAME, Operation
from tests.api.contract.world import World
from tests.support.contracts import NEW


@dataclass(frozen=True)
class Provoked:
    """A request that provokes the error, and the `detail` of the error."""

    detail: Any
    json: Any = None
    query: str = ""
    path: dict[str, str] | None = None
    first: str | None = None  # a POST below the session before


def _problem(kind: str, location: list[str | int], message: str, given: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"type": kind, "loc": location, "msg": message, "input": given, **more}]


S = "/sessions/{session_id}"
GONE = {"session_id": "session-gone"}
NO_BODY = _problem("missing", ["body"], "Field required", None)
INVALID_CONFIGURATION = {
    "error": "Configuration validation failed",
    "validation_errors": {"recall_threshold": "Must be a number between 0.0 and 1.0"},
}
NOT_AN_INTEGER = "Input should be a valid integer, unable to parse string as an integer"
BAD_MINUTES = _problem("int_parsing", ["query", "minutes"], NOT_AN_INTEGER, "x")
NOTHING = {"metric_name": "nothing"}

PROVOKED: dict[tuple[str, int], list[Provoked]] = {
    ("POST /sessions", 422): [
        Provoked(NO_BODY),
        Provoked(_problem("missing", ["body", "node_id"], "Field required", {}), json={}),
        Provoked(
            _problem("string_type", ["body", "node_id"], "Input should be a valid string", 1), json={"node_id": 1}
        ),
    ],
    (f"GET {S}", 404): [Provoked("Session session-gone not found or expired", path=GONE)],
    (f"POST {S}/config", 400): [
        Provoked(INVALID_CONFIGURATION, json={"recall_threshold": 2}),
        Provoked(INVALID_CONFIGURATION, json={"config": {"recall_threshold": 2}}),
    ],
    (f"POST {S}/config", 422): [
        Provoked(NO_BODY),
        Provoked(_problem("dict_type", ["body"], "Input should be a valid dictionary", [1]), json=[1]),
    ],
    (f"POST {S}/extend", 422): [
        Provoked(_problem("int_parsing", ["query", "ttl_seconds"], NOT_AN_INTEGER, "x"), query="ttl_seconds=x"),
    ],
    (f"POST {S}/observe", 422): [
        Provoked(NO_BODY),
        Provoked(
            _problem("list_type", ["body", "strings"], "Input should be a valid list", "a"), json={"strings": "a"}
        ),
        Provoked(
            _problem("float_type", ["body", "emotives", "joy"], "Input should be a valid number", None),
            json={"emotives": {"joy": None}},
        ),
    ],
    (f"POST {S}/observe-sequence", 422): [
        Provoked(_problem("missing", ["body", "observations"], "Field required", {}), json={}),
        Provoked(
            _problem("string_type", ["body", "observations", 1, "strings", 0], "Input should be a valid string", 1),
            json={"observations": [{}, {"strings": [1]}]},
        ),
    ],
    (f"POST {S}/learn", 400): [Provoked("Cannot learn from empty STM", first="clear-stm")],
    ("GET /metrics/{metric_name}", 404): [
        Provoked("No data available for metric 'nothing' in the last 3 minutes", path=NOTHING, query="minutes=3"),
    ],
    ("GET /metrics/{metric_name}", 422): [Provoked(BAD_MINUTES, query="minutes=x")],
    ("GET /stats", 422): [Provoked(BAD_MINUTES, query="minutes=x")],
}

# test_every_operation.py tests the 404 of a session for all other operations. Where KATO returns 500 for an unavailable
# store, this service returns 503: the last test below for every operation, and tests/faults/test_database_faults.py.
ELSEWHERE = {500, 503}
# Cannot be provoked here: the operation succeeds.
ANSWERED = {("GET /sessions/test/{test_id}", 404)}


def listed() -> Iterator[tuple[Operation, int]]:
    for operation in API:
        for status in operation.errors:
            in_general = status == 404 and operation.of_session
            if status not in ELSEWHERE and not in_general and (operation.name, status) not in ANSWERED:
                yield operation, status


@pytest.mark.parametrize(("operation", "status"), list(listed()), ids=lambda part: getattr(part, "name", str(part)))
def test_a_listed_error_has_the_body_of_kato(world: World, operation: Operation, status: int) -> None:
    for provoked in PROVOKED[operation.name, status]:
        path = world.path(operation, **(provoked.path or {}))
        if provoked.first:
            world.client.post(f"{path.rpartition('/')[0]}/{provoked.first}")
        url = f"{path}?{provoked.query}" if provoked.query else path
        response = world.client.request(operation.method, url, json=provoked.json)
        assert (response.status_code, response.json()) == (status, {"detail": provoked.detail})
        assert response.headers["Content-Type"] == "application/json"
        assert_described(operation.name, status, response.json())
        if operation.of_session:
            assert response.headers["X-Session-ID"] in path


def test_every_entry_of_the_table_is_an_error_of_an_operation() -> None:
    assert {(operation.name, status) for operation, status in listed()} == set(PROVOKED)
    assert {name for name, _ in PROVOKED} <= set(BY_NAME)


@pytest.fixture(scope="module")
def storeless() -> Iterator[httpx.Client]:
    """The service with a database that does not exist."""
    server = WebServer(workers=1, DATABASE_URL="postgresql://kato@/kato?host=/nonexistent")
    server.start()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
    server.stop()


# The process answers these alone, with null for what it cannot know.
NEEDS_NO_DATABASE = {
    *("GET /", "GET /health", "GET /status", "GET /sessions/test/{test_id}"),
    *("GET /percept-data", "GET /cognition-data"),
    *("GET /metrics", "GET /stats", "GET /concurrency", "GET /cache/stats", "POST /cache/invalidate"),
    *("GET /distributed-stm/stats", "GET /connection-pools"),
}
UNAVAILABLE = {"GET /metrics/{metric_name}": "Metrics collector not available"}
CODES = {"GET /metrics/{metric_name}": "SERVICE_UNAVAILABLE"}


@pytest.mark.parametrize("operation", API, ids=lambda operation: operation.name)
def test_without_a_store_it_is_a_503_that_says_when_to_come_back(
    storeless: httpx.Client, world: World, operation: Operation
) -> None:
    """R17, R18: never a 404, which clients take for a lost session. Liveness still answers."""
    response = World(storeless, "node", "PTRN|" + 40 * "0").call(operation, session_id="session-there")
    assert_described(operation.name, response.status_code, response.json())
    of_6_3 = World(storeless, "node", "PTRN|" + 40 * "0").call(operation, session_id="session-there", contract=NEW)
    assert_described(operation.name, of_6_3.status_code, of_6_3.json(), NEW)
    assert of_6_3.status_code == response.status_code
    if operation.name in NEEDS_NO_DATABASE:
        assert response.status_code == 200
    else:
        assert of_6_3.json()["error"]["code"] == CODES.get(operation.name, "DATABASE_CONNECTION_ERROR")
        detail = UNAVAILABLE.get(operation.name, "The session store is not available at the moment")
        assert (response.status_code, response.json()) == (503, {"detail": detail})
        assert response.headers["Retry-After"] == "1"
        assert "X-Session-ID" not in response.headers
