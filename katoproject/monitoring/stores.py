"""Where samples are stored, as the statistics name it."""

from foundation.postgresql.statements import Store

MONITORING = Store("monitoring")
