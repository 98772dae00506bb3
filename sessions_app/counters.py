"""Metrics of sessions and of their cache."""

from functools import lru_cache

from django.db import transaction
from prometheus_client import Counter, Summary

from foundation.metrics.registry import registry

_observations = Counter("kato_observations", "Observations stored, those of sequences included", registry=registry)
_patterns_learned = Counter(
    "kato_patterns_learned",
    "Times a pattern was learned, known ones and automatic learning included",
    registry=registry,
)
cache_comparisons = Counter(
    "kato_cache_comparisons", "Cached entries that were compared with their rows", registry=registry
)
cache_disagreements = Counter(
    "kato_cache_disagreements", "Of those, entries that were wrong: there must be none", registry=registry
)
redis = Summary("kato_redis_duration_seconds", "Commands to the Redis cache", registry=registry)
redis_errors = Counter("kato_redis_errors", "Commands to the Redis cache that failed", registry=registry)

_cache_reads = Counter(
    "kato_cache_reads",
    "Reads of the Redis cache: hit, miss, or fallback where Redis was unavailable",
    ["view", "result"],
    registry=registry,
)
_cache_writes = Counter("kato_cache_writes", "Entries put into the Redis cache", ["view"], registry=registry)


# Cached: looking up a label costs as much as counting.
@lru_cache(maxsize=64)
def cache_read(view: str, result: str) -> Counter:
    return _cache_reads.labels(view, result)


@lru_cache(maxsize=16)
def cache_write(view: str) -> Counter:
    return _cache_writes.labels(view)


def count_on_commit(*, observations: int = 0, patterns: int = 0) -> None:
    """Count when the running transaction commits, or now if there is none."""
    if observations:
        transaction.on_commit(lambda: _observations.inc(observations))
    if patterns:
        transaction.on_commit(lambda: _patterns_learned.inc(patterns))
