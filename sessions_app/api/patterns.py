"""`/sessions/{id}/patterns/…`: retire, un-retire and purge patterns of the session's node."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation.callers import ADMIN, WRITE
from foundation.http.bodies import parse_body, read_raw_body
from memory_app.operations.retiring import ActedOn
from sessions_app import operations
from sessions_app.api.answering import answer_once_for_session
from sessions_app.api.base import SessionView
from sessions_app.api.schema import IDEMPOTENCY_KEY, errors
from sessions_app.shapes import pattern_acts
from sessions_app.shapes.pattern_ids import names_of

_BODY_LIMIT = 256 * 1024  # a thousand ids, each with its prefix, and as much again for white space and a reason


class Retire(SessionView):
    needs = {"POST": WRITE}
    body_limit = _BODY_LIMIT

    @extend_schema(
        summary="Let the node neither predict nor learn some patterns, until they are un-retired",
        request=pattern_acts.ActOnPatterns,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: pattern_acts.RetiredAnswer, **errors(404, 413, 415, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        return _act(request, session_id, operations.retire, done="retired", nothing_to_do="already_retired")


class UnRetire(SessionView):
    needs = {"POST": WRITE}
    body_limit = _BODY_LIMIT

    @extend_schema(
        summary="Let the node predict and learn retired patterns again",
        request=pattern_acts.ActOnPatterns,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: pattern_acts.UnRetiredAnswer, **errors(404, 413, 415, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        return _act(request, session_id, operations.un_retire, done="un_retired", nothing_to_do="not_retired")


def _act(
    request: HttpRequest,
    session_id: str,
    act: Callable[..., tuple[str, ActedOn]],
    *,
    done: str,
    nothing_to_do: str,
) -> HttpResponse:
    """`act` on the patterns of the body. done, nothing_to_do: which fields of the response name them."""
    body = read_raw_body(request, _BODY_LIMIT)
    given = parse_body(request, pattern_acts.ActOnPatterns, body)

    def perform() -> bytes:
        node_id, acted_on = act(session_id=session_id, names=names_of(given.pattern_ids), why=given.why)
        return to_json(
            {
                "status": "okay",
                "session_id": session_id,
                "node_id": node_id,
                "requested": given.pattern_ids,
                done: acted_on.names,
                nothing_to_do: acted_on.others,
            }
        )

    return answer_once_for_session(request, session_id, perform, body=body)


# Irreversible, as clear-all is.
class Purge(SessionView):
    needs = {"POST": ADMIN}
    body_limit = _BODY_LIMIT

    @extend_schema(
        summary="Take back all that retired patterns added to the node, as if it had never learned them",
        request=pattern_acts.PurgePatterns,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: pattern_acts.PurgedAnswer, **errors(404, 413, 415, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        body = read_raw_body(request, self.body_limit)
        given = parse_body(request, pattern_acts.PurgePatterns, body)
        names = None if given.pattern_ids is None else names_of(given.pattern_ids)
        # The index of the node may have to be read first, which may take longer than the session lives.
        operations.hold(session_id=session_id)

        def perform() -> bytes:
            node_id, done = operations.purge(
                session_id=session_id, names=names, limit=given.max_patterns, why=given.why
            )
            status = "partial" if done.failed else "completed" if done.names else "nothing_to_purge"
            return to_json(
                {
                    "status": status,
                    "session_id": session_id,
                    "node_id": node_id,
                    "purged": done.names,
                    "failed": done.failed,
                    # As in KATO: 0 where there was nothing to do, whatever else is retired (kato-6.md 10.4).
                    "remaining": 0 if status == "nothing_to_purge" else done.remaining,
                }
            )

        return answer_once_for_session(request, session_id, perform, body=body)
