"""`/cache/stats`, `/cache/invalidate`, `/connection-pools`, `/distributed-stm/stats`."""

import os
import time
from collections.abc import Callable
from typing import Any

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse
from django_redis import get_redis_connection
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import TypeAdapter
from pydantic_core import to_json
from redis.exceptions import RedisError

from foundation.asking import NoAnswer
from foundation.http.answers import error_answer, json_answer
from foundation.http.bodies import parse_query
from foundation.http.error_shapes import Error
from foundation.http.views import LeanView
from foundation.metrics.folder import instance
from foundation.postgresql.statements import OTHER
from katoproject.monitoring import latest
from katoproject.monitoring.api import figures, shapes
from katoproject.monitoring.snapshot import Snapshot
from sessions_app import cache
from sessions_app.api.schema import errors

_SESSION_ID = TypeAdapter(str)
_CONNECTIONS = """
    SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state = 'idle'),
           count(*) FILTER (WHERE starts_with(state, 'idle in transaction')),
           count(*) FILTER (WHERE wait_event_type = 'Lock'),
           current_setting('max_connections')::int
    FROM pg_stat_activity WHERE application_name = 'kato' AND datname = current_database()
"""


def _total(instances: list[Snapshot], result: str, views: tuple[str, ...] | None = None) -> int:
    return sum(
        counts.get(result, 0)
        for one in instances
        for view, counts in one.cache.items()
        if views is None or view in views
    )


