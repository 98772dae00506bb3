"""`/`, `/health` (does the process live?) and `/health/ready` (can it do its work?)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse
from django_redis import get_redis_connection
from drf_spectacular.utils import OpenApiResponse, extend_schema
from kombu.exceptions import OperationalError as BrokerError
from pydantic import BaseModel, Field
from pydantic_core import to_json
from redis.exceptions import RedisError

from foundation.asking import Asker, NoAnswer
from foundation.background import celery_app
from foundation.http.answers import json_answer
from foundation.http.views import LeanView
from foundation.postgresql.statements import OTHER
from katoproject.configuration import identity
from katoproject.monitoring import latest, resources, snapshot
from katoproject.monitoring.series import SERIES
from sessions_app.jobs import lifecycle
from sessions_app.reads import reading

HEALTH_PATIENCE = 0.3  # seconds that liveness waits for the number of sessions
READY_PATIENCE = 2.0  # seconds that readiness waits for each part


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
    active_sessions: int | None = Field(description="Null where the database does not say at once.")
    timestamp: str
    program: str


class PartAnswer(BaseModel):
    ok: bool
    required: bool = Field(description="Whether requests need it; without the others the service is slower.")
    latency_ms: float | None
    error: str | None


class BackgroundAnswer(BaseModel):
    jobs_waiting: int
    lag_seconds: float = Field(description="How long the oldest of them has been waiting for a worker.")


class ReadyAnswer(BaseModel):
    ready: bool = Field(examples=[True])
    parts: dict[str, PartAnswer] = Field(
        examples=[{"database": {"ok": True, "required": True, "latency_ms": 0.4, "error": None}}],
        description="database, redis, broker, worker.",
    )
    background: BackgroundAnswer | None = Field(
        examples=[{"jobs_waiting": 0, "lag_seconds": 0.0}], description="null where the database does not say."
    )
    cache: dict[str, int] = Field(examples=[{"hit": 320, "miss": 12, "fallback": 0}])
    program: str
    timestamp: str


_sessions, _jobs = Asker(), Asker()


def _active_sessions() -> int | None:
    try:
        return _sessions.ask(reading.count, patience=HEALTH_PATIENCE)[0]
    except (DatabaseTrouble, NoAnswer):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _uptime() -> float:
    return round(time.time() - identity.STARTED_AT, 3)


class Root(LeanView):
    @extend_schema(summary="Service name, version, uptime", responses={200: RootAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        return json_answer(
            to_json(
                RootAnswer(
                    service="KATO API",
                    version=identity.API_VERSION,
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
    @extend_schema(
        summary="Liveness: always 200 while the process lives; what it cannot find out is null",
        responses={200: HealthAnswer},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        machine = resources.look()
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
                    active_sessions=_active_sessions(),
                    timestamp=_now(),
                    program=identity.describe(),
                )
            )
        )


def _ask_database() -> None:
    OTHER.execute("SELECT 1", {})


def _ask_redis() -> None:
    get_redis_connection("default").ping()


def _ask_broker() -> None:
    with celery_app().connection_for_read(connect_timeout=READY_PATIENCE) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


def _ask_worker() -> None:
    if not celery_app().control.ping(timeout=READY_PATIENCE / 2, limit=1):
        raise BrokerError("no worker answered")


# Name → how to ask, and whether requests need it. Without Redis they are slower; without broker and worker only
# background work waits.
PARTS: dict[str, tuple[Callable[[], None], bool]] = {
    "database": (_ask_database, True),
    "redis": (_ask_redis, False),
    "broker": (_ask_broker, False),
    "worker": (_ask_worker, False),
}
_askers = {name: Asker() for name in PARTS}
_together = ThreadPoolExecutor(len(PARTS) + 1, thread_name_prefix="ready")


def _background() -> BackgroundAnswer | None:
    try:
        backlog, _ = _jobs.ask(lifecycle.backlog, patience=READY_PATIENCE)
    except (DatabaseTrouble, NoAnswer):
        return None
    return BackgroundAnswer(jobs_waiting=backlog.jobs, lag_seconds=backlog.lag)


def _part(name: str) -> PartAnswer:
    question, required = PARTS[name]
    try:
        _, seconds = _askers[name].ask(question, patience=READY_PATIENCE)
    except NoAnswer:
        return PartAnswer(ok=False, required=required, latency_ms=None, error="no answer in time")
    except (DatabaseTrouble, RedisError, BrokerError, OSError) as error:
        return PartAnswer(ok=False, required=required, latency_ms=None, error=f"{type(error).__name__}: {error}")
    return PartAnswer(ok=True, required=required, latency_ms=round(seconds * 1000, 3), error=None)


def parts() -> dict[str, PartAnswer]:
    """How each part does, asked now, all at the same time."""
    return dict(zip(PARTS, _together.map(_part, PARTS), strict=True))


class Ready(LeanView):
    @extend_schema(
        summary="Readiness: 503 where a part that requests need is missing",
        responses={200: ReadyAnswer, 503: OpenApiResponse(ReadyAnswer, "The database does not answer.")},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        background = _together.submit(_background)
        asked = parts()
        ready = all(part.ok for part in asked.values() if part.required)
        counted = snapshot.take()
        counts = {name: counted.cache_count(name) for name in ("hit", "miss", "fallback")}
        answer = ReadyAnswer(
            ready=ready,
            parts=asked,
            background=background.result(),
            cache=counts,
            program=identity.describe(),
            timestamp=_now(),
        )
        response = json_answer(to_json(answer), 200 if ready else 503)
        if not ready:
            response["Retry-After"] = "1"
        return response
