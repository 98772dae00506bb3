"""HTTP responses in JSON."""

from typing import Any

from django.http import HttpResponse
from pydantic_core import to_json

from foundation.json_text import checked

JSON_TYPE = "application/json"


def json_answer(content: bytes, status: int = 200) -> HttpResponse:
    """`content` is JSON. Raises NotFinite, so no response has a number that JSON cannot spell."""
    return HttpResponse(checked(content), status=status, content_type=JSON_TYPE)


def error_answer(detail: Any, status: int) -> HttpResponse:
    """E1 with a text, E2 with an object, E4 with a list of problems: the same under every contract."""
    return error_body({"detail": detail}, status)


def error_body(body: dict[str, Any], status: int) -> HttpResponse:
    return json_answer(to_json(body, inf_nan_mode="null"), status)
