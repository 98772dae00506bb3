"""The feed of session events for `/ws/events`, followed without gaps (docs/events.md).

Each poll is one statement, so it sees one snapshot of the database. The next poll asks for exactly the rows that this
snapshot did not see: those of transactions that were running then, or had not begun. However late a transaction
commits, and whatever else keeps running, its events come once, and with the next poll.
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

# The join leaves out ids that the database has not assigned yet: such rows are left over from before the restore of a
# back-up, and every poll would return them again until the ids get there.
_POLL = f"""
    WITH now AS (SELECT pg_current_snapshot() AS snapshot),
    news AS (
        SELECT * FROM sessions_app_sessionevent WHERE changed >= %(upper)s::xid8
        UNION ALL SELECT * FROM sessions_app_sessionevent WHERE changed = ANY(%(running)s::xid8[])
    )
    SELECT now.snapshot::text, now() AS at,
        CASE WHEN %(counting)s THEN (SELECT count(*) FROM sessions_app_session WHERE {ALIVE}) END AS active_sessions,
        news.kind, news.session_id, news.node_id, news.happened_at, news.recorded_at
    FROM now LEFT JOIN news ON news.changed < pg_snapshot_xmax(now.snapshot)
    ORDER BY news.changed, news.kind
"""
# No transaction has an id at or above this.
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


class _Row(NamedTuple):
    """The first three columns are the same in every row; the others are None where there is no new event."""

    snapshot: str
    at: datetime
    active_sessions: int | None
    kind: int | None
    session_id: str
    node_id: str | None
    happened_at: datetime
    recorded_at: datetime


class Checkpoint(NamedTuple):
    """How far a reader has followed the feed: PostgreSQL's snapshot, as `xmin:xmax:running`."""

    snapshot: str

    @property
    def upper(self) -> str:
        return self.snapshot.split(":")[1]

    @property
    def running(self) -> list[str]:
        running = self.snapshot.split(":")[2]
        return running.split(",") if running else []


@dataclass(frozen=True, slots=True)
class Batch:
    """What one snapshot of the database showed. `active_sessions`: None unless the poll counted them."""

    checkpoint: Checkpoint
    at: datetime
    active_sessions: int | None
    events: list[Event]

    @property
    def message(self) -> str:
        """The state at this moment, as clients get it."""
        data = {"active_sessions": self.active_sessions, "system_status": "healthy"}
        return _message("state.snapshot", self.at, data)


def poll(*, since: Checkpoint | None, counting: bool) -> Batch:
    """The events committed after `since`, in order; without `since` only the present checkpoint.

    Of one session, created comes before destroyed: the transaction that deleted it saw it, so it has the higher id.
    """
    upper, running = (since.upper, since.running) if since else (_NEVER, [])
    rows = [
        _Row._make(row) for row in SESSIONS.execute(_POLL, {"upper": upper, "running": running, "counting": counting})
    ]
    events = [
        Event(Kind(row.kind), row.session_id, row.node_id, row.happened_at, row.recorded_at)
        for row in rows
        if row.kind is not None
    ]
    return Batch(Checkpoint(rows[0].snapshot), rows[0].at, rows[0].active_sessions, events)


def _message(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    return to_json({"event_type": event_type, "timestamp": _moment(at), "data": data}).decode()


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
