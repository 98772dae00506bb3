"""Reading request bodies and parameters, with the errors that KATO's clients know (http.md 0.1 and 0.4)."""

import json
import math
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, from_json, to_json

from foundation.errors import BodyTooLarge, InvalidRequest
from foundation.http.answers import JSON_TYPE
from foundation.http.encodings import in_utf8
from foundation.problems import MOST_PROBLEMS, Problem

Shape = TypeVar("Shape", bound=BaseModel)

# A body with more values than this is checked up to its first wrong item only: to describe a wrong value takes a
# thousand times its size.
_FEW_VALUES = 20_000

# May hold what JSON can spell and no field may contain: U+0000, which PostgreSQL cannot store, and numbers that are not
# finite. A cheap test that almost every body passes; a body that matches is parsed and checked value by value.
_SUSPICIOUS_WORDS = (rb"\u0000", b"NaN", b"Infinity")
# The same for numbers, in a body whose digits are all `0`: searches for fixed bytes take a few milliseconds a megabyte,
# whatever the body holds. An expression that counts digits takes sixty where there are nothing but digits.
_DIGITS_AS_0 = bytes.maketrans(b"123456789E", b"000000000e")
_SUSPICIOUS_NUMBERS = (b"0e00", b"0e+00", b"0" * 200)

_MISSING = {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}


