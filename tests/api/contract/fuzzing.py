"""What Schemathesis cannot know: existing sessions and jobs, that a key is for one request, lenient conversions."""

import os
import re
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import numpy as np
import schemathesis
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import CaseMetadata, TestPhase

from engine.vectors import sum_vectors
from foundation.contracts import ContractName

MAX_KEY_LENGTH = 255
MOST_ITEMS = {"maxItems": 300, "maxProperties": 100, "maxLength": 1000}
LARGEST_NUMBER = 3.4028234663852886e38  # of 4 bytes; memory_app/vector_table.py needs settings to be imported
MAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "session_id": ("/sessions", {"node_id": "fuzzed"}),
    "job_id": ("/jobs", {"kind": "train", "node_id": "fuzzed", "sequences": [[["a"], ["b"]]]}),
}
# After these the session or job no longer exists.
ENDS = {"DELETE /sessions/{session_id}", "POST /sessions/{session_id}/extend", "DELETE /jobs/{job_id}"}

# Of a service that asks for keys. From the environment, because every user of the machine sees arguments.
TOKEN = os.environ.get("KATO_API_KEY")
_AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
# Of the document; without it, that of the service.
CONTRACT = os.environ.get("KATO_CONTRACT")
_HEADERS = {**_AUTHORIZATION, **({"X-KATO-Contract": CONTRACT} if CONTRACT else {})}


if TOKEN:

    @schemathesis.auth()
    class KeyHolder:
        """Not in `before_call`: the check that a request without a key is refused must be able to leave it out."""

        def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> dict[str, str]:
            return _AUTHORIZATION

        def set(self, case: schemathesis.Case[Any], data: dict[str, str], context: schemathesis.AuthContext) -> None:
            case.headers.update(data)


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    return str(value).encode(errors="surrogatepass")


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Hide the large limits: Schemathesis would make lists of just so many items, for an hour.

    tests/api/test_input_limits.py shows them.
    """
    _hide_large_limits(raw_schema)


def _hide_large_limits(part: Any) -> None:
    if isinstance(part, dict):
        for name in ("maxItems", "maxProperties", "maxLength"):
            if isinstance(part.get(name), int) and part[name] > MOST_ITEMS[name]:
                del part[name]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _hide_large_limits(inner)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    meta = case.meta
    if meta is None:
        return
    key = case.headers.get("Idempotency-Key")
    if key and len(key) <= MAX_KEY_LENGTH:
        case.headers["Idempotency-Key"] = (uuid.uuid4().hex + key)[:MAX_KEY_LENGTH]
    # Use an existing id, except where the id is wrong on purpose or known from an earlier response.
    if meta.phase.name is not TestPhase.STATEFUL and not _is_negative(meta, ParameterLocation.PATH):
        for name in MAKES.keys() & case.path_parameters.keys():
            make = _make if case.operation.label in ENDS else _shared
            case.path_parameters[name] = make(case.operation.base_url, name)
    if ParameterLocation.BODY in meta.components and (_has_a_sum_too_large(case.body) or _has_a_float(case.body)):
        meta.generation.mode = meta.components[ParameterLocation.BODY].mode = GenerationMode.NEGATIVE
    elif _is_negative(meta, ParameterLocation.BODY) and sum(_is_negative(meta, one) for one in meta.components) == 1:
        body = case.operation.get_body_for_media_type(case.media_type)
        if body is not None and _is_leniently_right(case.operation.label, body.optimized_schema, case.body):
            meta.generation.mode = meta.components[ParameterLocation.BODY].mode = GenerationMode.POSITIVE


def _has_a_sum_too_large(body: Any) -> bool:
    """The vectors of an observation are summed, and the sum has the bounds of a vector, which no schema can express."""
    if isinstance(body, list):
        return any(map(_has_a_sum_too_large, body))
    if not isinstance(body, dict):
        return False
    vectors: Any = body.get("vectors")
    try:
        too_large = bool(vectors) and bool(np.abs(sum_vectors(vectors)).max() > LARGEST_NUMBER)
    except (TypeError, ValueError):
        too_large = False  # wrong in another way
    return too_large or any(map(_has_a_sum_too_large, body.values()))


def _has_a_float(body: Any) -> bool:
    """Of this setting KATO 6.3 refuses 5.0, which to a schema is an integer like 5; 3.10 does not know it."""
    if isinstance(body, list):
        return any(map(_has_a_float, body))
    if CONTRACT != ContractName.KATO_6_3 or not isinstance(body, dict):
        return False
    return isinstance(body.get("vector_search_limit"), float) or any(map(_has_a_float, body.values()))


def _is_leniently_right(label: str, schema: dict[str, Any], body: Any) -> bool:
    if label == "POST /sessions/{session_id}/config":
        return bool(Settings(schema).is_valid(body))
    settings = body.get("config") if isinstance(body, dict) else None
    if settings is not None and not Settings(_resolved(schema)["properties"]["config"]).is_valid(settings):
        return False
    return bool(Lenient(schema).is_valid(body))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema
    for step in schema.get("$ref", "#").split("/")[1:]:
        found = found[step]
    return found


def _is_negative(meta: CaseMetadata, location: ParameterLocation) -> bool:
    component = meta.components.get(location)
    return component is not None and component.mode.is_negative


def _make(base_url: str, name: str) -> str:
    path, body = MAKES[name]
    made: str = httpx.post(base_url.rstrip("/") + path, json=body, headers=_HEADERS).raise_for_status().json()[name]
    return made


_shared = cache(_make)

# What KATO, and so this service, accepts where a schema says number, integer or boolean. The document states it once,
# at its top, instead of at every number. A body with no other error is valid, and the service must accept it.
_TRUTHS = {"0", "1", "on", "off", "t", "f", "true", "false", "y", "n", "yes", "no"}
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*")


def _number(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _is_number(checker: Any, value: Any) -> bool:
    return _number(value) is not None


def _is_integer(checker: Any, value: Any) -> bool:
    number = _number(value)
    return number is not None and number.is_integer()


def _is_boolean(checker: Any, value: Any) -> bool:
    return value in (0, 1) or (isinstance(value, str) and value.lower() in _TRUTHS)


def _minimum(validator: Any, bound: float, value: Any, schema: Any) -> Iterator[ValidationError]:
    number = _number(value)
    if number is not None and number < bound:
        yield ValidationError(f"{value!r} is below {bound}")


def _maximum(validator: Any, bound: float, value: Any, schema: Any) -> Iterator[ValidationError]:
    number = _number(value)
    if number is not None and number > bound:
        yield ValidationError(f"{value!r} is above {bound}")


def _takes(**types: Any) -> Any:
    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(types)
    return extend(Draft202012Validator, {"minimum": _minimum, "maximum": _maximum}, type_checker=checker)


Lenient = _takes(number=_is_number, integer=_is_integer, boolean=_is_boolean)
# The only other leniency: a setting may be a boolean where it should be a number.
Settings = _takes(
    number=lambda checker, value: isinstance(value, bool | int | float),
    integer=lambda checker, value: isinstance(value, int) or (isinstance(value, float) and value.is_integer()),
)
