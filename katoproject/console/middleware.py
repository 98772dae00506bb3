"""What the console needs around its views and the API does not: logins, messages, headers for browsers.

In `settings.MIDDLEWARE` these would cost every request of every client 100 µs.
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

# Without CsrfViewMiddleware, whose hook only works in `settings.MIDDLEWARE`: Django's admin wraps each of its views in
# `csrf_protect`.
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
    """`get_response` inside all that the console needs."""
    handler = get_response
    for middleware in reversed(_CHAIN):
        handler = cast(Handler, convert_exception_to_response(middleware(handler)))
    return handler
