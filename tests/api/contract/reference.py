"""The operations of KATO 3.10 as `openapi-routes.json` lists them, and whether a body has the shape it names."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

_FILE = json.loads((Path(__file__).parent / "openapi-routes.json").read_text())

SCHEMAS: dict[str, dict[str, dict[str, Any]]] = _FILE["schemas"]

# Fields that this service adds. Everything else has exactly the fields of KATO.
NEW_FIELDS: dict[str, set[str]] = {
    "RootResponse": {"program"},
    "HealthResponse": {"program", "worker_pid", "contracts", "active_sessions_age"},
    "MetricsResponse": {"instances"},
    "ConcurrencyResponse": {"instance"},
}
# May be null where KATO always has a value: liveness cannot determine it (docs/compatibility.md).
NULLABLE = {("HealthResponse", "active_sessions")}


class Operation(NamedTuple):
    method: str
    path: str
    success: int
    errors: tuple[int, ...]
    query: tuple[str, ...]
    body: str | None
    response: str | None
    family: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def of_session(self) -> bool:
        """Whether the session is looked up before anything else (0.3)."""
        looked_up = self.path.startswith("/sessions/{session_id}")
        return looked_up and self.name not in ("GET /sessions/{session_id}", "GET /sessions/{session_id}/exists")


OPERATIONS = [
    Operation(
        method=route["method"],
        path=route["path"],
        success=route["success_status"],
        errors=tuple(route["error_statuses"]),
        query=tuple(parameter["name"] for parameter in route.get("query", [])),
        body=route.get("body"),
        response=route.get("response"),
        family=(route["tags"] or ["health"])[0],
    )
    for route in _FILE["routes"]
]
HTTP = [operation for operation in OPERATIONS if operation.method != "WEBSOCKET"]
API = [operation for operation in HTTP if operation.family != "documentation"]
BY_NAME = {operation.name: operation for operation in OPERATIONS}


def assert_shape(schema: str, body: Any) -> None:
    """The body has only fields of KATO's schema and those added here, all required ones, each of its type."""
    fields = SCHEMAS[schema]
    assert isinstance(body, dict), f"{schema}: not an object"
    required = {name for name, field in fields.items() if field["required"]}
    allowed = set(fields) | NEW_FIELDS.get(schema, set())
    assert required <= set(body) <= allowed, f"{schema}: {required ^ set(body)}"
    for name, field in fields.items():
        if name in body and not (body[name] is None and (schema, name) in NULLABLE):
            assert _is(field["type"], body[name]), f"{schema}.{name}: {body[name]!r} is no {field['type']}"


def _is(kind: str, value: Any) -> bool:
    if " | " in kind:
        return any(_is(one, value) for one in kind.split(" | "))
    if kind in SCHEMAS:
        assert_shape(kind, value)
        return True
    if within := re.fullmatch(r"array<(.*)>", kind):
        return isinstance(value, list) and all(_is(within[1], item) for item in value)
    if within := re.fullmatch(r"object<(.*)>", kind):
        return isinstance(value, dict) and all(_is(within[1], item) for item in value.values())
    match kind:
        case "any":
            return True
        case "null":
            return value is None
        case "string":
            return isinstance(value, str)
        case "string(date-time)":
            return datetime.fromisoformat(value).tzinfo is not None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
    raise AssertionError(f"openapi-routes.json names a type unknown here: {kind}")
