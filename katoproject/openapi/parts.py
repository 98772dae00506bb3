"""Pieces that the documents of all contracts are made of."""

from typing import Any

from pydantic import BaseModel

from foundation import contracts

Schema = dict[str, Any]

EXAMPLE_MOMENT = "2026-11-22T06:39:15.083399+00:00"


def schemas_of(shape: type[BaseModel]) -> dict[str, Schema]:
    """The components that describe the shape, by name, with those that it refers to."""
    schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), shape.__name__: schema}


def reference(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def headers(*names: str) -> Schema:
    return {name: reference("headers", name) for name in names}


def response(description: str, schema: str, example: Any, *more_headers: str) -> Schema:
    return {
        "description": description,
        "headers": headers("X-Trace-ID", "X-Kato-Instance", contracts.HEADER, *more_headers),
        "content": {"application/json": {"schema": reference("schemas", schema), "example": example}},
    }


def error(description: str, detail: str, *more_headers: str) -> Schema:
    return response(description, "Error", {"detail": detail}, *more_headers)


def error_object(kind: str, code: str) -> Schema:
    """An example of what KATO returns since 5.1."""
    return {
        "error": {
            "type": kind,
            "code": code,
            "message": "What is wrong, and what to do",
            "recoverable": True,
            "context": {},
            "timestamp": EXAMPLE_MOMENT,
        }
    }
