"""The WSGI application of one worker of the web server. It is a program: importing it makes this a web process."""

from collections.abc import Iterable
from typing import Any

from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse
from django.utils.http import parse_header_parameters

from katoproject.server import preload  # noqa: F401  first: it sets up Django, unless the parent process has done that
from katoproject.server.body_limits import body_limit


class _Utf8Request(WSGIRequest):
    """Everything is UTF-8. Django would decode queries by the `charset` of the Content-Type, which may be any codec of
    Python: some fail, some make texts that cannot be stored, some take quadratic time.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        given = meta.get("CONTENT_TYPE", "")
        try:
            self.content_type, self.content_params = parse_header_parameters(given)
        except (LookupError, ValueError):  # a parameter in a charset that Python lacks, or cannot decode
            self.content_type, self.content_params = given.partition(";")[0].strip().lower(), {}


def _make_handler() -> WSGIHandler:
    handler = WSGIHandler()
    handler.request_class = _Utf8Request
    # Django does these around every request for users of its cache, of its query log and of routes that one request
    # alone has, and we use none. A thread's connection is examined once, before its next request, and not also after
    # each.
    request_started.disconnect(reset_queries)
    request_finished.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)
    request_finished.disconnect(reset_urlconf)
    return handler


_django = _make_handler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, with its responses as lists: Granian sends a list at once, with its length, anything else in chunks."""
    response = _django(environ, start_response)
    if not isinstance(response, HttpResponse):
        return response
    content = [response.content]
    response.close()
    return content


# The server asks before it receives a body.
application.body_limit = body_limit  # type: ignore[attr-defined]
