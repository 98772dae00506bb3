"""Responses of the monitoring routes: KATO's fields, and some more."""

from typing import Any

from pydantic import BaseModel, Field

from katoproject.monitoring.series import DataPoint

_PROCESS = "Which process this is about: indexes belong to one process by their nature."

_NULL = "Null for an access key that is bound to nodes."


class Processor(BaseModel):
    processor_id: str = Field(description="The storage-style id of the node, for display.")
    node_id: str
    created_at: str
    last_accessed: str
    access_count: int
    idle_seconds: float
    patterns: int
    memory_bytes: int


class Processors(BaseModel):
    """The nodes whose indexes this process holds in memory."""

    total_processors: int
    max_processors: int | None = Field(description="Null: not their number is limited, but `memory_limit_bytes`.")
    eviction_ttl_seconds: int | None = Field(description="Null: an index leaves when another one needs the memory.")
    memory_bytes: int
    memory_limit_bytes: int
    processors: list[Processor]
    process: str = Field(description=_PROCESS)


class SessionFigures(BaseModel):
    total_sessions: int | None = Field(description="Rows of sessions, expired ones included. Null: database down.")
    active_sessions: int | None
    expired_sessions: int | None = Field(description="Expired, and not deleted in the background yet.")
    backend: str = Field(examples=["postgresql"])


class StatusAnswer(BaseModel):
    status: str = Field(description="`healthy`, or `degraded` while the database does not answer.")
    base_processor_id: str
    uptime_seconds: float
    sessions: SessionFigures
    processors: Processors
    version: str


class SessionTotals(BaseModel):
    """Null for an access key that is bound to nodes: all but `active` were counted for all nodes together."""

    total_created: int | None
    total_deleted: int | None
    total_expired: int | None
    active: int | None
    operations_total: int | None
    operations: dict[str, int] | None
    observations: int | None
    patterns_learned: int | None


class Performance(BaseModel):
    total_requests: int
    total_errors: int = Field(description="Answers with a status of 500 or above.")
    error_rate: float = Field(description="Errors per request, since the start.")
    average_response_time: float = Field(description="Seconds, over the last minute.")


class ResourceFigures(BaseModel):
    cpu_percent: float
    memory_percent: float
    disk_percent: float


class DatabaseFigures(BaseModel):
    operations: int
    errors: int
    avg_response_time: float = Field(description="Seconds, since the start.")


class Databases(BaseModel):
    clickhouse: DatabaseFigures = Field(description="The pattern store: statements about patterns in PostgreSQL.")
    qdrant: DatabaseFigures = Field(description="The vector store: statements about vectors in PostgreSQL.")
    redis: DatabaseFigures = Field(description="The Redis cache.")
    postgresql: DatabaseFigures = Field(description="All of PostgreSQL, what the two above count included.")


class Rates(BaseModel):
    requests_per_second: float
    requests_per_minute: float
    errors_per_minute: float


class Summary(BaseModel):
    sessions: SessionTotals
    performance: Performance
    resources: ResourceFigures
    databases: Databases


class MetricsAnswer(Summary):
    timestamp: float
    rates: Rates
    processor_manager: Processors
    uptime_seconds: float
    active_sessions: int | None
    instances: list[str] = Field(description="The instances whose processes are added up here.")
    error: str | None = None


class Statistics(BaseModel):
    count: int
    min: float
    max: float
    avg: float


class MetricAnswer(BaseModel):
    metric_name: str
    time_range_minutes: int
    timestamp: float
    statistics: Statistics
    data_points: list[DataPoint]


class CurrentMetrics(BaseModel):
    cpu_percent: float
    memory_percent: float
    error_rate_per_min: float


class CurrentStatus(BaseModel):
    status: str
    issues: list[str]
    metrics: CurrentMetrics
    timestamp: float


class StatsAnswer(BaseModel):
    time_range_minutes: int
    timestamp: float
    processor_manager: Processors
    current_status: CurrentStatus
    time_series: dict[str, list[DataPoint]]
    summary: Summary
    error: str | None = Field(description="Why there are no time series, if there are none.")


class Load(BaseModel):
    concurrent_requests: int
    utilization_percent: int = Field(description="Above 100: requests wait for their turn.")


class Limits(BaseModel):
    per_worker: int
    warning_threshold: int = Field(description="Percent.")
    critical_threshold: int = Field(description="Percent.")
    total_capacity: int


class WorkerConfiguration(BaseModel):
    workers: int
    backlog: int
    max_requests: str


class Recommendation(BaseModel):
    level: str = Field(description="`info`, `warning`, `critical` or `urgent`.")
    message: str


class ConcurrencyAnswer(BaseModel):
    status: str = Field(description="`healthy`, `warning` or `critical`.")
    current: Load
    peak: Load = Field(description="Since the service started.")
    limits: Limits
    configuration: WorkerConfiguration
    recommendations: list[Recommendation]
    instance: str = Field(description="Whose processes these are: those of one service on one machine.")
    timestamp: str


class CachePerformance(BaseModel):
    hit_rate_percent: float
    cache_hits: int
    cache_misses: int
    cache_fallbacks: int = Field(description="Reads that PostgreSQL answered because Redis did not serve.")
    patterns_in_cache: int | None = Field(description=f"Patterns in the indexes of all web processes. {_NULL}")
    symbols_in_cache: int | None = Field(description=f"Symbols in the indexes of all web processes. {_NULL}")
    patterns_cached_total: int | None = Field(description=f"Predictions put into Redis since the start. {_NULL}")
    symbols_cached_total: int | None = Field(description=f"STMs and percepts put into Redis since the start. {_NULL}")
    redis_memory_used_mb: float | None
    uptime_seconds: float
    requests_per_second: float = Field(description="Reads of the cache per second, since the start.")
    views: dict[str, dict[str, int]] | None = Field(
        description=f"hit, miss, fallback and write, by what was cached. {_NULL}"
    )


class CacheHealth(BaseModel):
    status: str
    redis_connected: bool
    cache_stats: CachePerformance


class CacheStatsAnswer(BaseModel):
    cache_performance: CachePerformance
    cache_health: CacheHealth
    timestamp: str


class InvalidateAnswer(BaseModel):
    status: str = Field(examples=["success"])
    patterns_invalidated: int | None = Field(description="Cached predictions that were dropped.")
    symbols_invalidated: int | None = Field(description="Cached STMs and percepts that were dropped.")
    session_id: str | None
    reason: str | None
    timestamp: str


class DistributedStmAnswer(BaseModel):
    status: str = Field(examples=["disabled"])
    distributed_stm_enabled: bool | None
    performance_stats: dict[str, Any] | None
    processor_info: dict[str, Any] | None
    expected_improvements: dict[str, str] | None
    reason: str | None
    error: str | None
    timestamp: str


class StoreHealth(BaseModel):
    healthy: bool
    last_check: str
    error_count: int = Field(description="Of all processes, since the start.")
    last_error: str | None = Field(description="What kind of error the check met. Details are in the log.")
    response_time_ms: float | None
    served_by: str


class ConnectionPoolsAnswer(BaseModel):
    status: str = Field(description="`healthy`; `degraded` without Redis; `error` without PostgreSQL.")
    health: dict[str, StoreHealth]
    pool_statistics: dict[str, dict[str, Any]]
    connection_optimization: dict[str, Any]
    performance_improvements: dict[str, str]
    error: str | None
    timestamp: str
