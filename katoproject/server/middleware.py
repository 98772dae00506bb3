"""The one middleware. Every further one costs each request, so what all requests need is here, in order."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from foundation import logs
from foundation.http import cors
from foundation.http.answers import error_answer, unavailable
from foundation.http.bodies import MAX_REQUEST_SIZE
from foundation.http.slots import Slots
from foundation.metrics import requests
from foundation.metrics.board import board
from foundation.postgresql.trouble import STORE_TROUBLE
from katoproject.configuration import identity
from katoproject.console.middleware import console, is_for_console
from katoproject.monitoring import sampling
from sessions_app import operations
from sessions_app.errors import SessionNotFound

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]

# Answered without the database where it must be, so without a slot: they must work when nothing else does.
ALWAYS_ANSWERED = frozenset(
    {
        *("/", "/health", "/health/ready", "/status", "/stats", "/metrics", "/metrics-prom", "/concurrency"),
        *("/cache/stats", "/connection-pools", "/distributed-stm/stats"),
    }
)


def envelope(get_response: Handler) -> Handler:
    """Trace id, identity, cross-origin headers, the size limit, the slots and the counters around every request."""
    slots = Slots(settings.ENV.limit_concurrency)
    program = identity.describe()
    board.claim()
    sampling.start()
    console_response = console(get_response)

    def answer_operator(request: HttpRequest) -> HttpResponse:
        """The console: paths end with a slash, pages of other origins get nothing, no KATO session is involved."""
        if not slots.take():
            return unavailable("The service is overloaded at the moment")
        try:
            return console_response(request)
        finally:
            slots.give_back()

    def answer(request: HttpRequest) -> HttpResponse:
        if cors.is_preflight(request):
            return cors.preflight_answer(request)
        if _announced_size(request) > MAX_REQUEST_SIZE:
            return error_answer("Request body too large", 413)
        # A redirect to the path without its slash would lose the body of a POST.
        if request.path_info.endswith("/") and request.path_info != "/":
            request.path_info = request.path_info[:-1]
        if request.path_info in ALWAYS_ANSWERED:
            return get_response(request)
        if not slots.take():
            return unavailable("The service is overloaded at the moment")
        try:
            response = get_response(request)
            _keep_session_of_header(request, response)
            return response
        finally:
            slots.give_back()

    def middleware(request: HttpRequest) -> HttpResponse:
        begun = perf_counter()
        is_operator = is_for_console(request)
        trace_id = logs.trace_id_of(request.META.get("HTTP_X_TRACE_ID"))
        with logs.context(trace_id=trace_id):
            board.enter()
            try:
                response = answer_operator(request) if is_operator else answer(request)
            finally:
                board.leave()
            response["X-Trace-ID"] = trace_id
            response[identity.HEADER] = program
            if not is_operator:
                cors.add_headers(request, response)
            seconds = perf_counter() - begun
            requests.count(request, response, seconds)
            logs.request_answered(
                method=str(request.method),
                path=request.path,
                status=response.status_code,
                seconds=seconds,
                client=request.META.get("REMOTE_ADDR", ""),
            )
        return response

    return middleware


def _keep_session_of_header(request: HttpRequest, response: HttpResponse) -> None:
    """Outside `/sessions/`, a session named by header or cookie is kept alive, and echoed if it lives."""
    session_id = request.META.get("HTTP_X_SESSION_ID") or request.COOKIES.get("session_id")
    if not session_id or "\0" in session_id or request.path_info.startswith("/sessions/"):
        return
    try:
        operations.touch(session_id=session_id)
    except SessionNotFound:
        return
    except STORE_TROUBLE as error:
        log.warning("Could not keep session %s alive: %s", session_id, error)
        return
    logs.about(session_id=session_id)
    response["X-Session-ID"] = session_id


def _announced_size(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdigit() else 0
