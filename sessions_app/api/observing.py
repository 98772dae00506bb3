"""`/sessions/{id}/observe`, `observe-sequence`, `stm`, `clear-stm`, `percept-data`."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation import contracts
from foundation.callers import READ, WRITE
from foundation.http.answers import json_answer
from foundation.http.bodies import parse_body, read_raw_body
from sessions_app import operations, reads
from sessions_app.api import query
from sessions_app.api.answering import answer_once_for_session, answer_with_job
from sessions_app.api.base import SessionView
from sessions_app.api.responses import observed_body
from sessions_app.api.schema import IDEMPOTENCY_KEY, MODE, VECTOR_OF_WRONG_DIMENSION, errors
from sessions_app.counters import count_on_commit
from sessions_app.jobs.deferrable import observe_sequence
from sessions_app.limits import LARGEST_BATCH, LARGEST_OBSERVATION
from sessions_app.models.jobs import Kind
from sessions_app.shapes import bodies, predictions
from sessions_app.shapes.observation_input import make_observation, make_observations

# Reading and performing a body of more bytes than this can take longer than a short-lived session has left (R12).
LONG_BATCH = 64 * 1024


class Observe(SessionView):
    needs = {"POST": WRITE}
    body_limit = LARGEST_OBSERVATION

    @extend_schema(
        summary="Append one observation to the STM",
        request=bodies.ObservationInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.ObservedAnswer, 400: VECTOR_OF_WRONG_DIMENSION, **errors(404, 409, 413, 415, 422, 501)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        body = read_raw_body(request, self.body_limit)
        given = parse_body(request, bodies.ObservationInput, body)
        observation = make_observation(given, "obs-")

        def perform() -> bytes:
            node_id, observed = operations.observe(session_id=session_id, observation=observation)
            count_on_commit(observations=1, patterns=int(bool(observed.auto_learned_pattern)))
            return observed_body(session_id, node_id, observed, contract=contracts.in_force())

        return answer_once_for_session(request, session_id, perform, body=body)


class ObserveSequence(SessionView):
    needs = {"POST": WRITE}
    body_limit = LARGEST_BATCH

    @extend_schema(
        summary="Append many observations, all or none",
        request=bodies.ObserveSequence,
        parameters=[MODE, IDEMPOTENCY_KEY],
        responses={
            200: bodies.SequenceAnswer,
            202: bodies.JobAnswer,
            400: VECTOR_OF_WRONG_DIMENSION,
            **errors(404, 409, 413, 415, 422, 501),
        },
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        in_background = query.is_async(request)
        body = read_raw_body(request, self.body_limit)
        if len(body) > LONG_BATCH:
            operations.hold(session_id=session_id)
        given = parse_body(request, bodies.ObserveSequence, body)
        if in_background:
            make_observations(given.observations)  # rejects invalid observations now, rather than in the job
            units = max(1, len(given.observations))
            return answer_with_job(request, session_id, Kind.OBSERVE_SEQUENCE, total=units, body=body)
        return answer_once_for_session(request, session_id, partial(observe_sequence, session_id, given), body=body)


class Stm(SessionView):
    needs = {"GET": READ}

    @extend_schema(summary="The short-term memory", responses={200: bodies.StmAnswer, **errors(404)})
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        stm = reads.short_term_memory(session_id)
        return json_answer(b'{"stm":%b,"session_id":%b,"length":%d}' % (stm.events, to_json(session_id), stm.length))


class ClearStm(SessionView):
    needs = {"POST": WRITE}

    @extend_schema(
        summary="Empty STM, accumulators and percept",
        request=None,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: bodies.ClearedAnswer, **errors(404)},
    )
    def post(self, request: HttpRequest, session_id: str) -> HttpResponse:
        def perform() -> bytes:
            operations.clear_stm(session_id=session_id)
            return to_json({"status": "cleared", "session_id": session_id})

        return answer_once_for_session(request, session_id, perform)


class PerceptData(SessionView):
    needs = {"GET": READ}

    @extend_schema(summary="The last observation", responses={200: predictions.PerceptAnswer, **errors(404)})
    def get(self, request: HttpRequest, session_id: str) -> HttpResponse:
        percept = reads.percept(session_id)
        return json_answer(
            b'{"percept_data":%b,"session_id":%b,"node_id":%b}'
            % (percept.percept, to_json(session_id), to_json(percept.node_id))
        )
