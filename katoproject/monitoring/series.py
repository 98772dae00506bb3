"""From samples to the time series of `/metrics/{name}` and `/stats`: the names of KATO, and ours."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from katoproject.monitoring.history import Step
from katoproject.monitoring.snapshot import RequestCount, Shared, Snapshot, StoreCount

Value = tuple[dict[str, str], float]
Values = Callable[[Step], Iterable[Value]]


@dataclass(frozen=True, slots=True)
class DataPoint:
    timestamp: float
    value: float
    labels: dict[str, str]


# What sessions, jobs, patterns and operations of all nodes add up to: not for a caller that is bound to some.
OF_ALL_NODES = frozenset(
    {
        *("sessions_active", "sessions_created", "sessions_deleted", "sessions_expired", "cleanup_lag_seconds"),
        *("session_operations", "observations", "patterns_learned", "kato_index_memory_bytes"),
        *("jobs_waiting", "jobs_running", "job_lag_seconds", "queue_length"),
        *("cache_comparisons", "cache_disagreements"),
    }
)


def points(name: str, steps: list[Step]) -> list[DataPoint]:
    """The series over these steps, oldest first; nothing for a name that does not exist."""
    values = SERIES.get(name)
    if values is None:
        return []
    return [
        DataPoint(step.after.at, float(value), {**labels, "instance": step.after.instance})
        for step in steps
        for labels, value in values(step)
    ]


def _total(read: Callable[[Snapshot], float]) -> Values:
    """A total since the start of the instance."""
    return lambda step: [({}, read(step.after))]


def _measured(read: Callable[[Snapshot], float | None]) -> Values:
    """A measurement; no point where it could not be measured."""

    def values(step: Step) -> Iterable[Value]:
        value = read(step.after)
        return [] if value is None else [({}, value)]

    return values


def _resource(name: str) -> Values:
    return _measured(lambda taken: getattr(taken.resources, name) if taken.resources else None)


def _shared(read: Callable[[Shared], float | None]) -> Values:
    return _measured(lambda taken: read(taken.shared))


Routes = dict[tuple[str, str], tuple[int, float]]


def _by_route(taken: Snapshot | None, wanted: Callable[[RequestCount], bool]) -> Routes:
    found: defaultdict[tuple[str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for one in taken.requests if taken else []:
        if wanted(one):
            count, seconds = found[one.method, one.path]
            found[one.method, one.path] = count + one.count, seconds + one.seconds
    return found


def _route_values(value: Callable[[tuple[int, float], tuple[int, float]], float], *, errors: bool = False) -> Values:
    """A point for each route that had requests since the sample before; the others have not changed."""

    def wanted(one: RequestCount) -> bool:
        return not errors or one.status == "5xx"

    def values(step: Step) -> Iterable[Value]:
        before = _by_route(step.before, wanted)
        for route, after in _by_route(step.after, wanted).items():
            known = before.get(route, (0, 0.0))
            if after[0] > known[0]:
                yield {"method": route[0], "path": route[1]}, value(known, after)

    return values


def _mean(before: tuple[int, float], after: tuple[int, float]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])


def _operations(step: Step) -> Iterable[Value]:
    for operation, number in step.after.session_operations.items():
        yield {"operation": operation}, number


def _hit_ratio(step: Step) -> Iterable[Value]:
    """The share of hits among the reads since the sample before."""
    hits, misses = (
        step.after.cache_count(result) - (step.before.cache_count(result) if step.before else 0)
        for result in ("hit", "miss")
    )
    return [({}, hits / (hits + misses))] if hits + misses else []


def _store(name: str, read: Callable[[Snapshot], StoreCount]) -> dict[str, Values]:
    def response_time(step: Step) -> Iterable[Value]:
        after, before = read(step.after), read(step.before) if step.before else StoreCount()
        if after.operations == before.operations:
            return []
        return [({}, (after.seconds - before.seconds) / (after.operations - before.operations))]

    return {
        f"{name}_operations": _total(lambda taken: read(taken).operations),
        f"{name}_response_time": response_time,
        f"{name}_errors": _total(lambda taken: read(taken).errors),
    }


SERIES: dict[str, Values] = {
    # KATO's
    "kato_cpu_usage_percent": _resource("cpu_percent"),
    "kato_memory_usage_percent": _resource("memory_percent"),
    "kato_memory_usage_bytes": _resource("memory_bytes"),
    "kato_disk_usage_percent": _resource("disk_percent"),
    "load_average_1m": _resource("load_average_1m"),
    "kato_requests_total": _route_values(lambda _, after: after[0]),
    "kato_request_duration_seconds": _route_values(_mean),
    "kato_errors_total": _route_values(lambda _, after: after[0], errors=True),
    "sessions_created": _total(lambda taken: taken.session_operations.get("create", 0)),
    "sessions_deleted": _total(lambda taken: taken.session_operations.get("delete", 0)),
    "session_operations": _operations,
    **_store("clickhouse", lambda taken: taken.store("patterns")),
    **_store("qdrant", lambda taken: taken.store("vectors")),
    **_store("redis", lambda taken: taken.store("redis")),
    # Ours
    **_store("postgresql", lambda taken: taken.postgresql),
    "sessions_active": _shared(lambda shared: shared.sessions_active),
    "sessions_expired": _total(lambda taken: taken.sessions_expired),
    "observations": _total(lambda taken: taken.observations),
    "patterns_learned": _total(lambda taken: taken.patterns_learned),
    "cache_hit_ratio": _hit_ratio,
    "cache_comparisons": _total(lambda taken: taken.cache_comparisons),
    "cache_disagreements": _total(lambda taken: taken.cache_disagreements),
    "kato_requests_in_flight": _total(lambda taken: taken.live.in_flight),
    "kato_workers": _total(lambda taken: taken.live.workers),
    "kato_index_memory_bytes": _total(lambda taken: taken.live.index_bytes),
    "kato_process_memory_bytes": _total(lambda taken: taken.live.resident_bytes),
    "queue_length": _shared(lambda shared: shared.queue_length),
    "jobs_waiting": _shared(lambda shared: shared.jobs_waiting),
    "jobs_running": _shared(lambda shared: shared.jobs_running),
    "job_lag_seconds": _shared(lambda shared: shared.job_lag_seconds),
    "cleanup_lag_seconds": _shared(lambda shared: shared.cleanup_lag_seconds),
}
