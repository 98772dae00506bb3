"""From exceptions to HTTP responses: a refusal knows its own, this module knows those of all other exceptions."""

import logging
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, MethodNotAllowed

from foundation.errors import Refusal, StoreUnavailable
from foundation.http.answers import error_answer
from foundation.http.refusals import failure_answer, refusal_answer
from foundation.postgresql.trouble import STORE_TROUBLE, means_wrong_schema, reason_for_clients

log = logging.getLogger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """REST framework's hook."""
    match error:
        case Refusal():
            return refusal_answer(error)
        case MethodNotAllowed():
            return error_answer("Method Not Allowed", 405)
        case Http404():
            return error_answer("Not Found", 404)
        case SuspiciousOperation() | BadRequest():
            return bad_request(context["request"], error)
        case APIException():  # of the documentation's views, such as an Accept header that they cannot meet
            return error_answer(str(error.detail), error.status_code)
    return _failure(error, context["request"])


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: no route has this path."""
    return error_answer("Not Found", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    if isinstance(exception, TooManyFieldsSent):
        return error_answer(f"Bad Request: more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} parameters", 400)
    return error_answer("Bad Request", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: an exception outside the views, or in the console."""
    error = sys.exception()
    return exception_handler(error, {"request": request}) if isinstance(error, Exception) else _failure(error, request)


def _failure(error: BaseException | None, request: HttpRequest) -> HttpResponse:
    if isinstance(error, STORE_TROUBLE) or (error is not None and means_wrong_schema(error)):
        log.error("PostgreSQL is unavailable: %s", error)
        return refusal_answer(StoreUnavailable(reason_for_clients(error)))
    log.error("Unexpected failure of %s %s", request.method, request.path, exc_info=error)
    return failure_answer(error)
