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


# The last sample that this process has read, and which file it was: to parse one takes longer than a request may.
_known: tuple[tuple[int, int], Latest] | None = None


def read() -> Latest | None:
    """The sample of the last half minute, or None. All callers share it: it is not to be changed."""
    global _known
    found = folder()
    if found is None:
        return None
    try:
        with (found / _NAME).open("rb") as file:
            status = os.fstat(file.fileno())
            which = status.st_ino, status.st_mtime_ns
            known = _known
            if known is None or known[0] != which:
                known = _known = which, Latest.model_validate_json(file.read())
    except FileNotFoundError:
        return None
    return known[1] if 0 <= age(known[1].snapshot) < FRESH else None


def age(sample: Snapshot) -> float:
    """Seconds since this instance was sampled, whatever has happened to the host's clock since."""
    return uptime() - sample.uptime


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
    since = age(latest.snapshot)
    others = (other for other in latest.others if latest.snapshot.at - other.at + since < FRESH)
    return [mine, *others]
