"""Everything that is counted, in the Prometheus client library: what a process writes here, all can add up.

With PROMETHEUS_MULTIPROC_DIR every number lives in a file of its process, mapped into memory. So it survives the
process, however that ended, and `snapshot` adds it up with those of all others. One write costs about a microsecond.

Nothing of the project is imported here: everything may count.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, Summary
from prometheus_client.multiprocess import MultiProcessCollector

from foundation.metrics.folder import folder

folder()  # the library creates its files on the first metric, and not their folder

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# For a process that counts in its own memory. The library's own registry would add figures about this one process.
registry = CollectorRegistry()

requests = Histogram(
    "kato_request_duration_seconds",
    "Time from the first line of our code to the last, by route and class of status",
    ["method", "path", "status"],
    buckets=BUCKETS,
    registry=registry,
)
replays = Counter(
    "kato_idempotent_replays",
    "Requests answered with the kept answer to an earlier one under the same Idempotency-Key",
    ["method", "path"],
    registry=registry,
)
observations = Counter("kato_observations", "Observations stored, those of sequences included", registry=registry)
patterns_learned = Counter(
    "kato_patterns_learned",
    "Times a pattern was learned, known ones and automatic learning included",
    registry=registry,
)
upkeep = Counter("kato_upkeep", "Pieces of scheduled work that were done", ["chore"], registry=registry)
cache_reads = Counter(
    "kato_cache_reads",
    "Reads of the Redis cache: hit, miss, or fallback where Redis did not serve",
    ["view", "result"],
    registry=registry,
)
cache_writes = Counter("kato_cache_writes", "Entries put into the Redis cache", ["view"], registry=registry)
cache_comparisons = Counter(
    "kato_cache_comparisons", "Cached entries that were compared with their rows", registry=registry
)
cache_disagreements = Counter(
    "kato_cache_disagreements", "Of those, entries that were wrong: there must be none", registry=registry
)
postgresql = Summary(
    "kato_postgresql_duration_seconds",
    "Statements of the request and background paths, by what they are about",
    ["store"],
    registry=registry,
)
postgresql_errors = Counter("kato_postgresql_errors", "Statements that failed", ["store"], registry=registry)
redis = Summary("kato_redis_duration_seconds", "Commands to the Redis cache", registry=registry)
redis_errors = Counter("kato_redis_errors", "Commands to the Redis cache that failed", registry=registry)

# What has labels is bound once: looking a label up costs as much as counting.


@lru_cache(maxsize=512)
def statement_counters(sql: str) -> tuple[Summary, Counter]:
    """Durations and errors of the store that a statement is about. Statements are constants, so this is looked up."""
    store = _store(sql)
    return postgresql.labels(store), postgresql_errors.labels(store)


def _store(sql: str) -> str:
    tables = set(re.findall(r"\b(sessions|memory|monitoring)_(?:app_)?(\w+)", sql))
    if any(app == "memory" and "vector" in table for app, table in tables):
        return "vectors"
    for app, store in (("memory", "patterns"), ("sessions", "sessions"), ("monitoring", "monitoring")):
        if any(found == app for found, _ in tables):
            return store
    return "other"


@lru_cache(maxsize=64)
def cache_read(view: str, result: str) -> Counter:
    return cache_reads.labels(view, result)


@lru_cache(maxsize=16)
def cache_write(view: str) -> Counter:
    return cache_writes.labels(view)


def collected() -> Iterable[Metric]:
    """Everything counted so far: by all processes of this instance, living and dead, or by this one alone."""
    found = folder()
    if found is None:
        return registry.collect()
    return MultiProcessCollector(None, str(found)).collect()  # type: ignore[no-untyped-call,no-any-return]
