"""The one middleware. Every further one costs each request, so what all requests need is here, in order."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from katoproject import cors, identity
from katoproject.errors import unavailable
from katoproject.http import error_answer
from katoproject.slots import Slots

Handler = Callable[[HttpRequest], HttpResponse]

# Answered without the database, so without a slot: they must work when nothing else does.
_ALWAYS_ANSWERED = frozenset({"/", "/health", "/health/", "/health/ready", "/health/ready/"})


def envelope(get_response: Handler) -> Handler:
    """Trace id, identity, cross-origin headers, the size limit and the slots around every request."""
    slots = Slots(settings.ENV.limit_concurrency)
    program = identity.describe()

    def answer(request: HttpRequest) -> HttpResponse:
        if cors.is_preflight(request):
            return cors.preflight_answer(request)
        if _announced_size(request) > settings.ENV.max_request_size:
            return error_answer("Request body too large", 413)
        if request.path in _ALWAYS_ANSWERED:
            return get_response(request)
        if not slots.take():
            return unavailable("The service is overloaded at the moment")
        try:
            return get_response(request)
        finally:
            slots.give_back()

    def middleware(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response["X-Trace-ID"] = request.META.get("HTTP_X_TRACE_ID") or f"kato-{uuid.uuid4().hex}"
        response[identity.HEADER] = program
        cors.add_headers(request, response)
        return response

    return middleware


def _announced_size(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0
