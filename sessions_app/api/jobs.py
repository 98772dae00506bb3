"""`/jobs` and `/jobs/{id}`: list, look at, cancel and retry background work."""

from typing import Annotated, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic import Field, TypeAdapter
from pydantic_core import from_json, to_json

from foundation.http.answers import json_answer
from foundation.http.bodies import parse_body, parse_query, read_raw_body
from foundation.http.views import LeanView
from memory_app.node_ids import NodeId
from sessions_app import config as session_config
from sessions_app.api.base import answer_once, answer_once_for_session, scope_of_node
from sessions_app.api.schema import IDEMPOTENCY_KEY, JOB_FILTERS, JOB_FINISHED, JOB_NOT_FOUND, JOB_REFUSED, errors
from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Kind, State
from sessions_app.operations import touch
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import describe_job, job_answer
from sessions_app.shapes.observations import make_observation

_SKIP = TypeAdapter(Annotated[int, Field(ge=0, le=2**31)])
_LIMIT = TypeAdapter(Annotated[int, Field(ge=1, le=1000)])
_NODE = TypeAdapter(NodeId)
_STATE = TypeAdapter(State)
_KIND = TypeAdapter(Kind)
_MODE = TypeAdapter(Literal["sync", "async"])

_PIECE = 1024 * 1024  # bytes of a body in one row
_BATCH = 500  # sequences that are learned in one transaction


def parse_mode(request: HttpRequest) -> str:
    """`sync` or `async`. Raises InvalidRequest."""
    mode: str = parse_query(request, "mode", _MODE, "sync")
    return mode


def answer_with_job(
    request: HttpRequest, session_id: str, kind: Kind, *, total: int, body: bytes = b""
) -> HttpResponse:
    """Accept a job on a session, which a worker does later with the body that was sent."""

    @transaction.atomic
    def accept() -> bytes:
        # The touch locks the session's row, so that its jobs have numbers in the order in which they were accepted.
        node_id = touch(session_id=session_id)
        parts = (body[start : start + _PIECE] for start in range(0, len(body), _PIECE))
        job = lifecycle.accept(
            kind=kind, node_id=node_id, session_id=session_id, parameters={}, total=total, parts=parts
        )
        return job_answer(job)

    return accepted(answer_once_for_session(request, session_id, accept, body=body))


def accepted(response: HttpResponse) -> HttpResponse:
    """The answer to a request that made a job: 202, and where to ask for it."""
    response.status_code = 202
    response["Location"] = f"/jobs/{from_json(response.content)['job_id']}"
    return response


class Jobs(LeanView):
    @extend_schema(
        summary="Jobs, the last accepted first, without their results",
        parameters=JOB_FILTERS,
        responses={200: bodies.JobList, **errors(422)},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        skip = parse_query(request, "skip", _SKIP, 0)
        limit = parse_query(request, "limit", _LIMIT, 100)
        page = lifecycle.page(
            skip=skip,
            limit=limit,
            state=parse_query(request, "state", _STATE, None),
            kind=parse_query(request, "kind", _KIND, None),
            node_id=parse_query(request, "node_id", _NODE, None),
        )
        jobs = [describe_job(job) for job in page.jobs]
        return json_answer(to_json({"jobs": jobs, "total": page.total, "skip": skip, "limit": limit}))

    @extend_schema(
        summary="Let a node learn many sequences in the background",
        request=bodies.TrainJob,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: bodies.JobAnswer, 400: JOB_REFUSED, **errors(413, 422)},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_raw_body(request)
        given = parse_body(request, bodies.TrainJob, body)
        config = session_config.validate(given.config or {})
        _check_vectors(given.sequences)

        def accept() -> bytes:
            sequences = given.sequences
            job = lifecycle.accept(
                kind=Kind.TRAIN,
                node_id=given.node_id,
                parameters={"config": config},
                total=len(sequences),
                parts=(to_json(sequences[start : start + _BATCH]) for start in range(0, len(sequences), _BATCH)),
            )
            return job_answer(job)

        return accepted(answer_once(request, scope_of_node(given.node_id), accept, body=body))


def _check_vectors(sequences: list[list[list[str] | bodies.ObservationInput]]) -> None:
    """What is wrong with an observation itself is told now, not by the job. Raises as `make_observation`."""
    for number, sequence in enumerate(sequences):
        for position, event in enumerate(sequence):
            if isinstance(event, bodies.ObservationInput) and event.vectors:
                make_observation(event, "", "sequences", number, position, "observation")


class OneJob(LeanView):
    @extend_schema(
        summary="A job: its state, its progress, its result",
        responses={200: bodies.JobAnswer, 404: JOB_NOT_FOUND, **errors()},
    )
    def get(self, request: HttpRequest, job_id: str) -> HttpResponse:
        return json_answer(job_answer(lifecycle.find(job_id)))

    @extend_schema(
        summary="Cancel a job that is not finished; what it did stays, and nothing more is done",
        responses={200: bodies.JobAnswer, 404: JOB_NOT_FOUND, 409: JOB_FINISHED, **errors()},
    )
    def delete(self, request: HttpRequest, job_id: str) -> HttpResponse:
        return json_answer(job_answer(lifecycle.cancel(job_id=job_id)))


class Retry(LeanView):
    @extend_schema(
        summary="Take up a failed or cancelled job where it stopped",
        request=None,
        responses={200: bodies.JobAnswer, 404: JOB_NOT_FOUND, 409: JOB_FINISHED, **errors()},
    )
    def post(self, request: HttpRequest, job_id: str) -> HttpResponse:
        return json_answer(job_answer(lifecycle.retry(job_id=job_id)))
