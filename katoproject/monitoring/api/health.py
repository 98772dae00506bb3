"""`/`, `/health` (is the process alive?) and `/health/ready` (can it do its work?)."""

import os
import time

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from pydantic import BaseModel, Field
from pydantic_core import to_json

from foundation import callers, contracts
from foundation.callers import ANY_SCOPE, OPEN
from foundation.contracts import ContractName
from foundation.http.answers import json_answer
from foundation.http.views import Confirmation, LeanView
from katoproject.configuration import identity
from katoproject.configuration.versions import API_VERSIONS
from katoproject.monitoring import latest, readiness, resources, snapshot
from katoproject.monitoring.api import figures
from katoproject.monitoring.series import SERIES
from katoproject.monitoring.snapshot import Snapshot
from sessions_app.jobs.lifecycle import Backlog


class RootAnswer(BaseModel):
    service: str = Field(examples=["KATO API"])
    version: str = Field(examples=[identity.API_VERSION], description="Of the API.")
    description: str = Field(examples=["Deterministic memory and prediction for event sequences"])
    docs: str = Field(examples=["/docs"])
    health: str = Field(examples=["/health"])
    status: str = Field(examples=["running"])
    uptime_seconds: float
    architecture: str = Field(examples=["modular"])
    session_support: bool = Field(examples=[True])
    program: str


class HealthAnswer(BaseModel):
    status: str = Field(examples=["healthy"], description="healthy, degraded or unhealthy.")
    processor_status: str = Field(examples=["healthy"])
    service_name: str = Field(examples=["kato"])
    uptime_seconds: float
    issues: list[str] = Field(examples=[[]], description="High memory usage, High CPU usage.")
    metrics_collected: int = Field(examples=[1234])
    last_collection: float = Field(examples=[1795329488.9])
    active_sessions: int | None = Field(
        description="As of the last sample. Null before the first one, where the database did not say at the last one, "
        "and without an access key for all nodes."
    )
    active_sessions_age: float | None = Field(description="Seconds since they were counted; null where they are.")
    worker_pid: int = Field(examples=[4711], description="Of the process that answers.")
    contracts: list[str] = Field(
        examples=[list(ContractName)], description="The values of `X-KATO-Contract`: versions of KATO it answers as."
    )
    timestamp: str
    program: str


class PartAnswer(BaseModel):
    ok: bool
    required: bool = Field(
        description="Whether requests need it; without the others the service is slower, or refuses changes."
    )
    latency_ms: float | None
    error: str | None


class BackgroundAnswer(BaseModel):
    jobs_waiting: int
    lag_seconds: float = Field(description="How long the oldest of them has been waiting for a worker.")


class IndexesAnswer(BaseModel):
    being_built: int = Field(
        examples=[0],
        description="Large nodes that the web processes of this host are reading. The first requests to them wait.",
    )


class ReadyAnswer(BaseModel):
    ready: bool = Field(examples=[True])
    parts: dict[str, PartAnswer] = Field(
        examples=[{"database": {"ok": True, "required": True, "latency_ms": 0.4, "error": None}}],
        description="database, redis, broker, worker, upkeep, disk, clock, neighbours (what else uses Redis).",
    )
    background: BackgroundAnswer | None = Field(
        examples=[{"jobs_waiting": 0, "lag_seconds": 0.0}],
        description="null where the database does not say, and without an access key for all nodes.",
    )
    cache: dict[str, int] = Field(examples=[{"hit": 320, "miss": 12, "fallback": 0}])
    indexes: IndexesAnswer = Field(examples=[{"being_built": 0}])
    program: str
    timestamp: str


def _active_sessions(sample: Snapshot | None) -> tuple[int | None, float | None]:
    """How many there were when they were last counted, and how many seconds ago that was."""
    caller = callers.current()
    if sample is None or sample.shared.sessions_active is None or not caller.may(ANY_SCOPE) or caller.nodes is not None:
        return None, None
    return sample.shared.sessions_active, round(latest.age(sample), 3)


def _uptime() -> float:
    return round(time.monotonic() - identity.STARTED, 3)


class Root(LeanView):
    needs = {"GET": ANY_SCOPE}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(summary="Service name, version, uptime", responses={200: RootAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        return json_answer(
            to_json(
                RootAnswer(
                    service="KATO API",
                    version=API_VERSIONS[contracts.in_force()],
                    description="Deterministic memory and prediction for event sequences",
                    docs="/docs",
                    health="/health",
                    status="running",
                    uptime_seconds=_uptime(),
                    architecture="modular",
                    session_support=True,
                    program=identity.describe(),
                )
            )
        )


class Health(LeanView):
    needs = {"GET": OPEN}

    @extend_schema(
        summary="Liveness: always 200 while the process lives; what it cannot find out is null",
        responses={200: HealthAnswer},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        last = latest.read()
        sample = last.snapshot if last else None
        machine = (sample and sample.resources) or resources.measure()
        sessions, age = _active_sessions(sample)
        return json_answer(
            to_json(
                HealthAnswer(
                    status=machine.status,
                    processor_status="unhealthy" if machine.status == "unhealthy" else "healthy",
                    service_name=identity.SERVICE_NAME,
                    uptime_seconds=_uptime(),
                    issues=machine.issues,
                    metrics_collected=len(SERIES),
                    last_collection=latest.collected_at(),
                    active_sessions=sessions,
                    active_sessions_age=age,
                    worker_pid=os.getpid(),
                    contracts=list(ContractName),
                    timestamp=figures.now(),
                    program=identity.describe(),
                )
            )
        )


class Ready(LeanView):
    needs = {"GET": OPEN}

    @extend_schema(
        summary="Readiness: 503 where a part that requests need is missing",
        responses={200: ReadyAnswer, 503: OpenApiResponse(ReadyAnswer, "The database does not answer.")},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        backlog = readiness.backlog()
        parts = readiness.parts()
        ready = all(part.ok for part in parts.values() if part.required)
        counts = snapshot.take()
        answer = ReadyAnswer(
            ready=ready,
            parts={name: PartAnswer.model_validate(part, from_attributes=True) for name, part in parts.items()},
            background=_background(backlog.result()),
            cache={name: counts.cache_count(name) for name in ("hit", "miss", "fallback")},
            indexes=IndexesAnswer(being_built=counts.live.index_builds),
            program=identity.describe(),
            timestamp=figures.now(),
        )
        response = json_answer(to_json(answer), 200 if ready else 503)
        if not ready:
            response["Retry-After"] = "1"
        return response


def _background(backlog: Backlog | None) -> BackgroundAnswer | None:
    if backlog is None or callers.current().nodes is not None:
        return None
    return BackgroundAnswer(jobs_waiting=backlog.waiting, lag_seconds=backlog.lag_seconds)
