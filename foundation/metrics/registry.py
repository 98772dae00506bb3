"""Counting with the Prometheus client library: what a process writes, every process can add up.

With PROMETHEUS_MULTIPROC_DIR every number lives in a file of its process, mapped into memory. So it survives the
process, however that ended, and a snapshot adds it up with those of all others. One write costs about a microsecond.

Each package declares its own counters, in `registry`.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from foundation.metrics.folder import folder

# For a process that counts in its own memory. The library's own registry would add figures about this one process.
registry = CollectorRegistry()


def collected() -> Iterable[Metric]:
    """Everything counted so far: by all processes of this instance, living and dead, or by this one alone."""
    found = folder()
    if found is None:
        return registry.collect()
    return MultiProcessCollector(None, str(found)).collect()  # type: ignore[no-untyped-call,no-any-return]
