"""The WSGI application that the workers of the web server load. It is a program: importing it sets up Django."""

import gc
import os
from collections.abc import Iterable
from typing import Any

from django.core.cache import close_caches
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse
from django.urls import get_resolver
from django.utils.http import parse_header_parameters

from foundation import background


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


def _load_application() -> WSGIHandler:
    """Django, with everything imported and compiled that requests need: a worker takes requests when it can respond."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")
    loaded = get_wsgi_application()
    loaded.request_class = _Utf8Request
    # Django does these around every request for users of its cache and its query log, and we use neither. A thread's
    # connection is examined once, before its next request, and not also after each.
    request_started.disconnect(reset_queries)
    request_finished.disconnect(close_old_connections)
    request_finished.disconnect(close_caches)
    background.load()
    get_resolver().url_patterns  # noqa: B018  imports all views
    # Loads the kernels of predictions, which takes 0.7 s. Imported here because Django's set-up says where they are.
    from engine.warm import warm

    warm()
    # What exists now stays, so the collector need not examine it again, nor run as often as a script needs it to. With
    # an index in memory its pauses were the slowest predictions.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return loaded


_django = _load_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, with its responses as lists: Granian sends a list at once, with its length, anything else in chunks."""
    response = _django(environ, start_response)
    if not isinstance(response, HttpResponse):
        return response
    content = [response.content]
    response.close()
    return content


# The server asks before it receives a body. Imported here because it needs Django, set up.
from katoproject.server.body_limits import body_limit  # noqa: E402

application.body_limit = body_limit  # type: ignore[attr-defined]
