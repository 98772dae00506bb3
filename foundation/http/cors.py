"""Cross-origin responses as KATO's clients know them (http.md 0.2), without credentials.

Not django-cors-headers, which cannot mirror the headers that a preflight asks for.
"""

from collections.abc import Collection

from django.http import HttpRequest, HttpResponse, HttpResponseBase

_ANY = "*"


class CrossOrigin:
    """Pages of `origins` may read responses (`*`: pages of any origin), and of the headers those that are `exposed`."""

    def __init__(self, origins: Collection[str], *, exposed: str, enabled: bool) -> None:
        self._enabled = enabled
        self._origins = origins
        self._allows_any = _ANY in origins
        self._exposed = exposed

    def is_preflight(self, request: HttpRequest) -> bool:
        return (
            request.method == "OPTIONS"
            and self._enabled
            and "Origin" in request.headers
            and "Access-Control-Request-Method" in request.headers
        )

    def preflight_answer(self, request: HttpRequest) -> HttpResponse:
        if self._allowed_origin(request) is None:
            return HttpResponse("Disallowed CORS origin", status=400, content_type="text/plain; charset=utf-8")
        response = HttpResponse("OK", content_type="text/plain; charset=utf-8")
        response["Access-Control-Allow-Methods"] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        response["Access-Control-Max-Age"] = "600"
        requested = request.headers.get("Access-Control-Request-Headers")
        if requested:
            response["Access-Control-Allow-Headers"] = requested
        return response

    def add_headers(self, request: HttpRequest, response: HttpResponseBase) -> None:
        origin = self._allowed_origin(request)
        if origin is None:
            return
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = self._exposed
        if origin != _ANY:
            response["Vary"] = "Origin"

    def _allowed_origin(self, request: HttpRequest) -> str | None:
        """The value of Access-Control-Allow-Origin; None where there is none, or it may not read the response."""
        origin: str | None = request.META.get("HTTP_ORIGIN")
        if origin is None or not self._enabled:
            return None
        if self._allows_any:
            return _ANY
        return origin if origin in self._origins else None
