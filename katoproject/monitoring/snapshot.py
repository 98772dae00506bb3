"""All counters and live values of one instance at one moment, and the sum of several instances."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from pydantic import BaseModel

from foundation.metrics.board import board
from foundation.metrics.folder import instance, started_at, uptime
from foundation.metrics.registry import collected
from katoproject.monitoring.neighbours import Neighbours
from katoproject.monitoring.resources import Resources

# Route → the operation that a response of 2xx stands for.
_OPERATIONS = {
    ("POST", "/sessions"): "create",
    ("DELETE", "/sessions/{session_id}"): "delete",
    ("POST", "/sessions/{session_id}/observe"): "observe",
    ("POST", "/sessions/{session_id}/observe-sequence"): "observe_sequence",
    ("POST", "/sessions/{session_id}/learn"): "learn",
    ("GET", "/sessions/{session_id}/predictions"): "predict",
    ("GET", "/sessions/{session_id}/cognition-data"): "predict",
    ("POST", "/sessions/{session_id}/finalize-training"): "finalize",
    ("POST", "/sessions/{session_id}/config"): "configure",
    ("POST", "/sessions/{session_id}/extend"): "extend",
    ("POST", "/sessions/{session_id}/clear-stm"): "clear",
    ("POST", "/sessions/{session_id}/clear-all"): "clear",
    ("POST", "/sessions/{session_id}/patterns/retire"): "retire",
    ("POST", "/sessions/{session_id}/patterns/un-retire"): "un_retire",
    ("POST", "/sessions/{session_id}/patterns/purge"): "purge",
}


class RequestCount(BaseModel):
    """Requests since the service started; `status` is a class such as `2xx`."""

    method: str
    path: str
    status: str
    count: int
    seconds: float


class StoreCount(BaseModel):
    operations: int = 0
    errors: int = 0
    seconds: float = 0.0

    def __add__(self, other: "StoreCount") -> "StoreCount":
        return StoreCount(
            operations=self.operations + other.operations,
            errors=self.errors + other.errors,
            seconds=self.seconds + other.seconds,
        )


class Live(BaseModel):
    """Sums over the running web processes; `peak` is the highest `in_flight` since the start."""

    workers: int = 0
    in_flight: int = 0
    peak: int = 0
    index_nodes: int = 0
    index_patterns: int = 0
    index_symbols: int = 0
    index_bytes: int = 0
    shared_bytes: int = 0
    index_builds: int = 0
    resident_bytes: int = 0


class Shared(BaseModel):
    """What only the stores know; None where a store was unavailable."""

    sessions_active: int | None = None
    sessions_expired: int | None = None
    cleanup_lag_seconds: float | None = None
    jobs_waiting: int | None = None
    jobs_running: int | None = None
    job_lag_seconds: float | None = None
    queue_length: int | None = None
    neighbours: Neighbours | None = None
    # Why PostgreSQL did not store this very sample, although it answers.
    write_refusal: str | None = None
    # Whether that was for want of space on its disk.
    database_disk_full: bool = False
    # Chore → seconds since it was last done.
    chore_ages: dict[str, float] = {}


class Minute(BaseModel):
    """The last minute, or less after a start: `seconds` of wall clock time, `spent` seconds of request time."""

    seconds: float = 0.0
    requests: int = 0
    errors: int = 0
    spent: float = 0.0


# Every field but the first three has a default: stored samples of an earlier release lack new fields.
class Snapshot(BaseModel):
    instance: str
    started_at: float
    # By this host's clock, which may be wrong: for show. What is decided is decided by `uptime`, or by PostgreSQL.
    at: float
    requests: list[RequestCount] = []
    # Upper bound in seconds → requests of all routes that took at most that long.
    durations: dict[str, int] = {}
    session_operations: dict[str, int] = {}
    observations: int = 0
    patterns_learned: int = 0
    # Chore → units of work done.
    upkeep: dict[str, int] = {}
    # View → hit, miss, fallback, write → number.
    cache: dict[str, dict[str, int]] = {}
    # Cached entries compared with their rows, and those that were wrong.
    cache_comparisons: int = 0
    cache_disagreements: int = 0
    # `redis`, and the subjects of statements to PostgreSQL: sessions, patterns, vectors, monitoring, other.
    stores: dict[str, StoreCount] = {}
    live: Live = Live()
    resources: Resources | None = None
    shared: Shared = Shared()
    minute: Minute = Minute()
    # Seconds since `started_at`, which no change of the clock touches.
    uptime: float = 0.0
    # Seconds by which this host's clock is ahead of that of PostgreSQL.
    clock_ahead: float | None = None
    # `Fit`, or which of `fitness.REASONS` PostgreSQL gave for not being so; None where it did not answer.
    database_fitness: str | None = None

    @property
    def request_count(self) -> int:
        return sum(one.count for one in self.requests)

    @property
    def request_seconds(self) -> float:
        return sum(one.seconds for one in self.requests)

    @property
    def error_count(self) -> int:
        """Responses with a status of 500 or above. Client errors are not errors of the service."""
        return sum(one.count for one in self.requests if one.status == "5xx")

    @property
    def sessions_expired(self) -> int:
        """Expired sessions whose rows were deleted."""
        return self.upkeep.get("expire-sessions", 0)

    @property
    def postgresql(self) -> StoreCount:
        return sum((one for store, one in self.stores.items() if store != "redis"), StoreCount())

    def store(self, name: str) -> StoreCount:
        return self.stores.get(name, StoreCount())

    def cache_count(self, result: str) -> int:
        return sum(view.get(result, 0) for view in self.cache.values())


Labels = dict[str, str]


class _Counts:
    """What the samples of all metrics add up to, while they are read one by one."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str], RequestCount] = {}
        self.durations: Counter[str] = Counter()
        self.replays: Counter[tuple[str, str]] = Counter()
        self.upkeep: dict[str, int] = {}
        self.cache: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.stores: defaultdict[str, StoreCount] = defaultdict(StoreCount)
        # Fields of the snapshot that are one number.
        self.single: dict[str, int] = {}

    def request(self, labels: Labels) -> RequestCount:
        method, path, status = labels["method"], labels["path"], labels["status"]
        empty = RequestCount(method=method, path=path, status=status, count=0, seconds=0.0)
        return self.requests.setdefault((method, path, status), empty)

    def set_request_count(self, labels: Labels, value: float) -> None:
        self.request(labels).count = int(value)

    def set_request_seconds(self, labels: Labels, value: float) -> None:
        self.request(labels).seconds = value

    def add_durations(self, labels: Labels, value: float) -> None:
        self.durations[labels["le"]] += int(value)

    def set_replays(self, labels: Labels, value: float) -> None:
        self.replays[labels["method"], labels["path"]] = int(value)

    def set_upkeep(self, labels: Labels, value: float) -> None:
        self.upkeep[labels["chore"]] = int(value)

    def set_cache_reads(self, labels: Labels, value: float) -> None:
        self.cache[labels["view"]][labels["result"]] = int(value)

    def set_cache_writes(self, labels: Labels, value: float) -> None:
        self.cache[labels["view"]]["write"] = int(value)

    # The metrics of Redis have no label `store`.

    def set_store_operations(self, labels: Labels, value: float) -> None:
        self.stores[labels.get("store", "redis")].operations = int(value)

    def set_store_seconds(self, labels: Labels, value: float) -> None:
        self.stores[labels.get("store", "redis")].seconds = value

    def set_store_errors(self, labels: Labels, value: float) -> None:
        self.stores[labels.get("store", "redis")].errors = int(value)


