"""The middleware that the console needs and the API does not: logins, messages, headers for browsers.

In `settings.MIDDLEWARE` it would cost every request of every client 100 µs.
"""

from collections.abc import Callable
from typing import cast

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

Handler = Callable[[HttpRequest], HttpResponse]

PREFIX = "/admin/"

# Without CsrfViewMiddleware, which only works in `settings.MIDDLEWARE`: Django's admin wraps each of its views in
# `csrf_protect` instead.
_CHAIN = (
    SecurityMiddleware,
    SessionMiddleware,
    AuthenticationMiddleware,
    MessageMiddleware,
    XFrameOptionsMiddleware,
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
