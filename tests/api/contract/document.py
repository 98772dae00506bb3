"""The OpenAPI document of this service, by operation."""

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

DESCRIBED: dict[str, Any] = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part, or the shared part that it refers to."""
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].rsplit("/", 2)
    found: dict[str, Any] = DOCUMENT["components"][kind][name]
    return found


def assert_fits(schema: dict[str, Any], value: Any) -> None:
    problems = Draft202012Validator({**schema, "components": DOCUMENT["components"]}).iter_errors(value)
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


def assert_described(name: str, status: int, body: Any) -> None:
    """The document lists this status for the operation `name`, and the body matches its schema."""
    response = resolved(DESCRIBED[name]["responses"][str(status)])
    assert_fits(response["content"]["application/json"]["schema"], body)