def _single(field: str) -> Callable[[_Counts, Labels, float], None]:
    def set_field(counts: _Counts, labels: Labels, value: float) -> None:
        counts.single[field] = int(value)

    return set_field


# Sample of a metric → where its value goes. Samples that are not here go nowhere.
_SETTERS: dict[str, Callable[[_Counts, Labels, float], None]] = {
    "kato_request_duration_seconds_count": _Counts.set_request_count,
    "kato_request_duration_seconds_sum": _Counts.set_request_seconds,
    "kato_request_duration_seconds_bucket": _Counts.add_durations,
    "kato_idempotent_replays_total": _Counts.set_replays,
    "kato_upkeep_total": _Counts.set_upkeep,
    "kato_cache_reads_total": _Counts.set_cache_reads,
    "kato_cache_writes_total": _Counts.set_cache_writes,
    "kato_postgresql_duration_seconds_count": _Counts.set_store_operations,
    "kato_postgresql_duration_seconds_sum": _Counts.set_store_seconds,
    "kato_postgresql_errors_total": _Counts.set_store_errors,
    "kato_redis_duration_seconds_count": _Counts.set_store_operations,
    "kato_redis_duration_seconds_sum": _Counts.set_store_seconds,
    "kato_redis_errors_total": _Counts.set_store_errors,
    "kato_observations_total": _single("observations"),
    "kato_patterns_learned_total": _single("patterns_learned"),
    "kato_cache_comparisons_total": _single("cache_comparisons"),
    "kato_cache_disagreements_total": _single("cache_disagreements"),
}


def take() -> Snapshot:
    """This instance now, all its processes together. Takes a few milliseconds."""
    counts = _Counts()
    for metric in collected():
        for sample in metric.samples:
            if setter := _SETTERS.get(sample.name):
                setter(counts, sample.labels, sample.value)
    requests = [counts.requests[key] for key in sorted(counts.requests)]
    return Snapshot(
        instance=instance(),
        started_at=started_at(),
        at=time.time(),
        uptime=uptime(),
        requests=requests,
        durations=dict(counts.durations),
        session_operations=_operations(requests, counts.replays),
        upkeep=counts.upkeep,
        cache=dict(counts.cache),
        stores=dict(counts.stores),
        live=live_now(),
        **counts.single,
    )


def _operations(requests: list[RequestCount], replays: Counter[tuple[str, str]]) -> dict[str, int]:
    """Completed operations on sessions, without replays: those return a stored response and change nothing."""
    done: Counter[str] = Counter(dict.fromkeys(_OPERATIONS.values(), 0))
    for one in requests:
        route = (one.method, one.path)
        if one.status == "2xx" and route in _OPERATIONS:
            done[_OPERATIONS[route]] += one.count - replays[route]
    return dict(done)


def live_now() -> Live:
    living = board.living()
    return Live(
        workers=len(living),
        in_flight=sum(slot.in_flight for slot in living),
        peak=board.peak(),
        index_nodes=sum(slot.index_nodes for slot in living),
        index_patterns=sum(slot.index_patterns for slot in living),
        index_symbols=sum(slot.index_symbols for slot in living),
        index_bytes=sum(slot.index_bytes for slot in living),
        shared_bytes=sum(slot.shared_bytes for slot in living),
        index_builds=sum(slot.index_builds for slot in living),
        resident_bytes=sum(slot.resident_bytes for slot in living),
    )
