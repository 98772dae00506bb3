"""Errors as KATO 3.10 returns them (http.md 0.4)."""

from django.http import HttpResponse

from foundation.errors import Refusal
from foundation.http.answers import error_body


def refusal(refusal: Refusal) -> HttpResponse:
    return error_body(refusal.body(), refusal.status)


def failure(error: BaseException | None) -> HttpResponse:
    return HttpResponse("Internal Server Error", status=500, content_type="text/plain; charset=utf-8")
