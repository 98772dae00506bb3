"""`/metrics`, `/metrics/{name}`, `/metrics-prom`, `/stats`."""

import threading
import time
from collections.abc import Iterable
from typing import Annotated

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from foundation import callers, contracts
from foundation.asking import Asker, NoAnswer
from foundation.callers import MONITOR
from foundation.contracts import ContractName
from foundation.http.answers import error_answer, json_answer
from foundation.http.bodies import parse_query
from foundation.http.error_shapes import Error
from foundation.http.refusals import unavailable
from foundation.http.schema import INVALID_REQUEST, response
from foundation.http.views import Confirmation, LeanView
from katoproject.monitoring import history, latest, series
from katoproject.monitoring.api import figures, shapes
from katoproject.monitoring.prometheus import exposition
from katoproject.monitoring.snapshot import Snapshot

HISTORY_PATIENCE = 4.0  # seconds; a window may be a year

_MINUTES = TypeAdapter(Annotated[int, Field(ge=1, le=525_600)])
_MINUTES_PARAMETER = OpenApiParameter(
    "minutes",
    {"type": "integer", "minimum": 1, "maximum": 525_600, "default": 10},
    description="How far back. Samples are kept for a day.",
)
_database = Asker()


class _CachedMetrics:
    """The body of `/metrics` about all nodes, computed at most once in METRICS_CACHE_TTL_SECONDS for all clients.

    One for each contract, because they name nodes differently.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._body, self._until = b"", 0.0

    def body(self) -> bytes:
        with self._lock:
            if time.monotonic() >= self._until:
                self._body = to_json(_metrics())
                self._until = time.monotonic() + settings.ENV.metrics_cache_ttl
            return self._body


_cached = {contract: _CachedMetrics() for contract in ContractName}


def _metrics() -> shapes.MetricsAnswer:
    instances = latest.now()
    population = figures.population()
    active = population.active if population else None
    return shapes.MetricsAnswer(
        **dict(figures.summary(instances, active)),
        timestamp=time.time(),
        rates=figures.rates(instances),
        processor_manager=figures.processors(),
        uptime_seconds=round(instances[0].uptime, 3),
        active_sessions=active,
        instances=[one.instance for one in instances],
    )


class Metrics(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(summary="Totals, rates and resources, of all processes", responses={200: shapes.MetricsAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        of_all_nodes = callers.current().nodes is None
        return json_answer(_cached[contracts.in_force()].body() if of_all_nodes else to_json(_metrics()))


class Prometheus(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(
        summary="The same for Prometheus, of all processes of this instance",
        responses={
            (200, "text/plain"): OpenApiResponse(
                str,
                "The text format of Prometheus.",
                [OpenApiExample("example", "# TYPE kato_requests_total counter\nkato_requests_total 66000.0\n")],
            )
        },
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(generate_latest(exposition()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _steps(minutes: int) -> list[history.Step]:
    """Raises NoAnswer, or DatabaseTrouble."""
    now = time.time()
    return _database.ask(lambda: history.steps(minutes=minutes, now=now), patience=HISTORY_PATIENCE)[0]


class Metric(LeanView):
    needs = {"GET": MONITOR}

    @extend_schema(
        summary="The time series of one metric",
        parameters=[_MINUTES_PARAMETER],
        responses={
            200: shapes.MetricAnswer,
            404: response(
                Error,
                "No such metric, or nothing within that time.",
                {"detail": "No data available for metric 'x' in the last 10 minutes"},
            ),
            422: INVALID_REQUEST,
        },
    )
    def get(self, request: HttpRequest, metric_name: str) -> HttpResponse:
        if metric_name in series.OF_ALL_NODES:
            callers.current().require_all_nodes()
        minutes = parse_query(request, "minutes", _MINUTES, 10)
        try:
            points = series.points(metric_name, _steps(minutes))
        except (DatabaseTrouble, NoAnswer):
            return unavailable("Metrics collector not available")
        if not points:
            return error_answer(f"No data available for metric '{metric_name}' in the last {minutes} minutes", 404)
        values = [point.value for point in points]
        return json_answer(
            to_json(
                shapes.MetricAnswer(
                    metric_name=metric_name,
                    time_range_minutes=minutes,
                    timestamp=time.time(),
                    statistics=shapes.Statistics(
                        count=len(values), min=min(values), max=max(values), avg=sum(values) / len(values)
                    ),
                    data_points=points,
                )
            )
        )


class Stats(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(
        summary="The time series of all metrics, and a summary",
        parameters=[_MINUTES_PARAMETER],
        responses={200: shapes.StatsAnswer, 422: INVALID_REQUEST},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        minutes = parse_query(request, "minutes", _MINUTES, 10)
        error, steps = None, []
        try:
            steps = _steps(minutes)
        except (DatabaseTrouble, NoAnswer):
            error = "There is no history at the moment: the database does not answer"
        instances = latest.now()
        population = figures.population() if error is None else None
        answer = shapes.StatsAnswer(
            time_range_minutes=minutes,
            timestamp=time.time(),
            processor_manager=figures.processors(),
            current_status=_current_status(instances),
            time_series={name: series.points(name, steps) for name in _visible_series()},
            summary=figures.summary(instances, population.active if population else None),
            error=error,
        )
        return json_answer(to_json(answer))


def _visible_series() -> Iterable[str]:
    is_bound = callers.current().nodes is not None
    return (name for name in series.SERIES if not (is_bound and name in series.OF_ALL_NODES))


def _current_status(instances: list[Snapshot]) -> shapes.CurrentStatus:
    machine = figures.machine(instances)
    return shapes.CurrentStatus(
        status=machine.status,
        issues=machine.issues,
        metrics=shapes.CurrentMetrics(
            cpu_percent=machine.cpu_percent,
            memory_percent=machine.memory_percent,
            error_rate_per_min=figures.rates(instances).errors_per_minute,
        ),
        timestamp=time.time(),
    )
