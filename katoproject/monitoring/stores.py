"""The name of the samples in the statistics of statements."""

from foundation.postgresql.statements import Store

MONITORING = Store("monitoring")
