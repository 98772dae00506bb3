"""`/openapi.json`, `/docs` and `/redoc`: drf-spectacular's views, with the methods and errors of the other routes."""

from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from foundation import contracts
from foundation.callers import OPEN
from foundation.contracts import ContractName
from foundation.http.views import LeanView

_METHODS = ["get", "head"]


class OfContract(SchemaGenerator):
    """Makes the document of one contract."""

    def __init__(self, contract: ContractName) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.contract = contract


@cache
def _document(contract: ContractName) -> Any:
    """Made once in each process: nothing else in it depends on the request, and anybody may ask for it."""
    return OfContract(contract).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def _contract(request: Any) -> ContractName:
    """By the query, the header, or the default. Raises UnknownContract."""
    named: str | None = request.GET.get("contract")
    return contracts.in_force() if named is None else contracts.named(named, source="contract")


class _OneDocument(SchemaGenerator):
    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return _document(_contract(request))


class _OfItsQuery:
    """A page about the document of the contract that its own query names."""

    @extend_schema(exclude=True)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        _contract(request)  # or the browser would get a page, and only its script would be refused
        return super().get(request, *args, **kwargs)  # type: ignore[misc]

    def _get_schema_url(self, request: Any) -> str:
        url: str = super()._get_schema_url(request)  # type: ignore[misc]
        return f"{url}?{urlencode({'contract': _contract(request)})}" if "contract" in request.GET else url


class OpenApi(SpectacularJSONAPIView):
    generator_class = _OneDocument
    http_method_names = _METHODS
    needs = {"GET": OPEN}


# Its script is a request of its own: the browser is told to run none that is inside a page.
class Docs(_OfItsQuery, SpectacularSwaggerSplitView):
    http_method_names = _METHODS
    needs = {"GET": OPEN}
    url_name = "openapi"


class Redoc(_OfItsQuery, SpectacularRedocView):
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
