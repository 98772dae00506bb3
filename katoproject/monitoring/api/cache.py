"""`/cache/stats` and `/cache/invalidate`: what Redis caches."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django_redis import get_redis_connection
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import TypeAdapter
from pydantic_core import to_json
from redis.exceptions import RedisError

from foundation import callers
from foundation.callers import ADMIN, MONITOR
from foundation.http.answers import error_answer, json_answer
from foundation.http.bodies import parse_query
from foundation.http.error_shapes import Error
from foundation.http.schema import INVALID_REQUEST, response
from foundation.http.views import Confirmation, LeanView
from katoproject.monitoring import latest
from katoproject.monitoring.api import figures, shapes
from katoproject.monitoring.snapshot import Snapshot
from sessions_app import cache, reads

_SESSION_ID = TypeAdapter(str)


class CacheStats(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(summary="Figures of the Redis cache, of all processes", responses={200: shapes.CacheStatsAnswer})
    def get(self, request: HttpRequest) -> HttpResponse:
        memory = _redis_memory()
        performance = _performance(latest.now(), memory)
        health = shapes.CacheHealth(
            status="healthy" if memory is not None else "unavailable",
            redis_connected=memory is not None,
            cache_stats=performance,
        )
        answer = shapes.CacheStatsAnswer(cache_performance=performance, cache_health=health, timestamp=figures.now())
        return json_answer(to_json(answer))


def _performance(instances: list[Snapshot], redis_memory: float | None) -> shapes.CachePerformance:
    hits, misses = _total(instances, "hit"), _total(instances, "miss")
    fallbacks = _total(instances, "fallback")
    uptime = instances[0].uptime
    of_all_nodes = {
        "patterns_in_cache": sum(one.live.index_patterns for one in instances),
        "symbols_in_cache": sum(one.live.index_symbols for one in instances),
        "patterns_cached_total": _total(instances, "write", cache.PREDICTION_VIEWS),
        "symbols_cached_total": _total(instances, "write", cache.SESSION_VIEWS),
        "views": _by_view(instances),
    }
    return shapes.CachePerformance(
        hit_rate_percent=round(100 * hits / (hits + misses), 2) if hits + misses else 0.0,
        cache_hits=hits,
        cache_misses=misses,
        cache_fallbacks=fallbacks,
        redis_memory_used_mb=redis_memory,
        uptime_seconds=round(uptime, 3),
        requests_per_second=(hits + misses + fallbacks) / uptime if uptime > 0 else 0.0,
        **figures.for_all_nodes_only(of_all_nodes),
    )


def _total(instances: list[Snapshot], result: str, views: tuple[str, ...] | None = None) -> int:
    return sum(
        counts.get(result, 0)
        for one in instances
        for view, counts in one.cache.items()
        if views is None or view in views
    )


def _by_view(instances: list[Snapshot]) -> dict[str, dict[str, int]]:
    views: dict[str, dict[str, int]] = {}
    for one in instances:
        for view, counts in one.cache.items():
            totals = views.setdefault(view, dict.fromkeys(("hit", "miss", "fallback", "write"), 0))
            for result, number in counts.items():
                totals[result] += number
    return views


def _redis_memory() -> float | None:
    """Megabytes that Redis uses, or None while it is unavailable."""
    try:
        information: Any = get_redis_connection("redis").info("memory")
    except RedisError:
        return None
    return float(round(information["used_memory"] / 1024 / 1024, 3))


class CacheInvalidate(LeanView):
    needs = {"POST": ADMIN}

    @extend_schema(
        summary="Drop what Redis caches, of one session or of all; costs time, never data",
        request=None,
        parameters=[OpenApiParameter("session_id", str, description="Only of this session.")],
        responses={
            200: shapes.InvalidateAnswer,
            500: response(Error, "Redis does not serve.", {"detail": "Cache invalidation failed: ConnectionError"}),
            422: INVALID_REQUEST,
        },
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        session_id = parse_query(request, "session_id", _SESSION_ID, None)
        if session_id is None or not reads.existence(session_id).exists:
            callers.current().require_all_nodes()
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