def read_raw_body(request: HttpRequest, limit: int) -> bytes:
    """The whole body, at most `limit` bytes and MAX_REQUEST_SIZE; JSON in UTF-8, without a byte order mark.

    Raises BodyTooLarge, UnsupportedEncoding.
    """
    limit = min(limit, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    size = announced_size(request)
    if size > limit:
        raise BodyTooLarge(limit=limit, size=size)
    return in_utf8(request, request.body) if _is_json(request) else request.body


def announced_size(request: HttpRequest) -> int:
    """Of a body that came in chunks, the server has put its size there."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def parse_body(request: HttpRequest, shape: type[Shape], body: bytes) -> Shape:
    """The body as `shape`. Raises InvalidRequest with every problem of the body; of a long one, with the first."""
    if not body:
        raise InvalidRequest([_MISSING])
    if not _is_json(request):
        # Without a JSON content type the body is a text, which is not an object.
        raise InvalidRequest(_problems(shape.__pydantic_validator__, body.decode("utf-8", "replace")))
    is_long = check_values(body) > _FEW_VALUES
    validator = _hasty(shape) if is_long else shape.__pydantic_validator__
    parsed: Shape | None = None
    with suppress(ValidationError):
        parsed = validator.validate_json(body)
    if parsed is None:
        # Not while the error is handled, which may be large and lives that long.
        raise InvalidRequest(_problems(validator, _load(body)), complete=not is_long)
    check_storable(body)
    return parsed


def check_values(body: bytes, *, lines: bool = False) -> int:
    """About how many values a body has; 0 where it is too short to have many. Raises InvalidRequest if too many.

    lines: it is one of JSON lines, whose ends separate values as commas do.
    """
    values = _count_values(body) if len(body) > _FEW_VALUES else 0
    counted = "commas and opening brackets"
    if lines:
        values += body.count(b"\n")
        counted = "commas, opening brackets and ends of lines"
    if values > _FEW_VALUES and values > (most := settings.ENV.limit_values):
        raise InvalidRequest([_too_many_values(values, most, counted)])
    return values


def _count_values(body: bytes) -> int:
    """The number of values in a JSON text, or somewhat more: of commas and opening brackets, in texts as well."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _too_many_values(values: int, most: int, counted: str) -> Problem:
    return {
        "type": "too_many_values",
        "loc": ["body"],
        "msg": f"Body should have at most {most} {counted}, not {values}",
        "input": None,
        "ctx": {"max_values": most, "actual_values": values},
    }


@cache
def _hasty(shape: type[BaseModel]) -> SchemaValidator:
    """A validator that leaves each list and each object at its first wrong item."""
    return SchemaValidator(_failing_fast(shape.__pydantic_core_schema__), _use_prebuilt=False)


def _failing_fast(schema: Any) -> Any:
    match schema:
        case {"type": "list" | "dict"}:
            return {**{key: _failing_fast(part) for key, part in schema.items()}, "fail_fast": True}
        case dict():
            return {key: _failing_fast(part) for key, part in schema.items()}
        case list() | tuple():
            return type(schema)(map(_failing_fast, schema))
    return schema


def parse_object(request: HttpRequest, body: bytes) -> dict[str, Any]:
    """The body as a JSON object of any shape. Raises InvalidRequest."""
    if not body:
        raise InvalidRequest([_MISSING])
    value = _load(body) if _is_json(request) else body.decode("utf-8", "replace")
    return as_object(value, ["body"])


def as_object(value: Any, location: list[str | int]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(
            [{"type": "dict_type", "loc": location, "msg": "Input should be a valid dictionary", "input": value}]
        )
    _refuse_unstorable(value)
    return value


def parse_query(request: HttpRequest, name: str, adapter: TypeAdapter[Any], default: Any) -> Any:
    """One query parameter. Raises InvalidRequest."""
    text = request.GET.get(name)
    return default if text is None else _parse_text(text, ["query", name], adapter)


def parse_path(name: str, text: str, adapter: TypeAdapter[Any]) -> Any:
    """One part of the path. Raises InvalidRequest."""
    return _parse_text(text, ["path", name], adapter)


def parse_header(request: HttpRequest, name: str, adapter: TypeAdapter[Any], default: Any) -> Any:
    """One header. Raises InvalidRequest."""
    text = request.headers.get(name)
    return default if text is None else _parse_text(text, ["header", name], adapter)


def _parse_text(text: str, location: list[str | int], adapter: TypeAdapter[Any]) -> Any:
    if "\0" in text:
        raise InvalidRequest([_nul(location, text)])
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise InvalidRequest([{**problem, "loc": location} for problem in _entries(error)]) from None


def _is_json(request: HttpRequest) -> bool:
    content_type = request.content_type or JSON_TYPE
    main, _, sub = content_type.partition("/")
    return main == "application" and (sub == "json" or sub.endswith("+json"))


def _load(body: bytes) -> Any:
    """Parse as the reference does, so that the same text gets the same error."""
    try:
        value = json.loads(body.decode())
        to_json(value)  # a value that this refuses can be neither stored nor quoted in a response
    except json.JSONDecodeError as error:
        raise _invalid_json(error.pos, error.msg) from None
    except UnicodeDecodeError as error:
        raise _invalid_json(error.start, f"invalid UTF-8: {error.reason}") from None
    except (RecursionError, ValueError) as error:
        # For example lone surrogates, and nesting too deep to be written as JSON again.
        raise _invalid_json(0, str(error)) from None
    return value


def _invalid_json(offset: int, reason: str) -> InvalidRequest:
    return InvalidRequest(
        [
            {
                "type": "json_invalid",
                "loc": ["body", offset],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": reason},
            }
        ]
    )


def _problems(validator: Any, value: Any) -> list[Problem]:
    try:
        validator.validate_python(value, from_attributes=True)
    except ValidationError as error:
        return [{**problem, "loc": ["body", *problem["loc"]]} for problem in _entries(error)]
    return _invalid_json(0, "nesting too deep").problems


def _entries(error: ValidationError) -> list[Problem]:
    return [dict(problem) for problem in error.errors(include_url=False)]


def check_storable(body: bytes) -> None:
    """Raises InvalidRequest if JSON holds what no field may: U+0000, or a number that is not finite."""
    if _is_suspicious(body):
        _refuse_unstorable(from_json(body))


def _is_suspicious(body: bytes) -> bool:
    if any(word in body for word in _SUSPICIOUS_WORDS):
        return True
    digits = body.translate(_DIGITS_AS_0)
    return any(number in digits for number in _SUSPICIOUS_NUMBERS)


def _refuse_unstorable(value: Any) -> None:
    problems = list(islice(_unstorable(value, ["body"]), MOST_PROBLEMS))
    if problems:
        raise InvalidRequest(problems, complete=len(problems) < MOST_PROBLEMS)


def _unstorable(value: Any, location: list[str | int]) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            yield _nul(location, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield {
                "type": "finite_number",
                "loc": location,
                "msg": "Input should be a finite number",
                "input": str(value),
            }
    elif isinstance(value, dict):
        for name, part in value.items():
            if "\0" in name:
                yield _nul([*location, name], name)
            yield from _unstorable(part, [*location, name])
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _unstorable(part, [*location, index])


def _nul(location: list[str | int], value: str) -> Problem:
    return {
        "type": "nul_character",
        "loc": location,
        "msg": "Input should not contain the character U+0000",
        "input": value,
    }
