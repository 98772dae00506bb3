"""All counters and live values of one instance at one moment, and the sum of several instances."""

import time
from collections import Counter, defaultdict

from pydantic import BaseModel

from foundation.metrics.board import board
from foundation.metrics.folder import instance, started_at
from foundation.metrics.registry import collected
from katoproject.monitoring.resources import Resources

# What a request to a route is, once it was answered with a 2xx.
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
}


class RequestCount(BaseModel):
    """Since the service started; `status` is a class such as `2xx`."""

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
    """Of the web processes that live, added up; `peak` is the highest `in_flight` there was."""

    workers: int = 0
    in_flight: int = 0
    peak: int = 0
    index_nodes: int = 0
    index_patterns: int = 0
    index_symbols: int = 0
    index_bytes: int = 0
    resident_bytes: int = 0


class Shared(BaseModel):
    """What only the stores know; None where they did not say."""

    sessions_active: int | None = None
    sessions_expired: int | None = None
    cleanup_lag_seconds: float | None = None
    jobs_waiting: int | None = None
    jobs_running: int | None = None
    job_lag_seconds: float | None = None
    queue_length: int | None = None


class Minute(BaseModel):
    """The last minute, or what there was of it: `seconds` of wall clock, of request time `spent`."""

    seconds: float = 0.0
    requests: int = 0
    errors: int = 0
    spent: float = 0.0


# Everything but who and when has a default: samples of an earlier release, in the database for a day, lack what is new.
class Snapshot(BaseModel):
    instance: str
    started_at: float
    at: float
    requests: list[RequestCount] = []
    # By upper bound in seconds: requests of all routes that took at most so long.
    durations: dict[str, int] = {}
    session_operations: dict[str, int] = {}
    observations: int = 0
    patterns_learned: int = 0
    # Chore → pieces of work done.
    upkeep: dict[str, int] = {}
    # View → hit, miss, fallback, write → number.
    cache: dict[str, dict[str, int]] = {}
    # Cached entries compared with their rows, and those that were wrong.
    cache_comparisons: int = 0
    cache_disagreements: int = 0
    # `redis`, and PostgreSQL by what its statements are about: sessions, patterns, vectors, monitoring, other.
    stores: dict[str, StoreCount] = {}
    live: Live = Live()
    resources: Resources | None = None
    shared: Shared = Shared()
    minute: Minute = Minute()

    @property
    def request_count(self) -> int:
        return sum(one.count for one in self.requests)

    @property
    def request_seconds(self) -> float:
        return sum(one.seconds for one in self.requests)

    @property
    def error_count(self) -> int:
        """Answers with a status of 500 or above: what a client did wrong is no error of the service."""
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


def take() -> Snapshot:
    """This instance now, all its processes together; a few milliseconds."""
    requests: defaultdict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    durations: Counter[str] = Counter()
    replays: Counter[tuple[str, str]] = Counter()
    plain: Counter[str] = Counter()
    upkeep: dict[str, int] = {}
    cache: defaultdict[str, dict[str, int]] = defaultdict(dict)
    stores: defaultdict[str, StoreCount] = defaultdict(StoreCount)
    for metric in collected():
        for sample in metric.samples:
            labels, value = sample.labels, sample.value
            match sample.name:
                case "kato_request_duration_seconds_count":
                    requests[labels["method"], labels["path"], labels["status"]][0] = value
                case "kato_request_duration_seconds_sum":
                    requests[labels["method"], labels["path"], labels["status"]][1] = value
                case "kato_request_duration_seconds_bucket":
                    durations[labels["le"]] += int(value)
                case "kato_idempotent_replays_total":
                    replays[labels["method"], labels["path"]] = int(value)
                case "kato_upkeep_total":
                    upkeep[labels["chore"]] = int(value)
                case "kato_cache_reads_total":
                    cache[labels["view"]][labels["result"]] = int(value)
                case "kato_cache_writes_total":
                    cache[labels["view"]]["write"] = int(value)
                case "kato_postgresql_duration_seconds_count":
                    stores[labels["store"]].operations = int(value)
                case "kato_postgresql_duration_seconds_sum":
                    stores[labels["store"]].seconds = value
                case "kato_postgresql_errors_total":
                    stores[labels["store"]].errors = int(value)
                case "kato_redis_duration_seconds_count":
                    stores["redis"].operations = int(value)
                case "kato_redis_duration_seconds_sum":
                    stores["redis"].seconds = value
                case "kato_redis_errors_total":
                    stores["redis"].errors = int(value)
                case name:
                    plain[name] = int(value)
    counts = [
        RequestCount(method=method, path=path, status=status, count=int(count), seconds=seconds)
        for (method, path, status), (count, seconds) in sorted(requests.items())
    ]
    return Snapshot(
        instance=instance(),
        started_at=started_at(),
        at=time.time(),
        requests=counts,
        durations=dict(durations),
        session_operations=_operations(counts, replays),
        observations=plain["kato_observations_total"],
        patterns_learned=plain["kato_patterns_learned_total"],
        upkeep=upkeep,
        cache=dict(cache),
        cache_comparisons=plain["kato_cache_comparisons_total"],
        cache_disagreements=plain["kato_cache_disagreements_total"],
        stores=dict(stores),
        live=live_now(),
    )


def _operations(requests: list[RequestCount], replays: Counter[tuple[str, str]]) -> dict[str, int]:
    """Operations on sessions that were done. A replay is an answer, but it did nothing."""
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
        resident_bytes=sum(slot.resident_bytes for slot in living),
    )
