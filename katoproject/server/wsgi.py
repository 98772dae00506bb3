"""The WSGI application that the web server's workers load."""

import gc
import os
from collections.abc import Iterable
from typing import Any

from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse

import katoproject.celery  # noqa: F401  now, not by the first request that has a job
from engine.warm import warm

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")

_django = get_wsgi_application()
# What Django does around every request for users of its cache and its query log: we use neither. And a thread's
# connection is looked at once, before its next request, not after each as well.
request_started.disconnect(reset_queries)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
# A worker takes requests when it can answer them: the kernels of predictions are loaded now (0.7 s), not by a request.
warm()
# What is there now stays: the collector need not look at it again, nor come as often as a script would want it to. With
# an index in memory its pauses were the slowest predictions.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, with its answers as lists: Granian sends a list at once, with its length, anything else in chunks."""
    response = _django(environ, start_response)
    if not isinstance(response, HttpResponse):
        return response
    content = [response.content]
    response.close()
    return content
