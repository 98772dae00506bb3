"""Reading request bodies and parameters, with the errors that KATO's clients know (http.md 0.1 and 0.4)."""

import json
import math
import re
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from foundation.errors import BodyTooLarge, InvalidRequest, Problem
from foundation.http.answers import JSON_TYPE

Shape = TypeVar("Shape", bound=BaseModel)

# May hold what JSON can spell and no field may contain: U+0000, which PostgreSQL cannot store, and numbers that are not
# finite. A cheap test that almost every body passes; a body that matches is parsed and checked value by value.
_SUSPICIOUS = re.compile(rb"\\u0000|NaN|Infinity|\d[eE]\+?\d\d|\d{200}")


def read_raw_body(request: HttpRequest) -> bytes:
    """The whole body, at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes. Raises BodyTooLarge."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        # Without Content-Length, Django takes the body for empty.
        body: bytes = request.META["wsgi.input"].read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        return body
    try:
        return request.body
    except RequestDataTooBig as error:
        raise BodyTooLarge from error


def parse_body(request: HttpRequest, shape: type[Shape], body: bytes) -> Shape:
    """The body as `shape`. Raises InvalidRequest with every problem of the body."""
    if body and _is_json(request):
        try:
            parsed = shape.model_validate_json(body)
        except ValidationError:
            raise InvalidRequest(_problems(shape, _load(body))) from None
        check_storable(body)
        return parsed
    if not body:
        raise InvalidRequest([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
    # Without a JSON content type the body is a text, which is not an object.
    raise InvalidRequest(_problems(shape, body.decode("utf-8", "replace")))


def parse_object(request: HttpRequest, body: bytes) -> dict[str, Any]:
    """The body as a JSON object of any shape. Raises InvalidRequest."""
    if not body:
        raise InvalidRequest([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
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
    if text is None:
        return default
    if "\0" in text:
        raise InvalidRequest([_nul(["query", name], text)])
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise InvalidRequest([{**problem, "loc": ["query", name]} for problem in _entries(error)]) from None


def _is_json(request: HttpRequest) -> bool:
    content_type = request.content_type or JSON_TYPE
    main, _, sub = content_type.partition("/")
    return main == "application" and (sub == "json" or sub.endswith("+json"))


def _load(body: bytes) -> Any:
    """Parse as the reference does, so that the same text gets the same error."""
    try:
        value = json.loads(body)
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


def _problems(shape: type[BaseModel], value: Any) -> list[Problem]:
    try:
        shape.model_validate(value, from_attributes=True)
    except ValidationError as error:
        return [{**problem, "loc": ["body", *problem["loc"]]} for problem in _entries(error)]
    return _invalid_json(0, "nesting too deep").problems


def _entries(error: ValidationError) -> list[Problem]:
    return [dict(problem) for problem in error.errors(include_url=False)]


def check_storable(body: bytes) -> None:
    """Raises InvalidRequest if JSON holds what no field may: U+0000, or a number that is not finite."""
    if _SUSPICIOUS.search(body):
        _refuse_unstorable(from_json(body))


def _refuse_unstorable(value: Any) -> None:
    problems = list(_unstorable(value, ["body"]))
    if problems:
        raise InvalidRequest(problems)


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
