"""Counting with the Prometheus client library: each process writes its own numbers, and any process can add them up.

With PROMETHEUS_MULTIPROC_DIR the numbers of a process are copied to files (`counts.py`). So they outlive the process,
however it ended, and a snapshot adds them to those of the others.

Each package declares its own metrics in `registry`.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

from foundation.metrics import counts
from foundation.metrics.folder import folder

# Before the first metric is made.
if folder() is not None:
    values.ValueClass = counts.Value

# Not the registry of the library, which adds figures about the one process that reads it.
registry = CollectorRegistry()


def collected() -> Iterable[Metric]:
    """Everything counted so far, by all processes of this instance, living and dead, or by this process alone."""
    found = folder()
    if found is None:
        return registry.collect()
    counts.publish()
    return MultiProcessCollector(None, str(found)).collect()  # type: ignore[no-untyped-call,no-any-return]
