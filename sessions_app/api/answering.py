"""Answering POST requests: once for each Idempotency-Key, at once or with a job."""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from pydantic_core import from_json

from foundation import callers, contracts
from foundation.errors import InvalidRequest
from foundation.http.answers import json_answer
from sessions_app import operations
from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Kind
from sessions_app.operations import idempotency
from sessions_app.shapes.descriptions import job_answer

MAX_KEY_LENGTH = 255
_PART = 1024 * 1024  # bytes of a body in one row


def scope_of_node(node_id: str) -> str:
    """The scope of idempotency keys of a node. Hashed: a long id and a long key do not fit into an index entry."""
    return f"node:{hashlib.sha256(node_id.encode()).hexdigest()}"


def answer_once(request: HttpRequest, scope: str, perform: Callable[[], bytes], *, body: bytes = b"") -> HttpResponse:
    """Answer a POST. With an Idempotency-Key header, perform it once, however often it is sent.

    `body`: the raw body, if the route has one; a chunked body can be read only once.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return json_answer(perform())
    # A repeat performs nothing that could find out.
    caller = callers.current()
    caller.confirm()
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequest(
            [
                {
                    "type": "idempotency_key_length",
                    "loc": ["header", "Idempotency-Key"],
                    "msg": f"Header should have 1 to {MAX_KEY_LENGTH} characters",
                    "input": key[:MAX_KEY_LENGTH],
                }
            ]
        )
    # Asked for in another form, it is another request.
    parts = (str(request.method), request.get_full_path(), *filter(None, [contracts.asked()]))
    mark = idempotency.fingerprint(*(part.encode() for part in parts), body)
    content, repeated = idempotency.once(scope=caller.own(scope), key=key, fingerprint=mark, perform=perform)
    response = json_answer(content)
    if repeated:
        response["Idempotency-Replayed"] = "true"
    return response


def answer_once_for_session(
    request: HttpRequest, session_id: str, perform: Callable[[], bytes], *, body: bytes = b""
) -> HttpResponse:
    """As `answer_once`, with keys of this session. A repeat is an access too, so the session must be alive."""
    response = answer_once(request, f"session:{session_id}", perform, body=body)
    if "Idempotency-Replayed" in response:
        operations.touch(session_id=session_id)
    return response


def answer_with_job(
    request: HttpRequest, session_id: str, kind: Kind, *, total: int, body: bytes = b""
) -> HttpResponse:
    """Accept a job on a session. A worker performs it later, with the body of this request."""

    @transaction.atomic
    def accept() -> bytes:
        # The touch locks the session's row: without it, a job accepted later could get the lower number.
        node_id = operations.touch(session_id=session_id)
        parts = (body[start : start + _PART] for start in range(0, len(body), _PART))
        job = lifecycle.accept(
            kind=kind, node_id=node_id, session_id=session_id, parameters={}, total=total, parts=parts
        )
        return job_answer(job)

    return accepted(answer_once_for_session(request, session_id, accept, body=body))


def accepted(response: HttpResponse) -> HttpResponse:
    """The response to a request that created a job: 202, with the URL of the job."""
    response.status_code = 202
    response["Location"] = f"/jobs/{from_json(response.content)['job_id']}"
    return response
