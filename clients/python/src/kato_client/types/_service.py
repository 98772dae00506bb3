"""The service: what it is, how it is, what it measures."""

from typing import Any, Literal, NotRequired, TypedDict


class Root(TypedDict):
    service: str
    version: str
    description: str
    docs: str
    health: str
    status: str
    uptime_seconds: float
    architecture: str
    session_support: bool
    program: NotRequired[str]


class RoutingTest(TypedDict):
    test_id: str
    message: str


class Health(TypedDict):
    status: Literal["healthy", "degraded", "unhealthy"]
    processor_status: str
    service_name: str
    uptime_seconds: float
    issues: list[str]
    metrics_collected: int
    last_collection: float
    active_sessions: int | None
    timestamp: str
    program: NotRequired[str]
    worker_pid: NotRequired[int]
    contracts: NotRequired[list[str]]
    active_sessions_age: NotRequired[float | None]


class ReadyPart(TypedDict):
    ok: bool
    required: bool
    latency_ms: float | None
    error: str | None


class ReadyBackground(TypedDict):
    jobs_waiting: int
    lag_seconds: float


class ReadyIndexes(TypedDict):
    being_built: int


class Ready(TypedDict):
    ready: bool
    parts: dict[str, ReadyPart]
    background: ReadyBackground | None
    cache: dict[str, int]
    indexes: ReadyIndexes
    program: str
    timestamp: str


class Status(TypedDict):
    status: str
    base_processor_id: str
    uptime_seconds: float
    sessions: dict[str, Any]
    processors: dict[str, Any]
    version: str


class Metrics(TypedDict):
    timestamp: float
    sessions: dict[str, Any] | None
    performance: dict[str, Any] | None
    resources: dict[str, Any] | None
    databases: dict[str, Any] | None
    rates: dict[str, Any] | None
    processor_manager: dict[str, Any] | None
    uptime_seconds: float | None
    active_sessions: int | None
    instances: NotRequired[list[str]]
    error: str | None


class MetricStatistics(TypedDict):
    count: int
    min: float
    max: float
    avg: float


class DataPoint(TypedDict):
    timestamp: float
    value: float
    labels: dict[str, str]


class MetricHistory(TypedDict):
    metric_name: str
    time_range_minutes: int
    timestamp: float
    statistics: MetricStatistics
    data_points: list[DataPoint]


class Stats(TypedDict):
    time_range_minutes: int
    timestamp: float
    processor_manager: dict[str, Any] | None
    current_status: dict[str, Any] | None
    time_series: dict[str, Any] | None
    summary: dict[str, Any] | None
    error: str | None


class Concurrency(TypedDict):
    status: Literal["healthy", "warning", "critical"]
    current: dict[str, Any]
    peak: dict[str, Any]
    limits: dict[str, Any]
    configuration: dict[str, Any]
    recommendations: list[dict[str, Any]]
    instance: NotRequired[str]
    timestamp: str


class CacheStats(TypedDict):
    cache_performance: dict[str, Any]
    cache_health: dict[str, Any]
    timestamp: str


class CacheInvalidated(TypedDict):
    status: str
    patterns_invalidated: int | None
    symbols_invalidated: int | None
    session_id: str | None
    reason: str | None
    timestamp: str


class DistributedStmStats(TypedDict):
    status: str
    distributed_stm_enabled: NotRequired[bool | None]
    performance_stats: NotRequired[dict[str, Any] | None]
    processor_info: NotRequired[dict[str, Any] | None]
    expected_improvements: NotRequired[Any]
    reason: NotRequired[str | None]
    error: NotRequired[str | None]
    timestamp: str


class ConnectionPools(TypedDict):
    status: Literal["healthy", "degraded", "error"]
    health: NotRequired[dict[str, Any] | None]
    pool_statistics: NotRequired[dict[str, Any] | None]
    connection_optimization: NotRequired[dict[str, Any] | None]
    performance_improvements: NotRequired[Any]
    error: NotRequired[str | None]
    timestamp: str
