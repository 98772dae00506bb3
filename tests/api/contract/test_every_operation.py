"""What http.md requires of every operation: success, headers, methods, errors. One case per operation of the reference.

The cases come from `openapi-routes.json` alone, so an operation that this service lacks fails here.
"""

import re

import httpx
import pytest

from foundation.contracts import HEADER
from tests.api.contract.document import assert_described
from tests.api.contract.reference import API, HTTP, Operation, assert_shape
from tests.api.contract.world import World
from tests.support.contracts import NEW

PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc"}

each_operation = pytest.mark.parametrize("operation", API, ids=lambda operation: operation.name)
each_session_operation = pytest.mark.parametrize(
    "operation", [one for one in API if one.of_session], ids=lambda operation: operation.name
)
each_route = pytest.mark.parametrize("operation", HTTP, ids=lambda operation: operation.name)
each_path = pytest.mark.parametrize("path", sorted({operation.path for operation in HTTP}))


@each_operation
def test_it_succeeds_with_the_fields_and_types_of_kato(world: World, operation: Operation) -> None:
    response = world.call(operation)
    assert response.status_code == operation.success == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert operation.response is not None
    assert_shape(operation.response, response.json())
    assert_described(operation.name, response.status_code, response.json())


@each_operation
def test_under_6_3_it_succeeds_as_the_document_of_6_3_says(world_6_3: World, operation: Operation) -> None:
    response = world_6_3.call(operation)
    assert (response.status_code, response.headers[HEADER]) == (200, NEW), response.text
    assert_described(operation.name, response.status_code, response.json(), NEW)


@each_route
def test_its_answer_carries_the_common_headers(world: World, operation: Operation) -> None:
    response = world.client.request(
        operation.method,
        world.path(operation),
        headers={"X-Trace-ID": "mine", "Origin": "http://dashboard.example"},
    )
    assert response.headers["X-Trace-ID"] == "mine"
    assert re.fullmatch(r"kato-django/\S+ \(instance \w+; host .+; pid \d+\)", response.headers["X-Kato-Instance"])
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@each_operation
def test_it_names_the_session_in_a_header_where_it_looked_one_up(world: World, operation: Operation) -> None:
    response = world.call(operation)
    session_id = response.request.url.path.split("/")[2] if operation.of_session else None
    assert response.headers.get("X-Session-ID") == session_id


@each_session_operation
def test_a_missing_session_comes_before_everything_else_that_is_wrong(world: World, operation: Operation) -> None:
    path = world.path(operation, session_id="session-gone")
    expected = {
        "error": {
            "code": "SESSION_NOT_FOUND",
            "message": "Session session-gone not found or expired",
            "session_id": "session-gone",
        }
    }
    for method, body in ((operation.method, None), (operation.method, "no JSON"), ("PATCH", None)):
        response = world.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.json()) == (404, expected)
        assert_described(operation.name, 404, expected)
        assert "X-Session-ID" not in response.headers


@each_session_operation
def test_a_missing_session_comes_first_under_6_3_too(world_6_3: World, operation: Operation) -> None:
    path = world_6_3.path(operation, session_id="session-gone")
    for method, body in ((operation.method, None), (operation.method, "no JSON"), ("PATCH", None)):
        response = world_6_3.client.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert (response.status_code, response.headers[HEADER]) == (404, NEW)
        assert response.json() == {"detail": "Session session-gone not found or expired"}
        assert_described(operation.name, 404, response.json(), NEW)


@each_path
def test_another_method_is_a_405_that_names_the_methods_there_are(world: World, path: str) -> None:
    served = {operation.method for operation in HTTP if operation.path == path}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        response = world.client.request(method, _fill(world, path))
        if response.status_code == 405:
            assert method not in served
            assert response.json() == {"detail": "Method Not Allowed"}
            allowed = set(response.headers["Allow"].split(", "))
            assert served <= allowed
            assert method not in allowed
            assert ("HEAD" in allowed) == ("GET" in allowed)
        else:
            # `GET /sessions` is an addition of this service.
            assert method in served or (method, path) == ("GET", "/sessions"), response.text


@each_path
def test_a_preflight_is_answered(world: World, path: str) -> None:
    response = world.client.options(
        _fill(world, path),
        headers={
            "Origin": "http://dashboard.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert (response.status_code, response.text) == (200, "OK")
    assert response.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert response.headers["Access-Control-Allow-Headers"] == "content-type"
    assert response.headers["Access-Control-Max-Age"] == "600"


@each_route
def test_head_and_a_trailing_slash_are_served(world: World, operation: Operation) -> None:
    """KATO answers 405 and 307, which only made clients fail."""
    path = world.path(operation)
    if operation.method == "GET":
        response = world.client.head(path, headers={"X-Node-ID": world.node_id})
        assert (response.status_code, response.content) == (200, b"")
    if path != "/":
        slashed = world.client.options(f"{path}/")
        assert (slashed.status_code, slashed.json()) == (405, {"detail": "Method Not Allowed"})


def _fill(world: World, path: str) -> str:
    [operation, *_] = [operation for operation in HTTP if operation.path == path]
    return world.path(operation)


def test_a_path_that_no_route_knows_is_a_detail_and_nothing_else(world: World) -> None:
    for path in (
        "/observe",
        "/stm",
        "/learn",
        "/predictions",
        "/clear-stm",
        "/clear-all",
        "/ping",
        "/gene/x",
        "/genes/x",
    ):
        response: httpx.Response = world.client.get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
