"""What happened to sessions, for whoever listens: a table of events, and how it is followed without a gap.

An event is a row written by the statement that creates or destroys the session: a change that is rolled back was never
announced, and one that is committed cannot be forgotten.

Following. A look is one statement, so it sees one snapshot of the database; the next look asks for exactly the rows
that this snapshot did not see: those of transactions that were running then, or had not begun. However late a
transaction commits, and whatever else keeps running, its events come once, and with the next look.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from sessions_app.expiry import ALIVE
from sessions_app.models.sessions import SessionEvent
from sessions_app.stores import SESSIONS

Kind = SessionEvent.Kind

_NAMES = {Kind.CREATED: "session.created", Kind.DELETED: "session.destroyed", Kind.EXPIRED: "session.destroyed"}
_REASONS = {Kind.DELETED: "explicit_delete", Kind.EXPIRED: "expired"}

# No id at or above the next one to be given out: such rows are left over from another life of the database (a restored
# back-up), and would be news at every look until the ids get there.
_LOOK = f"""
    WITH now AS (SELECT pg_current_snapshot() AS snapshot),
    news AS (
        SELECT * FROM sessions_app_sessionevent WHERE changed >= %(upper)s::xid8
        UNION ALL SELECT * FROM sessions_app_sessionevent WHERE changed = ANY(%(running)s::xid8[])
    )
    SELECT now.snapshot::text, now(),
        CASE WHEN %(counting)s THEN (SELECT count(*) FROM sessions_app_session WHERE {ALIVE}) END,
        news.kind, news.session_id, news.node_id, news.happened_at, news.recorded_at
    FROM now LEFT JOIN news ON news.changed < pg_snapshot_xmax(now.snapshot)
    ORDER BY news.changed, news.kind
"""
# The id of no transaction: nothing is at or above it.
_NEVER = str(2**63)


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    session_id: str
    node_id: str | None
    happened_at: datetime
    recorded_at: datetime

    @property
    def message(self) -> str:
        """As clients get it (http.md 3.2)."""
        data: dict[str, Any] = {"session_id": self.session_id}
        if self.kind == Kind.CREATED:
            data |= {"node_id": self.node_id, "created_at": _moment(self.happened_at)}
        else:
            data |= {"destroyed_at": _moment(self.happened_at), "reason": _REASONS[self.kind]}
        return _message(_NAMES[self.kind], self.recorded_at, data)


class Position(NamedTuple):
    """How far somebody has followed: PostgreSQL's snapshot, as `xmin:xmax:running`."""

    snapshot: str

    @property
    def upper(self) -> str:
        return self.snapshot.split(":")[1]

    @property
    def running(self) -> list[str]:
        running = self.snapshot.split(":")[2]
        return running.split(",") if running else []


@dataclass(frozen=True, slots=True)
class Look:
    """What one snapshot of the database showed. `active_sessions` only if it was asked for."""

    position: Position
    at: datetime
    active_sessions: int | None
    events: list[Event]

    @property
    def message(self) -> str:
        """The state at this moment, as clients get it."""
        data = {"active_sessions": self.active_sessions, "system_status": "healthy"}
        return _message("state.snapshot", self.at, data)


def look(*, since: Position | None, counting: bool) -> Look:
    """Everything that was committed between `since` and now; from None, only where we are now.

    Of one session, created comes before destroyed: whoever deleted it saw it, so his transaction has the higher id.
    """
    upper, running = (since.upper, since.running) if since else (_NEVER, [])
    rows = SESSIONS.execute(_LOOK, {"upper": upper, "running": running, "counting": counting})
    snapshot, at, active_sessions = rows[0][:3]
    events = [Event(Kind(row[3]), *row[4:]) for row in rows if row[3] is not None]
    return Look(Position(snapshot), at, active_sessions, events)


def _message(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    return to_json({"event_type": event_type, "timestamp": _moment(at), "data": data}).decode()


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
