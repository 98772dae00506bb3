"""The last sample, in a file beside the counters: every process can read it, with or without the database."""

import os

from pydantic import BaseModel

from foundation.metrics.folder import folder, uptime
from katoproject.monitoring.snapshot import Minute, Snapshot, take

# An older sample says nothing about now: no process samples any more, or that instance is gone. Seconds.
FRESH = 30.0
MINUTE = 60.0
_NAME = "latest.json"


class Point(BaseModel):
    """Totals of this instance at one moment, to be subtracted from later ones."""

    uptime: float = 0.0
    requests: int = 0
    errors: int = 0
    spent: float = 0.0


class Latest(BaseModel):
    snapshot: Snapshot
    # Those of the last minute, oldest first.
    points: list[Point]
    # The last samples of the other instances of the service on the same database.
    others: list[Snapshot]


def point_of(snapshot: Snapshot) -> Point:
    return Point(
        uptime=snapshot.uptime,
        requests=snapshot.request_count,
        errors=snapshot.error_count,
        spent=snapshot.request_seconds,
    )


def minute_of(snapshot: Snapshot, points: list[Point]) -> Minute:
    """The difference to the oldest point of the last minute, or to the start of an instance that is younger."""
    recent = [point for point in points if 0 < snapshot.uptime - point.uptime <= MINUTE + 5]
    now, then = point_of(snapshot), recent[0] if recent else Point()
    if snapshot.uptime <= MINUTE:
        then = Point()
    return Minute(
        seconds=now.uptime - then.uptime,
        requests=now.requests - then.requests,
        errors=now.errors - then.errors,
        spent=now.spent - then.spent,
    )


def read() -> Latest | None:
    """The sample of the last half minute, or None."""
    found = folder()
    if found is None:
        return None
    try:
        latest = Latest.model_validate_json((found / _NAME).read_bytes())
    except FileNotFoundError:
        return None
    return latest if 0 <= uptime() - latest.snapshot.uptime < FRESH else None


def collected_at() -> float:
    """When the last sample was taken, in epoch seconds; 0 before the first."""
    found = folder()
    try:
        return (found / _NAME).stat().st_mtime if found else 0.0
    except FileNotFoundError:
        return 0.0


def write(latest: Latest) -> None:
    """Raises OSError."""
    found = folder()
    assert found is not None
    fresh = found / f"{_NAME}.{os.getpid()}"
    try:
        fresh.write_text(latest.model_dump_json())
        fresh.replace(found / _NAME)  # atomic: a process that reads meanwhile finds the old file or the new one
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def now() -> list[Snapshot]:
    """Every instance: first this one as of now, then the others by their samples of the last half minute."""
    latest = read()
    mine = take()
    if latest is None:
        mine.minute = minute_of(mine, [])
        return [mine]
    mine.minute = minute_of(mine, latest.points)
    mine.resources, mine.shared = latest.snapshot.resources, latest.snapshot.shared
    # `sampling` has written into these when they were sampled, by this host's clock of that moment.
    age = mine.uptime - latest.snapshot.uptime
    others = (other for other in latest.others if latest.snapshot.at - other.at + age < FRESH)
    return [mine, *others]
