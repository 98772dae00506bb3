"""`/connection-pools` and `/distributed-stm/stats`: connections to the stores, and whether the stores work."""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import Error as DatabaseTrouble
from django.http import HttpRequest, HttpResponse
from django_redis import get_redis_connection
from drf_spectacular.utils import extend_schema
from pydantic_core import to_json
from redis.exceptions import RedisError

from foundation.asking import NoAnswer
from foundation.callers import MONITOR
from foundation.http.answers import json_answer
from foundation.http.views import Confirmation, LeanView
from foundation.metrics.folder import instance
from foundation.postgresql.statements import OTHER
from katoproject.monitoring import latest
from katoproject.monitoring.api import figures, shapes

_CONNECTIONS = """
    SELECT count(*), count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state = 'idle'),
           count(*) FILTER (WHERE starts_with(state, 'idle in transaction')),
           count(*) FILTER (WHERE wait_event_type = 'Lock'),
           current_setting('max_connections')::int
    FROM pg_stat_activity WHERE application_name = 'kato' AND datname = current_database()
"""


class _Connections(NamedTuple):
    connections: int
    active: int
    idle: int
    idle_in_transaction: int
    waiting_for_locks: int
    max_connections: int


class ConnectionPools(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

    @extend_schema(
        summary="Connections to the stores, and whether they serve", responses={200: shapes.ConnectionPoolsAnswer}
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        mine = latest.now()[0]
        connections, postgresql = _check("postgresql", mine.postgresql.errors, _ask_postgresql)
        _, redis = _check("redis", mine.store("redis").errors, _ask_redis)
        answer = shapes.ConnectionPoolsAnswer(
            status="error" if not postgresql.healthy else "healthy" if redis.healthy else "degraded",
            # Clients expect the stores of KATO; PostgreSQL holds what Qdrant and ClickHouse held.
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
            error=None if postgresql.healthy else "PostgreSQL is unavailable",
            timestamp=figures.now(),
        )
        return json_answer(to_json(answer))


class DistributedStm(LeanView):
    needs = {"GET": MONITOR}
    confirmation = Confirmation.FROM_MEMORY

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


Figures = dict[str, Any]


def _check(store: str, errors: int, ask: Callable[[], Figures]) -> tuple[Figures | None, shapes.StoreHealth]:
    """What `ask` returns about the connections of a store, and the health of the store.

    Clients see the class of an error, not its text, which may name a host.
    """
    begun = time.perf_counter()
    connections, problem = None, None
    try:
        connections = ask()
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
    return connections, health


def _ask_postgresql() -> Figures:
    """The connections of the whole service, from all its machines."""
    [row] = figures.database.ask(lambda: OTHER.execute(_CONNECTIONS, {}), patience=figures.PATIENCE)[0]
    return _Connections(*row)._asdict()


def _ask_redis() -> Figures:
    get_redis_connection("redis").ping()
    return {}


def _redis_pool() -> Figures:
    """The connections of this process. The client library has no public interface to its pool."""
    pool = get_redis_connection("redis").connection_pool
    return {
        "max_connections": pool.max_connections,
        "in_use": len(pool._in_use_connections),
        "idle": len(pool._available_connections),
        "process": f"{instance()}, pid {os.getpid()}",
    }
