"""`/openapi.json`, `/docs` and `/redoc`: drf-spectacular's views, with the methods and errors of the other routes."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from foundation.callers import OPEN
from foundation.http.views import LeanView

_METHODS = ["get", "head"]


@cache
def _document() -> Any:
    """Made once in each process: nothing in it depends on the request, and anybody may ask for it."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class _OneDocument(SchemaGenerator):
    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return _document()


class OpenApi(SpectacularJSONAPIView):
    generator_class = _OneDocument
    http_method_names = _METHODS
    needs = {"GET": OPEN}


# Its script is a request of its own: the browser is told to run none that is inside a page.
class Docs(SpectacularSwaggerSplitView):
    http_method_names = _METHODS
    needs = {"GET": OPEN}
    url_name = "openapi"


class Redoc(SpectacularRedocView):
    http_method_names = _METHODS
    needs = {"GET": OPEN}
    url_name = "openapi"
    # Our own template: the one of the library loads fonts from another site.
    template_name = "redoc.html"


class OAuthRedirect(LeanView):
    """The page to which Swagger UI returns from a login. KATO has it, although it has no login."""

    needs = {"GET": OPEN}

    schema = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "oauth2-redirect.html")
