"""The base class of the session views."""

from typing import Any

from rest_framework.request import Request

from foundation import logs
from foundation.callers import READ_OR_WRITE, Denied
from foundation.http.views import Confirmation, LeanView
from foundation.postgresql.trouble import STORE_TROUBLE
from sessions_app import operations
from sessions_app.errors import SessionNotFound
from sessions_app.shapes.bodies import MAX_ID_LENGTH

# Errors that hide what else is wrong with the request.
_BEFORE_ALL = (SessionNotFound, Denied, *STORE_TROUBLE)


# A view below `/sessions/{session_id}/`. Its responses carry X-Session-ID if the session was found.
# (Comments, not docstrings: the OpenAPI document would publish those.)
class SessionView(LeanView):
    # An error, too, extends the life of the session.
    needs_otherwise = READ_OR_WRITE
    confirmation = Confirmation.BY_STATEMENT
    session_found = True  # until `handle_exception` finds otherwise

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # No session has such an id, and PostgreSQL would refuse it: it stores no NUL, and index entries are bounded.
        if "\0" in kwargs["session_id"] or len(kwargs["session_id"]) > MAX_ID_LENGTH:
            raise SessionNotFound(kwargs["session_id"])
        logs.about(session_id=kwargs["session_id"])

    def handle_exception(self, error: Exception) -> Any:
        """If the session does not exist, the response says so, whatever else is wrong with the request."""
        if not isinstance(error, _BEFORE_ALL):
            try:
                operations.touch(session_id=self.kwargs["session_id"])
            except _BEFORE_ALL as worse:
                error = worse
        if isinstance(error, _BEFORE_ALL):
            self.session_found = False
        return super().handle_exception(error)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.session_found:
            response["X-Session-ID"] = kwargs["session_id"]
        return response
