"""The base of all views."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.views import APIView


# REST framework's dispatch and error handling, without what a JSON-only service does not use: there is one media type,
# no user and no throttle, and to negotiate them costs more than a read of the database.
# (No docstring here or in the bases of other views: it would appear in the API documentation of every route.)
class LeanView(APIView):
    http_method_names = ["get", "post", "put", "patch", "delete", "head", "trace"]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        pass

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.status_code == 405:
            response["Allow"] = ", ".join(self.allowed_methods)
        return response
