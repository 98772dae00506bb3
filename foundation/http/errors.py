"""From exceptions to HTTP answers: the only place that knows both."""

import logging
import sys
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from pydantic_core import to_json
from rest_framework.exceptions import MethodNotAllowed

from engine.vectors import VectorDimensionError
from foundation.http.bodies import BodyTooLarge, InvalidRequest, error_answer, json_answer
from memory_app.vectors import VectorsNotAvailable
from sessions_app import operations
from sessions_app.errors import (
    EmptyStm,
    IdempotencyKeyReused,
    InvalidConfiguration,
    JobFinished,
    JobNotFound,
    SessionNotFound,
)

log = logging.getLogger(__name__)

# What PostgreSQL trouble looks like: gone, refusing, too slow, read-only.
STORE_TROUBLE = (OperationalError, InterfaceError, InternalError)


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """REST framework's hook. A session that is not there wins over anything else that is wrong with a request to it."""
    session_id = context["kwargs"].get("session_id")
    if session_id is not None and not isinstance(error, (SessionNotFound, *STORE_TROUBLE)):
        try:
            operations.touch(session_id=session_id)
        except (SessionNotFound, *STORE_TROUBLE) as worse:
            error = worse
    response = answer_for(error, context["request"])
    if isinstance(error, (SessionNotFound, *STORE_TROUBLE)):
        context["view"].session_found = False
    return response


def answer_for(error: Exception, request: Any) -> HttpResponse:
    match error:
        case SessionNotFound():
            body = {"code": "SESSION_NOT_FOUND", "message": str(error), "session_id": error.session_id}
            return json_answer(to_json({"error": body}), 404)
        case InvalidRequest():
            return error_answer(error.problems, 422)
        case InvalidConfiguration():
            return error_answer({"error": str(error), "validation_errors": error.problems}, 400)
        case JobNotFound():
            return error_answer(str(error), 404)
        case JobFinished():
            return error_answer(str(error), 409)
        case EmptyStm():
            return error_answer(str(error), 400)
        case VectorDimensionError():
            return error_answer(_vector_dimension(error), 400)
        case VectorsNotAvailable():
            return error_answer({"error": "VectorsNotAvailable", "message": str(error)}, 501)
        case IdempotencyKeyReused():
            problem = {
                "type": "idempotency_key_reused",
                "loc": ["header", "Idempotency-Key"],
                "msg": str(error),
                "input": error.key,
            }
            return error_answer([problem], 422)
        case BodyTooLarge():
            return error_answer("Request body too large", 413)
        case MethodNotAllowed():
            return error_answer("Method Not Allowed", 405)
        case Http404():
            return error_answer("Not Found", 404)
        case UnreadablePostError() | ConnectionError():
            return error_answer("The client went away", 400)  # nobody reads it
    if isinstance(error, STORE_TROUBLE):
        log.error("PostgreSQL does not serve: %s", error)
        return unavailable("The session store is not available at the moment")
    log.error("Unexpected failure of %s %s", request.method, request.path, exc_info=error)
    return HttpResponse("Internal Server Error", status=500, content_type="text/plain; charset=utf-8")


def _vector_dimension(error: VectorDimensionError) -> dict[str, Any]:
    detail = {
        "error": "VectorDimensionError",
        "message": str(error),
        "expected_dimension": error.expected,
        "actual_dimension": error.actual,
        "vector_name": error.vector_name,
    }
    return detail if error.observation_index is None else {**detail, "observation_index": error.observation_index}


def unavailable(reason: str) -> HttpResponse:
    response = error_answer(reason, 503)
    response["Retry-After"] = "1"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: a path that no route knows."""
    return error_answer("Not Found", 404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return error_answer("Bad Request", 400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a failure outside the views, or in the console."""
    if isinstance(sys.exception(), STORE_TROUBLE):
        log.error("PostgreSQL does not serve: %s", sys.exception())
        return unavailable("The session store is not available at the moment")
    log.error("Unexpected failure of %s %s", request.method, request.path, exc_info=True)
    return HttpResponse("Internal Server Error", status=500, content_type="text/plain; charset=utf-8")
