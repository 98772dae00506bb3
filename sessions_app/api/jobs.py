"""`/jobs` and `/jobs/{id}`: list, show, cancel and retry background jobs."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation import callers, contracts
from foundation.callers import READ, WRITE
from foundation.http.answers import json_answer
from foundation.http.bodies import parse_body, read_raw_body
from foundation.http.views import LeanView
from sessions_app import config as session_config
from sessions_app.api import query
from sessions_app.api.answering import accepted, answer_once, scope_of_node
from sessions_app.api.schema import IDEMPOTENCY_KEY, JOB_FILTERS, JOB_FINISHED, JOB_NOT_FOUND, JOB_REFUSED, errors
from sessions_app.jobs import lifecycle
from sessions_app.limits import LARGEST_BATCH, MAX_LEARNED, MOST_AFFINITIES
from sessions_app.models.jobs import Kind
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import describe_job, job_answer
from sessions_app.shapes.observation_input import make_observation

_BATCH = 500  # sequences learned in one transaction


class Jobs(LeanView):
    needs = {"GET": READ, "POST": WRITE}
    body_limit = LARGEST_BATCH

    @extend_schema(
        summary="Jobs, the last accepted first, without their results",
        parameters=JOB_FILTERS,
        responses={200: bodies.JobList, **errors(422)},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        skip, limit = query.skip_and_limit(request)
        page = lifecycle.page(
            skip=skip,
            limit=limit,
            state=query.job_state(request),
            kind=query.job_kind(request),
            node_id=query.node_id(request),
        )
        jobs = [describe_job(job) for job in page.jobs]
        return json_answer(to_json({"jobs": jobs, "total": page.total, "skip": skip, "limit": limit}))

    @extend_schema(
        summary="Let a node learn many sequences in the background",
        request=bodies.TrainJob,
        parameters=[IDEMPOTENCY_KEY],
        responses={202: bodies.JobAnswer, 400: JOB_REFUSED, **errors(413, 415, 422)},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        body = read_raw_body(request, self.body_limit)
        given = parse_body(request, bodies.TrainJob, body)
        callers.current().require_node(given.node_id)
        config = session_config.validate(given.config or {}, contract=contracts.in_force())
        _check_vectors(given.sequences)

        def accept() -> bytes:
            sequences = given.sequences
            job = lifecycle.accept(
                kind=Kind.TRAIN,
                node_id=given.node_id,
                parameters={"config": config},
                total=len(sequences),
                parts=map(to_json, _parts(sequences, config)),
            )
            return job_answer(job)

        return accepted(answer_once(request, scope_of_node(given.node_id), accept, body=body))


def _parts(
    sequences: list[bodies.TrainingSequence], config: Mapping[str, Any]
) -> Iterator[list[bodies.TrainingSequence]]:
    """The sequences, cut into parts that one transaction each can learn quickly."""
    own = {key: value for key, value in config.items() if value is not None}
    in_force = session_config.effective(own, contract=contracts.in_force())
    rolling = max(1, in_force["max_pattern_length"]) if in_force["stm_mode"] == "ROLLING" else 1
    part: list[bodies.TrainingSequence] = []
    pairs = symbols = 0
    for sequence in sequences:
        own_pairs, own_symbols = _affinities(sequence), sum(map(len, map(_strings, sequence))) * rolling
        if part and (len(part) == _BATCH or pairs + own_pairs > MOST_AFFINITIES or symbols + own_symbols > MAX_LEARNED):
            yield part
            part, pairs, symbols = [], 0, 0
        part.append(sequence)
        pairs, symbols = pairs + own_pairs, symbols + own_symbols
    if part:
        yield part


def _strings(event: bodies.TrainingEvent) -> list[str]:
    return event if isinstance(event, list) else event.strings


def _affinities(sequence: bodies.TrainingSequence) -> int:
    """To how many pairs of a symbol and an emotive learning the sequence can add."""
    whole = [event for event in sequence if isinstance(event, bodies.ObservationInput)]
    emotives = {name for event in whole for name in event.emotives}
    if not emotives:
        return 0
    symbols = {symbol for event in sequence for symbol in _strings(event)}
    return len(symbols) * len(emotives)


def _check_vectors(sequences: list[list[list[str] | bodies.ObservationInput]]) -> None:
    """Reject invalid vectors now, rather than in the job. Raises what `make_observation` raises."""
    for number, sequence in enumerate(sequences):
        for position, event in enumerate(sequence):
            if isinstance(event, bodies.ObservationInput) and event.vectors:
                make_observation(event, "", "sequences", number, position, "observation")


class OneJob(LeanView):
    needs = {"GET": READ, "DELETE": WRITE}

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
    needs = {"POST": WRITE}

    @extend_schema(
        summary="Take up a failed or cancelled job where it stopped",
        request=None,
        responses={200: bodies.JobAnswer, 404: JOB_NOT_FOUND, 409: JOB_FINISHED, **errors()},
    )
    def post(self, request: HttpRequest, job_id: str) -> HttpResponse:
        return json_answer(job_answer(lifecycle.retry(job_id=job_id)))
