"""The rows that say when each chore was begun and done. The clock of PostgreSQL decides, no other.

Messages of the scheduler have no time. A worker that takes one asks here whether the chore is due, so messages that
piled up while no worker ran, and those of a second scheduler, cost a statement each.
"""

from dataclasses import dataclass

from django.conf import settings

from foundation.postgresql.locks import lock_number
from foundation.postgresql.statements import OTHER

# A chore is overdue when it has not been done for this many of its intervals.
_INTERVALS = 3
# Building the index of a large node takes this long. Seconds.
_LONGEST_WORK = 3600.0
_SHOWN = 3

# Messages arrive some seconds early or late, so half the interval must have passed since the chore was last begun.
# A row of the future was written before that clock was set back; the first statement ends them all.
_BEGIN = """
    WITH future AS (
        UPDATE upkeep_chore SET begun_at = LEAST(begun_at, now()), done_at = LEAST(done_at, now())
        WHERE name <> %(name)s AND (begun_at > clock_timestamp() OR done_at > clock_timestamp())
    )
    INSERT INTO upkeep_chore AS chore (name, begun_at) VALUES (%(name)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET begun_at = clock_timestamp(), done_at = LEAST(chore.done_at, clock_timestamp())
    WHERE chore.begun_at > clock_timestamp()
        OR chore.begun_at <= clock_timestamp() - make_interval(secs => %(every)s / 2.0)
    RETURNING 1
"""
_END = """
    INSERT INTO upkeep_chore AS chore (name, begun_at, done_at)
    VALUES (%(name)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET done_at = clock_timestamp()
"""
# The process that does a chore holds its lock (`chores.perform`).
_AGES = f"""
    SELECT name, extract(epoch FROM clock_timestamp() - begun_at)::float8,
        extract(epoch FROM clock_timestamp() - done_at)::float8,
        NOT pg_try_advisory_xact_lock_shared({lock_number("'upkeep:' || name")})
    FROM upkeep_chore
"""


@dataclass(frozen=True, slots=True)
class Record:
    """Seconds since the chore was begun and done, None where it never was; `at_work`: whether it is being done now."""

    name: str
    begun: float | None = None
    done: float | None = None
    at_work: bool = False

    @property
    def _limit(self) -> float:
        return _INTERVALS * every(self.name)

    @property
    def is_overdue(self) -> bool:
        if self.at_work and self.begun is not None and self.begun < _LONGEST_WORK:
            return False
        # Of the future: that clock was set back, and nothing has been done since.
        return self.done is None or not 0 <= self.done <= self._limit

    @property
    def fails(self) -> bool:
        """Whether workers begin it, but do not come to its end."""
        return self.is_overdue and self.begun is not None and 0 <= self.begun <= self._limit

    def __str__(self) -> str:
        last = "never" if self.done is None else f"{self.done:,.0f} s ago"
        return f"{self.name} (every {every(self.name):g} s, last done {last})"


def every(name: str) -> float:
    """Seconds. Raises KeyError for an unknown name."""
    _, seconds = settings.CHORES[name]
    return float(seconds)


def begin(name: str) -> bool:
    """Note that a chore is begun, if it is due; whether it is."""
    return bool(OTHER.execute(_BEGIN, {"name": name, "every": every(name)}))


def end(name: str) -> None:
    OTHER.execute(_END, {"name": name})


def read() -> list[Record]:
    """All chores of the setting CHORES, in its order."""
    found = {name: Record(name, *ages) for name, *ages in OTHER.execute(_AGES, {})}
    return [found.get(name, Record(name)) for name in settings.CHORES]


def complaint(records: list[Record], refusal: str | None = None) -> tuple[str, str] | None:
    """What is overdue, and what helps; None where nothing is. `refusal`: why no process can do a chore."""
    overdue = [record for record in records if record.is_overdue]
    if not overdue:
        return None
    shown = ", ".join(map(str, overdue[:_SHOWN])) + (f" and {len(overdue) - _SHOWN} more" if overdue[_SHOWN:] else "")
    if refusal is not None:
        return f"overdue: {shown}", refusal
    if failing := [record.name for record in overdue if record.fails]:
        return f"overdue: {shown}", f"a worker begins {failing[0]} and fails: see the log of the workers"
    return f"overdue: {shown}", (
        "start the service with `make run`, or a scheduler (celery -A katoproject beat) and a worker; "
        "start more workers if one is running"
    )
