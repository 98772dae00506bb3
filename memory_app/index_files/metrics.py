"""Metrics of index files."""

from prometheus_client import Counter

from foundation.metrics.registry import registry

written = Counter("kato_index_files_written", "Index files that were written", registry=registry)
unwritten = Counter("kato_index_files_unwritten", "Index files that the disk did not take", registry=registry)
unusable = Counter("kato_index_files_unusable", "Index files that were not believed, and removed", registry=registry)