class CacheStats(LeanView):
    @extend_schema(summary="Figures of the Redis cache, of all processes", responses={200: shapes.CacheStatsAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        instances = latest.now()
        memory = _redis_memory()
        hits, misses = _total(instances, "hit"), _total(instances, "miss")
        fallbacks = _total(instances, "fallback")
        uptime = time.time() - instances[0].started_at
        views: dict[str, dict[str, int]] = {}
        for one in instances:
            for view, counts in one.cache.items():
                known = views.setdefault(view, dict.fromkeys(("hit", "miss", "fallback", "write"), 0))
                for result, number in counts.items():
                    known[result] += number
        performance = shapes.CachePerformance(
            hit_rate_percent=round(100 * hits / (hits + misses), 2) if hits + misses else 0.0,
            cache_hits=hits,
            cache_misses=misses,
            cache_fallbacks=fallbacks,
            patterns_in_cache=sum(one.live.index_patterns for one in instances),
            symbols_in_cache=sum(one.live.index_symbols for one in instances),
            patterns_cached_total=_total(instances, "write", cache.PREDICTION_VIEWS),
            symbols_cached_total=_total(instances, "write", cache.SESSION_VIEWS),
            redis_memory_used_mb=memory,
            uptime_seconds=round(uptime, 3),
            requests_per_second=(hits + misses + fallbacks) / uptime if uptime > 0 else 0.0,
            views=views,
        )
        health = shapes.CacheHealth(
            status="healthy" if memory is not None else "unavailable",
            redis_connected=memory is not None,
            cache_stats=performance,
        )
        answer = shapes.CacheStatsAnswer(cache_performance=performance, cache_health=health, timestamp=figures.now())
        return json_answer(to_json(answer))


def _redis_memory() -> float | None:
    """Megabytes that Redis uses, or None while it does not serve."""
    try:
        information: Any = get_redis_connection("default").info("memory")
    except RedisError:
        return None
    return float(round(information["used_memory"] / 1024 / 1024, 3))


class CacheInvalidate(LeanView):
    @extend_schema(
        summary="Drop what Redis caches, of one session or of all; costs time, never data",
        request=None,
        parameters=[OpenApiParameter("session_id", str, description="Only of this session.")],
        responses={
            200: shapes.InvalidateAnswer,
            500: OpenApiResponse(
                Error,
                "Redis does not serve.",
                [OpenApiExample("example", {"detail": "Cache invalidation failed: ConnectionError"})],
            ),
            **errors(422),
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        session_id = parse_query(request, "session_id", _SESSION_ID, None)
        try:
            dropped = cache.drop(session_id)
        except RedisError as error:
            return error_answer(f"Cache invalidation failed: {type(error).__name__}", 500)
        answer = shapes.InvalidateAnswer(
            status="success",
            patterns_invalidated=dropped.predictions,
            symbols_invalidated=dropped.sessions,
            session_id=session_id,
            reason=None,
            timestamp=figures.now(),
        )
        return json_answer(to_json(answer))


class DistributedStm(LeanView):
    @extend_schema(
        summary="Always `disabled`: the short-term memory is in PostgreSQL",
        responses={200: shapes.DistributedStmAnswer},
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        answer = shapes.DistributedStmAnswer(
            status="disabled",
            distributed_stm_enabled=False,
            performance_stats=None,
            processor_info=None,
            expected_improvements=None,
            reason="Every process reads and writes the short-term memory in PostgreSQL; there is nothing to distribute",
            error=None,
            timestamp=figures.now(),
        )
        return json_answer(to_json(answer))


class ConnectionPools(LeanView):
    @extend_schema(
        summary="Connections to the stores, and whether they serve", responses={200: shapes.ConnectionPoolsAnswer}
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        mine = latest.now()[0]
        connections, postgresql = _checked("postgresql", mine.postgresql.errors, _ask_postgresql)
        _, redis = _checked("redis", mine.store("redis").errors, _ask_redis)
        answer = shapes.ConnectionPoolsAnswer(
            status="error" if not postgresql.healthy else "healthy" if redis.healthy else "degraded",
            # Clients look for the stores of KATO: what those held is in PostgreSQL.
            health={"redis": redis, "qdrant": postgresql, "clickhouse": postgresql, "postgresql": postgresql},
            pool_statistics={"postgresql": connections or {}, "redis": _redis_pool()},
            connection_optimization={
                "postgresql": "One connection for each thread, kept open",
                "redis": "One pool for each process",
            },
            performance_improvements={
                "connection_reuse": "No request opens a connection",
                "prepared_statements": "Statements of the hot paths are prepared once for each connection",
                "bounded_waits": "No request waits for a store for longer than a few seconds",
            },
            error=None if postgresql.healthy else "PostgreSQL does not answer",
            timestamp=figures.now(),
        )
        return json_answer(to_json(answer))


Figures = dict[str, Any]


def _checked(store: str, errors: int, ask: Callable[[], Figures]) -> tuple[Figures | None, shapes.StoreHealth]:
    """What the store says about its connections, and how it is. Only the kind of an error is told."""
    begun = time.perf_counter()
    said, problem = None, None
    try:
        said = ask()
    except NoAnswer:
        problem = "no answer in time"
    except (DatabaseTrouble, RedisError) as error:
        problem = type(error).__name__
    health = shapes.StoreHealth(
        healthy=problem is None,
        last_check=figures.now(),
        error_count=errors,
        last_error=problem,
        response_time_ms=round((time.perf_counter() - begun) * 1000, 3) if problem is None else None,
        served_by=store,
    )
    return said, health


def _ask_postgresql() -> Figures:
    """Of the whole service, all its machines."""
    [row] = figures.database.ask(lambda: OTHER.execute(_CONNECTIONS, {}), patience=figures.PATIENCE)[0]
    names = ("connections", "active", "idle", "idle_in_transaction", "waiting_for_locks", "max_connections")
    return dict(zip(names, row, strict=True))


def _ask_redis() -> Figures:
    get_redis_connection("default").ping()
    return {}


def _redis_pool() -> Figures:
    """Of this process. The client library has no public way to ask its pool."""
    pool = get_redis_connection("default").connection_pool
    return {
        "max_connections": pool.max_connections,
        "in_use": len(pool._in_use_connections),
        "idle": len(pool._available_connections),
        "process": f"{instance()}, pid {os.getpid()}",
    }
