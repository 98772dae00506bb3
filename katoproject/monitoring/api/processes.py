"""`/status` and `/concurrency`: the processes of the service and their load."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json

from foundation import contracts
from foundation.callers import MONITOR
from foundation.http.answers import json_answer
from foundation.http.views import Confirmation, LeanView
from foundation.metrics.folder import instance, uptime
from katoproject.configuration import identity
from katoproject.configuration.environment import BACKLOG
from katoproject.configuration.versions import API_VERSIONS
from katoproject.monitoring.api import figures, shapes
from katoproject.monitoring.snapshot import live_now

WARNING, CRITICAL = 80, 95  # percent of the capacity


class Status(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(summary="Sessions, nodes in memory, version", responses={200: shapes.StatusAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        population = figures.population()
        sessions = shapes.SessionFigures(
            total_sessions=population.active + population.expired if population else None,
            active_sessions=population.active if population else None,
            expired_sessions=population.expired if population else None,
            backend="postgresql",
        )
        answer = shapes.StatusAnswer(
            status="healthy" if population else "degraded",
            base_processor_id=identity.SERVICE_NAME,
            uptime_seconds=round(uptime(), 3),
            sessions=sessions,
            processors=figures.processors(),
            version=API_VERSIONS[contracts.in_force()],
        )
        return json_answer(to_json(answer))


class Concurrency(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(
        summary="Requests under way in all processes of this instance, and how many there may be",
        responses={200: shapes.ConcurrencyAnswer},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        live = live_now()
        per_worker = settings.ENV.limit_concurrency
        current, peak = _load(live.in_flight, live.workers * per_worker), _load(live.peak, live.workers * per_worker)
        answer = shapes.ConcurrencyAnswer(
            status=_status(current),
            current=current,
            peak=peak,
            limits=shapes.Limits(
                per_worker=per_worker,
                warning_threshold=WARNING,
                critical_threshold=CRITICAL,
                total_capacity=live.workers * per_worker,
            ),
            configuration=shapes.WorkerConfiguration(workers=live.workers, backlog=BACKLOG, max_requests="unlimited"),
            recommendations=[_recommendation(current, peak)],
            instance=instance(),
            timestamp=figures.now(),
        )
        return json_answer(to_json(answer))


def _load(requests: int, capacity: int) -> shapes.Load:
    return shapes.Load(
        concurrent_requests=requests, utilization_percent=round(100 * requests / capacity) if capacity else 0
    )


def _status(load: shapes.Load) -> str:
    if load.utilization_percent >= CRITICAL:
        return "critical"
    return "warning" if load.utilization_percent >= WARNING else "healthy"


def _recommendation(current: shapes.Load, peak: shapes.Load) -> shapes.Recommendation:
    if current.utilization_percent > 100:
        return shapes.Recommendation(
            level="urgent", message="Requests wait for their turn: add workers (KATO_WORKERS) or machines now"
        )
    if current.utilization_percent >= CRITICAL:
        return shapes.Recommendation(level="critical", message="Nearly all slots are taken: add workers (KATO_WORKERS)")
    if max(current.utilization_percent, peak.utilization_percent) >= WARNING:
        return shapes.Recommendation(
            level="warning", message="Most slots are or were taken: consider more workers (KATO_WORKERS)"
        )
    return shapes.Recommendation(level="info", message="There is room for more requests at the same time")
