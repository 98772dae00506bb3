"""`/sessions/{id}/learn`, `finalize-training` and `clear-all`."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation.callers import ADMIN, WRITE
from sessions_app import operations
from sessions_app.api import query
from sessions_app.api.answering import answer_once_for_session, answer_with_job
from sessions_app.api.base import SessionView
from sessions_app.api.responses import learned_body
from sessions_app.api.schema import IDEMPOTENCY_KEY, MODE, NOTHING_LEARNED, errors
from sessions_app.counters import count_on_commit
from sessions_app.jobs.deferrable import finalize_training
from sessions_app.models.jobs import Kind
from sessions_app.shapes import bodies


class Learn(SessionView):
    needs = {"POST": WRITE}

    @extend_schema(
        summary="Learn the STM as a pattern of the node, and empty it",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.LearnedAnswer, 400: NOTHING_LEARNED, **errors(404, 409, 422, 501)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        def perform() -> bytes:
            learned = operations.learn(session_id=session_id)
            count_on_commit(patterns=int(bool(learned.pattern_name)))
            return learned_body(session_id, learned)

        return answer_once_for_session(request, session_id, perform)


class FinalizeTraining(SessionView):
    needs = {"POST": WRITE}

    @extend_schema(
        summary="Keep the node's statistics of this moment for the predictions that follow",
        request=None,
        parameters=[MODE, IDEMPOTENCY_KEY],
        responses={200: bodies.FinalizedAnswer, 202: bodies.JobAnswer, **errors(404, 422)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        if query.is_async(request):
            return answer_with_job(request, session_id, Kind.FINALIZE_TRAINING, total=1)
        return answer_once_for_session(request, session_id, partial(finalize_training, session_id))


class ClearAll(SessionView):
    needs = {"POST": ADMIN}

    @extend_schema(
        summary="Empty the session and let its node forget everything it learned",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.ClearedAllAnswer, **errors(404)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        def perform() -> bytes:
            operations.clear_all(session_id=session_id)
            return to_json({"status": "cleared", "session_id": session_id, "scope": "all"})

        return answer_once_for_session(request, session_id, perform)
