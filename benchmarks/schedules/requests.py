"""Requests to the service, in this process: the views of its routes, without a server around them."""

import re
from typing import Any

from django.test import RequestFactory
from django.urls import resolve
from pydantic_core import to_json

_factory = RequestFactory()


def send(method: str, path: str, body: Any = None, *, key: str | None = None, padding: int = 0) -> tuple[int, str]:
    """The status and the body of the response. `padding`: so many spaces after the body."""
    headers: dict[str, Any] = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    content = b"" if body is None else to_json(body) + b" " * padding
    request = _factory.generic(method, path, content, content_type="application/json", **headers)
    view, arguments, named = resolve(request.path_info)
    response = view(request, *arguments, **named)
    return response.status_code, response.content.decode()


_VARIABLE = (
    (re.compile(r"\b(session|job)-[0-9a-f]{32}-\d+"), r"\1-new"),
    (re.compile(r"\bobs-[0-9a-f]{32}"), "obs-new"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "T"),
    (re.compile(r'"time_ms":[\d.]+'), '"time_ms":0'),
    # An expired session is known until its row is deleted, and that may be at any moment.
    (re.compile('"exists":false,"expired":true'), '"exists":false,"expired":false'),
)
_SECONDS_LEFT = re.compile(r'"ttl_seconds":(\d+)')


def comparable(answer: tuple[int, str], world: str) -> tuple[int, str]:
    """Without what differs in each run: names, moments, the last second of a deadline."""
    status, body = answer
    for pattern, replacement in _VARIABLE:
        body = pattern.sub(replacement, body)
    body = _SECONDS_LEFT.sub(lambda found: f'"ttl_seconds":{round(int(found[1]), -2)}', body)
    return status, re.sub(rf'(?<![\w.]){world}(?=-[STJ]\b|\\?"|\')', "the", body)
