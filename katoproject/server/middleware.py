"""The one middleware. Each further one costs every request, so all that every request needs is here, in order."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from access_app import rates
from foundation import callers, contracts, logs
from foundation.callers import Caller, Denied
from foundation.errors import Overloaded, Refusal
from foundation.http import parking
from foundation.http.bodies import announced_size
from foundation.http.encodings import check_content_encoding
from foundation.http.refusals import refusal_answer, unavailable
from foundation.http.slots import Slots
from foundation.metrics import counts, requests
from foundation.metrics.board import board
from foundation.postgresql.trouble import STORE_TROUBLE
from katoproject.configuration import identity
from katoproject.console import share
from katoproject.console.middleware import console, is_for_console
from katoproject.monitoring import sampling
from katoproject.server.callers import caller_of
from katoproject.server.hosts_and_origins import check_change, check_host, cross_origin
from katoproject.server.paths import ALWAYS_ANSWERED, NEVER_LIMITED, without_slash
from katoproject.server.requests import COUNT_FOR, REFUSAL
from sessions_app import operations
from sessions_app.errors import SessionNotFound
from sessions_app.shapes.bodies import MAX_ID_LENGTH

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]


class Envelope:
    """Trace id, identity, cross-origin headers, the size limit, the slots and the counters around every request.

    Django makes one in each web process.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._get_console_response = console(get_response)
        self._program = identity.describe()
        self._slots = Slots(settings.ENV.limit_concurrency)
        self._console_slots = Slots(share.SLOTS, most_waiting=share.WAITING)
        board.claim()
        sampling.start()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = perf_counter()
        is_operator = is_for_console(request)
        trace_id = logs.trace_id_of(request.META.get("HTTP_X_TRACE_ID"))
        with logs.context(trace_id=trace_id), contracts.one_request():
            board.enter()
            try:
                check_host(request.META)
                contracts.ask(request.META.get("HTTP_X_KATO_CONTRACT"))
                _check_body(request)
                response = self._answer_operator(request) if is_operator else self._answer_client(request)
            except Refusal as refusal:
                response = refusal_answer(refusal)
            finally:
                board.leave()
            if parking.is_parked():
                return response  # nobody receives it
            response["X-Trace-ID"] = trace_id
            response[identity.HEADER] = self._program
            response.headers.setdefault(contracts.HEADER, contracts.in_force())
            if not is_operator:
                cross_origin.add_headers(request, response)
            seconds = perf_counter() - begun
            requests.count(request, response, seconds)
            counts.publish()
            logs.request_answered(
                method=str(request.method),
                path=request.path,
                status=response.status_code,
                seconds=seconds,
                client=request.META.get("REMOTE_ADDR", ""),
            )
        return response

    def _answer_operator(self, request: HttpRequest) -> HttpResponse:
        """The console: paths end with a slash, pages of other origins get nothing, and there is no KATO session.

        Raises TooOften.
        """
        rates.charge_address(request.META.get("REMOTE_ADDR", ""))
        if not self._console_slots.take():
            return unavailable("Too many requests to the console at the moment")
        try:
            return self._get_console_response(request)
        finally:
            self._console_slots.give_back()

    def _answer_client(self, request: HttpRequest) -> HttpResponse:
        """Raises ForeignOrigin, Overloaded and TooOften."""
        if cross_origin.is_preflight(request):
            return cross_origin.preflight_answer(request)
        check_change(request.method, request.META)
        request.path_info = without_slash(request.path_info)
        is_free = request.path_info in NEVER_LIMITED or parking.was_parked()
        if not is_free:
            rates.charge_address(request.META.get("REMOTE_ADDR", ""))
        if request.path_info not in ALWAYS_ANSWERED:
            return self._answer_in_turn(request)
        with callers.acting_as(_caller_of(request, is_prompt=True, is_free=is_free)):
            return self._get_response(request)

    def _answer_in_turn(self, request: HttpRequest) -> HttpResponse:
        """Raises Overloaded and TooOften."""
        if not self._slots.take():
            raise Overloaded
        try:
            # With a slot: to look up a key that this process does not know, it waits for the database.
            with callers.acting_as(_caller_of(request, is_prompt=False, is_free=parking.was_parked())):
                _check_share(request)
                response = self._get_response(request)
                response[contracts.HEADER] = contracts.in_force()  # before a session that has no part in the response
                _touch_session_of_header(request, response)
                return response
        finally:
            self._slots.give_back()


def _check_body(request: HttpRequest) -> None:
    """Raises the refusal of a body that did not arrive as announced, and UnsupportedEncoding."""
    refusal: Refusal | None = request.META.get(REFUSAL)
    if refusal is not None:
        raise refusal
    encodings: str | None = request.META.get("HTTP_CONTENT_ENCODING")
    if encodings is not None and announced_size(request):
        check_content_encoding(encodings)


def _caller_of(request: HttpRequest, *, is_prompt: bool, is_free: bool = False) -> Caller:
    """Raises TooOften."""
    header, address = request.META.get("HTTP_AUTHORIZATION"), request.META.get("REMOTE_ADDR", "")
    return caller_of(header, address, is_prompt=is_prompt, size=announced_size(request), is_free=is_free)


def _check_share(request: HttpRequest) -> None:
    """Raises Overloaded where the key of the request has its share of the process with its other token."""
    count_for = request.META.get(COUNT_FOR)
    key_id = callers.current().key_id
    if count_for is not None and key_id is not None and not count_for(key_id):
        raise Overloaded


def _touch_session_of_header(request: HttpRequest, response: HttpResponse) -> None:
    """Outside `/sessions/`, extend the life of a session that header or cookie names, and name it in the response."""
    if request.path_info.startswith("/sessions/"):  # first: the cookies are not parsed yet
        return
    session_id = request.META.get("HTTP_X_SESSION_ID") or request.COOKIES.get("session_id")
    if not session_id:
        return
    if len(session_id) > MAX_ID_LENGTH or not session_id.isprintable():
        return
    if not callers.current().may(callers.READ_OR_WRITE):
        return
    try:
        operations.touch(session_id=session_id)
    except (SessionNotFound, Denied):
        return
    except STORE_TROUBLE as error:
        log.warning("Could not extend the life of session %s: %s", session_id, error)
        return
    logs.about(session_id=session_id)
    response["X-Session-ID"] = session_id
