"""The exposition for Prometheus: the counters of all processes, and values derived or measured now."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from foundation import callers
from foundation.metrics.board import board
from foundation.metrics.folder import instance, started_at
from foundation.metrics.registry import collected
from foundation.postgresql import fitness
from katoproject.configuration import identity
from katoproject.monitoring import latest, places
from katoproject.monitoring.snapshot import Snapshot, take

# What sessions, jobs, patterns and operations of all nodes add up to: not for a caller that is bound to some.
_OF_ALL_NODES = frozenset(
    {
        *("kato_sessions", "kato_sessions_expired"),
        *("kato_session_operations", "kato_observations", "kato_patterns_learned", "kato_pattern_acts", "kato_upkeep"),
        *("kato_cache_writes", "kato_cache_comparisons", "kato_cache_disagreements"),
        *("kato_index_nodes", "kato_index_memory_bytes", "kato_index_shared_bytes", "kato_index_builds"),
        *("kato_sessions_active", "kato_sessions_expired_left", "kato_cleanup_lag_seconds"),
        *("kato_jobs_waiting", "kato_jobs_running", "kato_job_lag_seconds", "kato_queue_length"),
    }
)


def exposition() -> CollectorRegistry:
    """The metrics of one scrape. All are about this instance; Prometheus adds instances up itself."""
    registry = CollectorRegistry()
    for collector in (_Counters(), _Derived()):
        registry.register(collector if callers.current().nodes is None else _ForSomeNodes(collector))
    return registry


class _ForSomeNodes(Collector):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        return (metric for metric in self._collector.collect() if metric.name not in _OF_ALL_NODES)


class _Counters(Collector):
    def collect(self) -> Iterable[Metric]:
        return collected()


class _Derived(Collector):
    def collect(self) -> Iterator[Metric]:
        sampled = latest.read()
        taken = take()
        yield _operations(taken)
        yield from _names_of_kato(taken)
        yield InfoMetricFamily(
            "kato_instance", "The identity of the service", {"instance_id": instance(), "release": identity.RELEASE}
        )
        yield GaugeMetricFamily("kato_start_time_seconds", "When counting began", started_at())
        yield from _processes()
        yield _disks()
        if sampled is not None:
            yield from _sampled(sampled.snapshot)


def _operations(taken: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "kato_session_operations", "Completed operations on sessions, without replays", labels=["operation"]
    )
    for operation, number in taken.session_operations.items():
        family.add_metric([operation], number)
    return family


def _names_of_kato(taken: Snapshot) -> Iterator[Metric]:
    """What KATO 6.3 calls them (kato-6.md 9), so that its dashboards work: totals of all processes since the start."""
    created = taken.session_operations.get("create", 0)
    yield CounterMetricFamily("kato_sessions", "Sessions that were created", created)
    yield GaugeMetricFamily("kato_sessions_expired", "Sessions that expired", taken.sessions_expired)
    yield CounterMetricFamily("kato_requests", "Requests", taken.request_count)
    yield GaugeMetricFamily("kato_requests_failed", "Requests that a fault of the service ended", taken.error_count)
    yield CounterMetricFamily("kato_errors", "The same as kato_requests_failed", taken.error_count)


def _processes() -> Iterator[Metric]:
    """A sample per process: a sum would hide the one process that hangs or grows."""
    families = {
        "in_flight": GaugeMetricFamily("kato_requests_in_flight", "Requests in progress", labels=["pid"]),
        "index_nodes": GaugeMetricFamily("kato_index_nodes", "Nodes whose index is in memory", labels=["pid"]),
        "index_bytes": GaugeMetricFamily("kato_index_memory_bytes", "Memory of indexes, its own", labels=["pid"]),
        "shared_bytes": GaugeMetricFamily("kato_index_shared_bytes", "Index files that it has mapped", labels=["pid"]),
        "index_builds": GaugeMetricFamily("kato_index_builds", "Large nodes that are being read", labels=["pid"]),
        "resident_bytes": GaugeMetricFamily("kato_process_memory_bytes", "Resident memory", labels=["pid"]),
    }
    living = board.living()
    for slot in living:
        for field, family in families.items():
            family.add_metric([str(slot.pid)], getattr(slot, field))
    yield from families.values()
    yield GaugeMetricFamily("kato_workers", "Running web processes", len(living))
    yield GaugeMetricFamily("kato_requests_in_flight_peak", "The highest number, of all processes", board.peak())


def _disks() -> Metric:
    """Now, not with the sample: that is a file, too."""
    writable = {str(place): is_writable for place, is_writable in places.writable().items()}
    return _by_label("kato_disk_writable", "Whether what is written there has a place", "place", writable)


def _sampled(taken: Snapshot) -> Iterator[Metric]:
    """What is measured every ten seconds; a value that could not be measured is left out."""
    shared, resources, neighbours = taken.shared, taken.resources, taken.shared.neighbours
    measured = {
        "kato_sessions_active": ("Active sessions", shared.sessions_active),
        "kato_sessions_expired_left": ("Expired sessions that are not deleted yet", shared.sessions_expired),
        "kato_cleanup_lag_seconds": ("Seconds since the oldest of those expired", shared.cleanup_lag_seconds),
        "kato_jobs_waiting": ("Background jobs waiting for a worker", shared.jobs_waiting),
        "kato_jobs_running": ("Running background jobs", shared.jobs_running),
        "kato_job_lag_seconds": ("Seconds that the oldest waiting job has waited", shared.job_lag_seconds),
        "kato_queue_length": ("Background tasks waiting for a worker", shared.queue_length),
        "kato_redis_neighbours": (
            "Other deployments that use the same Redis",
            len(neighbours.waiting) if neighbours else None,
        ),
        "kato_redis_unclaimed_messages": (
            "Messages in a queue of no deployment, from which no worker takes",
            neighbours.unclaimed if neighbours else None,
        ),
        "kato_cpu_usage_percent": ("CPU usage of the machine", resources.cpu_percent if resources else None),
        "kato_memory_usage_percent": ("Memory usage of the machine", resources.memory_percent if resources else None),
        "kato_disk_usage_percent": ("Usage of the data folder's disk", resources.disk_percent if resources else None),
        "kato_database_accepts_writes": (
            "Whether PostgreSQL stored the sample; not known where it does not answer",
            None if shared.sessions_active is None else int(shared.write_refusal is None),
        ),
        "kato_clock_ahead_seconds": ("Seconds by which this host's clock is ahead of PostgreSQL's", taken.clock_ahead),
        "kato_sampled_time_seconds": ("When these values were measured", taken.at),
    }
    for name, (documentation, value) in measured.items():
        if value is not None:
            yield GaugeMetricFamily(name, documentation, value)
    if taken.database_fitness is not None:
        yield _by_label(
            "kato_postgresql_unfit",
            "Why PostgreSQL does not serve this instance as it must",
            "reason",
            {one.__name__: one.__name__ == taken.database_fitness for one in fitness.REASONS},
        )
    yield _by_label("kato_chore_age_seconds", "Seconds since each chore was last done", "chore", shared.chore_ages)


def _by_label(name: str, documentation: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
