"""What pages of other origins may do, as KATO's clients know it (http.md 0.2): read responses, without credentials.

Not django-cors-headers, which cannot mirror the headers that a preflight asks for.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

_ANY = "*"
_HARMLESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What a preflight may ask for: names of headers.
_NAMES_OF_HEADERS = re.compile(r"[\w!#$%&'*+.^`|~, -]{1,1000}", re.ASCII)


class CrossOrigin:
    """Pages of `origins` may read responses (`*`: pages of any origin), and of the headers those that are `exposed`.

    `own`: origins of this service itself. The host that a request names is one of them anyway.
    """

    def __init__(
        self, origins: Collection[str], *, own: Collection[str] = (), exposed: str = "", enabled: bool = True
    ) -> None:
        self._origins = frozenset(origins if enabled else ())
        self._allows_any = _ANY in self._origins
        self._own = frozenset(own)
        self._enabled = enabled
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
            return _refusal("Disallowed CORS origin")
        response = HttpResponse("OK", content_type="text/plain; charset=utf-8")
        response["Access-Control-Allow-Methods"] = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        response["Access-Control-Max-Age"] = "600"
        requested = request.headers.get("Access-Control-Request-Headers")
        if requested:
            if not _NAMES_OF_HEADERS.fullmatch(requested):
                return _refusal("Disallowed CORS headers")
            response["Access-Control-Allow-Headers"] = requested
        return response

    def is_foreign_change(self, method: str | None, meta: Mapping[str, Any]) -> bool:
        """Whether a page that may not read responses wants to change something.

        Browsers send a request without a body, or with one that a form can have, without a preflight.
        """
        return method not in _HARMLESS_METHODS and self.is_foreign(meta)

    def is_foreign(self, meta: Mapping[str, Any]) -> bool:
        """Whether the request comes from a page of an origin that is not allowed. Programs send no origin."""
        if self._allows_any:
            return False
        origin: str | None = meta.get("HTTP_ORIGIN")
        if origin is None:
            return meta.get("HTTP_SEC_FETCH_SITE") in ("cross-site", "same-site")
        if origin in self._origins or origin in self._own:
            return False
        return not origin.endswith(f"://{meta.get('HTTP_HOST')}")

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
        if origin is None:
            return None
        if self._allows_any:
            return _ANY
        return origin if origin in self._origins else None


def _refusal(reason: str) -> HttpResponse:
    return HttpResponse(reason, status=400, content_type="text/plain; charset=utf-8")
