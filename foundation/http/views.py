"""The base of all views."""

from collections.abc import Collection
from enum import Enum, auto
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.views import APIView

from foundation import callers
from foundation.callers import Needs, Scope


class Confirmation(Enum):
    """How a view makes sure that its caller's key is still valid, beyond what this process remembers of it.

    BEFOREHAND: it asks the database first. BY_STATEMENT: the statement that does the work, or reads, contains the
    condition. FROM_MEMORY: it does not ask, because it must respond without the database.
    """

    BEFOREHAND = auto()
    BY_STATEMENT = auto()
    FROM_MEMORY = auto()


# REST framework's dispatch and error handling, without what a JSON-only service does not use: there is one media type,
# no user and no throttle, and to negotiate them costs more than a read of the database.
# (No docstring here or in the bases of other views: it would appear in the API documentation of every route.)
class LeanView(APIView):
    body_limit = 64 * 1024  # bytes; MAX_REQUEST_SIZE may be less
    http_method_names = ["get", "post", "put", "patch", "delete", "head", "trace"]
    # Every view says what it needs of its caller, for each of its methods.
    needs: ClassVar[Needs]
    # For another method, which is a 405.
    needs_otherwise: ClassVar[Collection[Scope]] = callers.ANY_SCOPE
    confirmation: ClassVar[Confirmation] = Confirmation.BEFOREHAND

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # `finalize_response` lists the methods where a request asks

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = "GET" if request.method == "HEAD" else str(request.method)
        needed = self.needs.get(method, self.needs_otherwise)
        caller = callers.current()
        caller.require(needed)
        if needed and self.confirmation is Confirmation.BEFOREHAND:
            caller.confirm()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.status_code == 405:
            response["Allow"] = ", ".join(self.allowed_methods)
        return response
