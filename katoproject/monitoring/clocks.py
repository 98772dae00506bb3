"""How far this host's clock is from that of PostgreSQL, which decides about sessions, keys, jobs and chores."""

import time
from datetime import datetime
from typing import NamedTuple

from foundation.postgresql.statements import OTHER


class Clock(NamedTuple):
    """`ahead`: seconds by which this host's clock is ahead; `took`: seconds that asking took."""

    ahead: float
    took: float


def measure() -> Clock:
    """Raises DatabaseTrouble."""
    begun, began_at = time.monotonic(), time.time()
    [(there,)] = OTHER.execute("SELECT clock_timestamp()", {})
    took = time.monotonic() - begun
    assert isinstance(there, datetime)
    return Clock(began_at + took / 2 - there.timestamp(), took)
