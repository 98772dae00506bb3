"""How far this host's clock is from that of PostgreSQL, which decides about sessions, keys, jobs and chores."""

import time
from datetime import datetime
from typing import NamedTuple

from foundation.postgresql.statements import OTHER

MOST = 1.0  # seconds


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


def complaint(whose: str, ahead: float, *, error: float = 0.0) -> tuple[str, str] | None:
    """That a clock is wrong, which is known to `error` seconds, and what helps; None where it is right."""
    if abs(ahead) - error <= MOST:
        return None
    return (
        f"{whose} is {abs(ahead):,.1f} s {'ahead of' if ahead > 0 else 'behind'} PostgreSQL: sessions, keys, jobs and "
        "chores keep their times (only the database's clock counts), but times in logs and ids are off",
        "synchronise the clocks of all hosts with NTP (chrony, systemd-timesyncd)",
    )
