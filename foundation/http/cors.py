"""Cross-origin answers as KATO's clients know them (http.md 0.2), without credentials.

Not django-cors-headers: it cannot mirror the headers that a preflight asks for.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

_ANY = "*" in settings.ENV.cors_origins


def allowed_origin(request: HttpRequest) -> str | None:
    """The value of Access-Control-Allow-Origin, or None for no cross-origin request or a foreign origin."""
    origin: str | None = request.META.get("HTTP_ORIGIN")
    if origin is None or not settings.ENV.cors_enabled:
        return None
    if _ANY:
        return "*"
    return origin if origin in settings.ENV.cors_origins else None


def is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and settings.ENV.cors_enabled
        and "Origin" in request.headers
        and "Access-Control-Request-Method" in request.headers
    )


def preflight_answer(request: HttpRequest) -> HttpResponse:
    if allowed_origin(request) is None:
        return HttpResponse("Disallowed CORS origin", status=400, content_type="text/plain; charset=utf-8")
    response = HttpResponse("OK", content_type="text/plain; charset=utf-8")
    response["Access-Control-Allow-Methods"] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    response["Access-Control-Max-Age"] = "600"
    requested = request.headers.get("Access-Control-Request-Headers")
    if requested:
        response["Access-Control-Allow-Headers"] = requested
    return response


def add_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    origin = allowed_origin(request)
    if origin is None:
        return
    response["Access-Control-Allow-Origin"] = origin
    response["Access-Control-Expose-Headers"] = "X-Trace-ID, X-Session-ID, X-Kato-Instance, Retry-After"
    if origin != "*":
        response["Vary"] = "Origin"
