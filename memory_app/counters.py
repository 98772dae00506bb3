"""Metrics of what is done to nodes."""

from django.db import transaction
from prometheus_client import Counter

from foundation.metrics.registry import registry

_pattern_acts = Counter(
    "kato_pattern_acts", "Patterns that were retired, un-retired or purged, by act", ["act"], registry=registry
)


def count_acts_on_commit(act: str, patterns: int) -> None:
    """Count when the running transaction commits."""
    if patterns:
        transaction.on_commit(lambda: _pattern_acts.labels(act).inc(patterns))
