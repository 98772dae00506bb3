"""Errors as KATO 6.3 returns them (kato-6.md 5.1): an error object where KATO has a name for it, else as before."""

from datetime import UTC, datetime

from django.http import HttpResponse

from foundation.errors import Refusal
from foundation.http.answers import error_body

_NEUTRAL = "An internal error occurred. The log says what happened"


def refusal(refusal: Refusal) -> HttpResponse:
    known = refusal.known_as
    if known is None:
        return error_body({"detail": refusal.detail, **refusal.note}, refusal.status)
    error = {
        "type": known.type,
        "code": known.code,
        "message": str(refusal),
        "recoverable": known.recoverable,
        "context": refusal.context,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    return error_body({"error": error}, known.status)


def failure(error: BaseException | None) -> HttpResponse:
    content = {
        "code": "INTERNAL_ERROR",
        "message": _NEUTRAL,
        "details": {},
        "context": {"exception_type": type(error).__name__},
    }
    return error_body({"error": content}, 500)
