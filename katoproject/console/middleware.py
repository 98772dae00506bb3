"""The middleware that the console needs and the API does not: logins and messages.

In `settings.MIDDLEWARE` it would cost every request of every client 100 µs.
"""

from collections.abc import Callable
from itertools import chain
from typing import Any, cast

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import BadRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

PREFIX = "/admin/"


def _refuse_nul(get_response: Handler) -> Handler:
    """In addresses and cookies. PostgreSQL cannot store U+0000, and Django looks for it in the fields of forms only."""

    def handle(request: HttpRequest) -> HttpResponse:
        given = chain.from_iterable((name, *values) for name, values in request.GET.lists())
        if any("\0" in text for text in chain([request.path_info], request.COOKIES.values(), given)):
            raise BadRequest("U+0000")
        return get_response(request)

    return handle


# Without CsrfViewMiddleware, which only works in `settings.MIDDLEWARE`: Django's admin wraps each of its views in
# `csrf_protect` instead. Without the middlewares that add headers for browsers: those are on every answer
# (`katoproject/server/browser_headers.py`).
_CHAIN: tuple[Callable[..., Any], ...] = (
    _refuse_nul,
    SessionMiddleware,
    AuthenticationMiddleware,
    MessageMiddleware,
)


def is_for_console(request: HttpRequest) -> bool:
    path: str = request.path_info
    return path.startswith(PREFIX)


def console(get_response: Handler) -> Handler:
    """`get_response`, wrapped in the middleware of the console."""
    handler = get_response
    for middleware in reversed(_CHAIN):
        handler = cast(Handler, convert_exception_to_response(middleware(handler)))
    return handler
