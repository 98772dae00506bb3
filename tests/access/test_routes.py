"""Each operation of the API, found by the URL conf, with each scope, for own and for foreign nodes."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from foundation.callers import Scope
from foundation.http.views import LeanView
from tests.access.keys import Key, bearer
from tests.access.routes import Operation, Route, operations, routes
from tests.support.jobs import train
from tests.support.sessions import create_session, observations, observe

OPERATIONS = operations()
CLOSED = [one for one in OPERATIONS if one.needs]
OF_SESSION = [one for one in CLOSED if one.of_session]

OWN, FOREIGN = "own-node", "foreign-node"

each = pytest.mark.parametrize


def new_node(beginning: str) -> str:
    """A node that no job of another test changes: a worker that is busy executes them long after those tests."""
    return f"{beginning}-{uuid4().hex}"


def named(operations: list[Operation]) -> Any:
    return {"argvalues": operations, "ids": str}


@each("route", list(routes()), ids=lambda route: route.path)
def test_every_view_says_what_each_of_its_methods_needs(route: Route) -> None:
    needs = route.view.needs
    described = getattr(route.view, "schema", None) is not None
    assert set(needs) == (route.methods if described or needs else set())
    # Only the base of the API's views asks for it.
    assert issubclass(route.view, LeanView) or not any(needs.values())


def test_only_health_and_documentation_are_open() -> None:
    assert {one.path for one in OPERATIONS if not one.needs} == {
        *("/health", "/health/ready"),
        *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"),
    }


@pytest.fixture(scope="module")
def home(operator: Key) -> Callable[[str], dict[str, str]]:
    """What the paths of a node may name: a new pattern, a new session that has observed something, and a job."""

    def make(node_id: str) -> dict[str, str]:
        session_id = create_session(operator.client, node_id)
        body = {"observations": observations([session_id], "b"), "learn_at_end": True}
        learned = operator.client.post(f"/sessions/{session_id}/observe-sequence", json=body).json()
        observe(operator.client, session_id, "a", "b")
        job_id = train(operator.client, f"{node_id}'s job", [[["a"]]])["job_id"]
        return {"session_id": session_id, "job_id": job_id, "name": learned["final_learned_pattern"]}

    return make


@pytest.fixture
def rows(database: psycopg.Connection) -> Callable[[str], list[Any]]:
    """All that is stored about a session and its node."""

    def read(session_id: str) -> list[Any]:
        query = """
            SELECT to_jsonb(session), (SELECT json_agg(entry) FROM sessions_app_entry AS entry WHERE session_id = id),
                (SELECT json_agg(job) FROM sessions_app_job AS job WHERE job.node_id = session.node_id),
                (SELECT json_agg(node) FROM memory_app_node AS node WHERE node.node_id = session.node_id)
            FROM sessions_app_session AS session WHERE id = %s
        """
        return database.execute(query, [session_id]).fetchall()

    return read


@each("operation", **named(OPERATIONS))
def test_without_a_valid_key_it_is_401_unless_it_is_open(operation: Operation, client: httpx.Client) -> None:
    for headers, more in (({}, ""), (bearer("x"), ', error="invalid_token"')):
        response = operation.call(client, node_id=OWN, path={"session_id": "s", "job_id": "j"}, headers=headers)
        if operation.needs:
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == f'Bearer realm="kato"{more}'
            assert list(response.json()) == ["detail"]
        else:
            assert response.status_code in (200, 503)


@each("operation", **named(CLOSED))
def test_a_key_without_the_scope_gets_a_403_that_names_it(
    operation: Operation,
    scoped: dict[Scope, Key],
    home: Callable[[str], dict[str, str]],
    rows: Callable[[str], list[Any]],
) -> None:
    node = new_node(OWN)
    own = home(node)
    before = rows(own["session_id"])
    lacking = {Scope.READ, Scope.WRITE, Scope.MONITOR} - set(operation.needs)
    for scope in lacking:
        response = operation.call(scoped[scope].client, node_id=node, path=own)
        assert response.status_code == 403, scope
        assert response.json()["detail"].endswith(f"needs the scope {' or '.join(sorted(operation.needs))}")
    assert rows(own["session_id"]) == before


@each("operation", **named(CLOSED))
def test_a_key_with_the_scope_may_and_an_administrator_may(
    operation: Operation, scoped: dict[Scope, Key], home: Callable[[str], dict[str, str]]
) -> None:
    for scope in {*operation.needs, Scope.ADMIN}:
        node = new_node(OWN)
        own = home(node)
        options: dict[str, Any] = {"params": {"node_id": node}} if "node_id" in operation.parameters else {}
        if operation.path == "/cache/invalidate":
            options = {"params": {"session_id": own["session_id"]}}
        if operation.path.endswith("/import"):
            options = {"params": {"partial": "true"}}
        response = operation.call(scoped[scope].client, node_id=node, path=own, **options)
        # Another key's job does not exist for others than administrators; a finished one is a conflict.
        missing = operation.path == "/metrics/{metric_name}" or (operation.of_job and scope != Scope.ADMIN)
        expected = {404} if missing else {200, 202, 409} if operation.of_job else {200, 202}
        assert response.status_code in expected, (scope, response.text)


@each("operation", **named(OF_SESSION))
def test_a_session_of_a_foreign_node_is_missing_and_stays_as_it_is(
    operation: Operation,
    scoped: dict[Scope, Key],
    home: Callable[[str], dict[str, str]],
    rows: Callable[[str], list[Any]],
) -> None:
    foreign = home(new_node(FOREIGN))
    before = rows(foreign["session_id"])
    for scope in {*operation.needs, Scope.ADMIN}:
        client = scoped[scope].client
        for options in ({}, {"headers": {"Idempotency-Key": f"k-{scope}"}}, {"params": {"mode": "async"}}):
            found = operation.call(client, node_id=OWN, path=foreign, **options)
            absent = operation.call(client, node_id=OWN, path={"session_id": "missing"}, **options)
            assert found.status_code == absent.status_code
            assert found.text.replace(foreign["session_id"], "missing") == absent.text
            assert ("X-Session-ID" in found.headers) == ("X-Session-ID" in absent.headers)
            assert found.status_code == (200 if operation.path.endswith("/exists") else 404)
    assert rows(foreign["session_id"]) == before


def ways_to_name_a_node(operation: Operation) -> Iterator[dict[str, Any]]:
    if "node_id" in operation.parameters:
        yield {"node_id": OWN, "params": {"node_id": FOREIGN}}
    if "X-Node-ID" in operation.parameters:
        yield {"node_id": OWN, "headers": {"X-Node-ID": FOREIGN}}
        yield {"node_id": OWN}  # the default node
        # The query wins over the headers, and X-Test-ID over X-Node-ID.
        yield {"node_id": OWN, "headers": {"X-Node-ID": OWN}, "params": {"node_id": FOREIGN}}
        yield {"node_id": OWN, "headers": {"X-Node-ID": OWN, "X-Test-ID": OWN}}  # test_own-node
    if operation.names_node_in_body:
        yield {"node_id": FOREIGN}


NAMING = [
    pytest.param(operation, options, id=f"{operation} {options}")
    for operation in CLOSED
    if not operation.of_session
    for options in ways_to_name_a_node(operation)
]


@each(("operation", "options"), NAMING)
def test_a_request_that_names_a_foreign_node_is_a_403(
    operation: Operation, options: dict[str, Any], scoped: dict[Scope, Key], database: psycopg.Connection
) -> None:
    def counted() -> Any:
        query = "SELECT (SELECT count(*) FROM sessions_app_session), (SELECT max(number) FROM sessions_app_job)"
        return database.execute(query).fetchone()

    before = counted()
    for scope in {*operation.needs, Scope.ADMIN}:
        response = operation.call(scoped[scope].client, path={}, **options)
        assert response.status_code == 403, response.text
        assert "may not use node" in response.json()["detail"]
    assert counted() == before


def test_routes_that_name_a_node_were_found() -> None:
    found = {str(param.values[0]) for param in NAMING}
    assert found >= {"POST /sessions", "POST /jobs", "GET /sessions", "GET /jobs", "GET /symbols/stats"}


@each("operation", [one for one in CLOSED if one.of_job], ids=str)
def test_a_job_of_a_foreign_node_is_missing_for_an_administrator_of_other_nodes(
    operation: Operation, scoped: dict[Scope, Key], home: Callable[[str], dict[str, str]]
) -> None:
    response = operation.call(scoped[Scope.ADMIN].client, node_id=OWN, path=home(new_node(FOREIGN)))
    assert response.status_code == 404


def test_invalidating_the_cache_of_foreign_sessions_is_a_403(
    scoped: dict[Scope, Key], home: Callable[[str], dict[str, str]], operator: Key
) -> None:
    administrator, foreign = scoped[Scope.ADMIN].client, home(new_node(FOREIGN))["session_id"]
    for params in ({}, {"session_id": foreign}, {"session_id": "missing"}):
        assert administrator.post("/cache/invalidate", params=params).status_code == 403
    assert operator.client.post("/cache/invalidate", params={"session_id": foreign}).status_code == 200


@each("method", ["GET", "PUT", "PATCH", "TRACE"])
@each("path", ["/sessions/{session_id}/stm", "/sessions/{session_id}/unknown"])
def test_what_no_route_serves_tells_a_monitor_nothing_about_sessions(
    method: str, path: str, scoped: dict[Scope, Key], home: Callable[[str], dict[str, str]],
    rows: Callable[[str], list[Any]],
) -> None:  # fmt: skip
    own = home(new_node(OWN))
    before = rows(own["session_id"])
    response = scoped[Scope.MONITOR].client.request(method, path.format(**own))
    assert response.status_code == 403
    assert rows(own["session_id"]) == before
