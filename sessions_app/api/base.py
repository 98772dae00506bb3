"""What the session endpoints have in common."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from foundation import logs
from foundation.errors import InvalidRequest
from foundation.http.answers import json_answer
from foundation.http.views import LeanView
from foundation.postgresql.trouble import STORE_TROUBLE
from sessions_app import operations
from sessions_app.errors import SessionNotFound
from sessions_app.operations import idempotency
from sessions_app.shapes.bodies import MAX_ID_LENGTH

MAX_KEY_LENGTH = 255


# A view below `/sessions/{session_id}/`: its answers carry X-Session-ID once the session was found.
class SessionView(LeanView):
    session_found = True  # `handle_exception` knows better

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # What no session is called: PostgreSQL cannot be asked for a NUL, an index entry cannot hold any length.
        if "\0" in kwargs["session_id"] or len(kwargs["session_id"]) > MAX_ID_LENGTH:
            raise SessionNotFound(kwargs["session_id"])
        logs.about(session_id=kwargs["session_id"])

    def handle_exception(self, error: Exception) -> Any:
        """A session that is not there wins over anything else that is wrong with a request to it."""
        if not isinstance(error, (SessionNotFound, *STORE_TROUBLE)):
            try:
                operations.touch(session_id=self.kwargs["session_id"])
            except (SessionNotFound, *STORE_TROUBLE) as worse:
                error = worse
        if isinstance(error, (SessionNotFound, *STORE_TROUBLE)):
            self.session_found = False
        return super().handle_exception(error)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.session_found:
            response["X-Session-ID"] = kwargs["session_id"]
        return response


def scope_of_node(node_id: str) -> str:
    """Of the keys that are unique per node: hashed, an index entry has no room for a long id beside a long key."""
    return f"node:{hashlib.sha256(node_id.encode()).hexdigest()}"


def answer_once(request: HttpRequest, scope: str, perform: Callable[[], bytes], *, body: bytes = b"") -> HttpResponse:
    """Answer a POST; with an Idempotency-Key header, perform it once however often it comes.

    `body`: as far as it matters; a body in chunks can be read only once.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return json_answer(perform())
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequest(
            [
                {
                    "type": "idempotency_key_length",
                    "loc": ["header", "Idempotency-Key"],
                    "msg": f"Header should have 1 to {MAX_KEY_LENGTH} characters",
                    "input": key,
                }
            ]
        )
    parts = (str(request.method), request.get_full_path())
    mark = idempotency.fingerprint(*(part.encode() for part in parts), body)
    content, repeated = idempotency.once(scope=scope, key=key, fingerprint=mark, perform=perform)
    response = json_answer(content)
    if repeated:
        response["Idempotency-Replayed"] = "true"
    return response


def answer_once_for_session(
    request: HttpRequest, session_id: str, perform: Callable[[], bytes], *, body: bytes = b""
) -> HttpResponse:
    """As `answer_once`, with keys of this session. A repeat is an access too, so it needs a session that lives."""
    response = answer_once(request, f"session:{session_id}", perform, body=body)
    if "Idempotency-Replayed" in response:
        operations.touch(session_id=session_id)
    return response
