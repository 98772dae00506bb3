"""The OpenAPI document of contract 6.3: that of 3.10, with what differs put in its place (kato-6.md 12.3)."""

from typing import Any

from pydantic import BaseModel

from foundation.contracts import ContractName
from foundation.http.error_shapes import InternalError, KatoError
from katoproject.openapi.parts import EXAMPLE_MOMENT, Schema, error_object, reference, response, schemas_of
from memory_app.pattern_ids import NAME_SCHEMA
from sessions_app.api.schema import config_body
from sessions_app.shapes.bodies_6_3 import GONE, REPLACED

_MISSING = "Session session-b8313c61f0274a448775756081f0f908-1795329555083 not found or expired"
_UNUSED = ("MissingSession", "NotFound")
_SESSION = "/sessions/{session_id}"
_PREDICTING = [("get", f"{_SESSION}/predictions"), ("get", f"{_SESSION}/cognition-data")]
# What may build an index.
_TIMED = [
    *_PREDICTING,
    ("get", "/symbols/stats"),
    ("get", "/nodes/{node_id}/patterns"),
    ("delete", "/nodes/{node_id}/patterns/{name}"),
    ("post", f"{_SESSION}/finalize-training"),
    ("post", f"{_SESSION}/patterns/purge"),
]


def change(result: Schema) -> None:
    """The whole document, before it has examples."""
    schemas = result["components"]["schemas"]
    shapes: dict[str, type[BaseModel]] = {**REPLACED, "KatoError": KatoError, "InternalError": InternalError}
    for name, shape in shapes.items():
        _put(schemas, name, shape)
    for name, fields in GONE.items():
        for field in fields:
            del schemas[name]["properties"][field]
    for name in _UNUSED:
        del schemas[name]
    _change_shared_responses(result["components"]["responses"])
    paths = result["paths"]
    del paths["/metrics-prom"]  # KATO hides it (kato-6.md 9)
    for item in paths.values():
        for operation in item.values():
            _change_missing_session(operation["responses"])
            _change_retired_pattern(operation["responses"])
    config = paths["/sessions/{session_id}/config"]["post"]["requestBody"]["content"]["application/json"]
    config["schema"] = config_body(ContractName.KATO_6_3)["application/json"]
    _change_pattern(paths["/pattern/{pattern_id}"]["get"], schemas)
    for method, path in _TIMED:
        paths[path][method]["responses"]["504"] = reference("responses", "TimedOut")
    for method, path in _PREDICTING:
        paths[path][method]["responses"]["507"] = reference("responses", "Exhausted")
    _change_conflict(paths["/sessions/{session_id}/config"]["post"]["responses"])
    for item in paths.values():
        for operation in item.values():
            operation["responses"] = dict(sorted(operation["responses"].items()))


def _put(schemas: dict[str, Any], name: str, shape: type[BaseModel]) -> None:
    for one, schema in schemas_of(shape).items():
        if one == shape.__name__:
            schemas[name] = {**schema, "title": name}
        elif one not in REPLACED:
            schemas.setdefault(one, schema)


def _change_shared_responses(responses: dict[str, Any]) -> None:
    responses["Unavailable"] = _kato_error(
        responses["Unavailable"]["description"], "DatabaseConnectionError", "DATABASE_CONNECTION_ERROR", "Retry-After"
    )
    responses["TooOften"] = _kato_error(
        responses["TooOften"]["description"], "RateLimitExceededError", "RATE_LIMIT_EXCEEDED", "Retry-After"
    )
    responses["TimedOut"] = _kato_error(
        "It took too long: perhaps to build the index of the node. Nothing was changed.",
        "TimeoutError",
        "TIMEOUT",
        "Retry-After",
    )
    responses["Exhausted"] = _kato_error(
        "The prediction would take too much memory. Nothing was changed.",
        "ResourceExhaustedError",
        "RESOURCE_EXHAUSTED",
    )
    example = {
        "error": {
            "code": "INTERNAL_ERROR",
            "message": "An internal error occurred. The log says what happened",
            "details": {},
            "context": {"exception_type": "KeyError"},
        }
    }
    responses["InternalError"] = response(responses["InternalError"]["description"], "InternalError", example)


def _kato_error(description: str, kind: str, code: str, *headers: str) -> Schema:
    return response(description, "KatoError", error_object(kind, code), *headers)


def _change_missing_session(responses: dict[str, Any]) -> None:
    content = responses.get("404", {}).get("content", {}).get("application/json", {})
    if content.get("schema") == reference("schemas", "SessionNotFound"):
        del content["examples"]
        content["example"] = {"detail": _MISSING}


def _change_retired_pattern(responses: dict[str, Any]) -> None:
    content = responses.get("409", {}).get("content", {}).get("application/json", {})
    if content.get("schema") == reference("schemas", "RetiredPattern"):
        for example in content["examples"].values():
            example["value"] = {"error": {**example["value"]["error"], "timestamp": EXAMPLE_MOMENT}}


def _change_pattern(operation: Schema, schemas: dict[str, Any]) -> None:
    [name] = (parameter for parameter in operation["parameters"] if parameter.get("name") == "pattern_id")
    name["schema"] = NAME_SCHEMA
    responses = operation["responses"]
    schemas["PatternAnswer"]["properties"]["pattern"] = reference("schemas", "Found")
    responses["404"] = response("The node has not learned it.", "Error", {"detail": "Pattern PTRN|… not found"})
    either = {"anyOf": [reference("schemas", "Problems"), reference("schemas", "KatoError")]}
    responses["422"]["content"]["application/json"]["schema"] = either


def _change_conflict(responses: dict[str, Any]) -> None:
    conflict = _kato_error(responses["409"]["description"], "ContractConflictError", "CONTRACT_CONFLICT")
    responses["409"]["content"] = conflict["content"]
