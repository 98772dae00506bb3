"""The feed of events, of sessions and of acts on patterns, for `/ws/events`, followed without gaps (docs/events.md).

Each poll is one statement, so it sees one snapshot of the database. The next poll asks for exactly the rows that this
snapshot did not see: those of transactions that were running then, or had not begun. However late a transaction
commits, and whatever else keeps running, its events come once, and with the next poll.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from access_app.keyring import PRESENT_VERSION
from foundation.json_text import written
from memory_app.reads import acts
from sessions_app.expiry import ALIVE
from sessions_app.models.sessions import SessionEvent
from sessions_app.operations.sql import json_text
from sessions_app.reads.sessions import LIVING
from sessions_app.stores import SESSIONS

Kind = SessionEvent.Kind
# Prefixes of the ids of the nodes whose events a client gets; None for all nodes.
Binding = tuple[str, ...] | None

_NAMES = {Kind.CREATED: "session.created", Kind.DELETED: "session.destroyed", Kind.EXPIRED: "session.destroyed"}
_REASONS = {Kind.DELETED: "explicit_delete", Kind.EXPIRED: "expired"}

# Of the living sessions, those of the nodes of each binding: a list of prefixes of node ids, or null for all nodes.
_COUNTS = f"""(
    SELECT json_agg(CASE WHEN jsonb_typeof(binding.prefixes) = 'array' THEN (
        SELECT count(*) FROM sessions_app_session
        WHERE {ALIVE} AND EXISTS (
            SELECT FROM jsonb_array_elements_text(binding.prefixes) AS prefix WHERE node_id ^@ prefix)
    ) ELSE {LIVING} END ORDER BY binding.number)::text
    FROM jsonb_array_elements(%(bindings)s::jsonb) WITH ORDINALITY AS binding (prefixes, number)
)"""
_COLUMNS = """
    changed, kind, session_id, node_id, happened_at, recorded_at, NULL::text AS act, NULL::text[] AS patterns,
    NULL::bigint AS number
"""
# After all kinds of events of sessions.
_ACTS = f"""
    SELECT changed, 99, NULL, node_id, happened_at, happened_at, kind, patterns, count FROM ({acts.NEWS}) AS act
"""
# The join leaves out ids that the database has not assigned yet: such rows are left over from before the restore of a
# back-up, and every poll would return them again until the ids get there.
_POLL = f"""
    WITH now AS (SELECT pg_current_snapshot() AS snapshot),
    news AS (
        SELECT {_COLUMNS} FROM sessions_app_sessionevent WHERE changed >= %(upper)s::xid8
        UNION ALL SELECT {_COLUMNS} FROM sessions_app_sessionevent WHERE changed = ANY(%(running)s::xid8[])
        UNION ALL {_ACTS}
    )
    SELECT now.snapshot::text, now() AS at, ({PRESENT_VERSION}) AS access_version, {_COUNTS} AS counts,
        news.kind, news.session_id, news.node_id, news.happened_at, news.recorded_at, news.act, news.patterns,
        news.number
    FROM now LEFT JOIN news ON news.changed < pg_snapshot_xmax(now.snapshot)
    ORDER BY news.changed, news.kind
"""
# No transaction has an id at or above this.
_NEVER = str(2**63)


@dataclass(frozen=True, slots=True)
class ActOnPatterns:
    """Of one transaction. `patterns`: the first of their names. `count`: of all."""

    act: str
    node_id: str
    happened_at: datetime
    patterns: list[str]
    count: int

    @property
    def message(self) -> str:
        """As clients get it (http.md 3.2)."""
        data = {"node_id": self.node_id, "patterns": self.patterns, "count": self.count}
        return _message(f"patterns.{self.act}", self.happened_at, data)


@dataclass(frozen=True, slots=True)
class SessionNews:
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


Event = SessionNews | ActOnPatterns


class _Row(NamedTuple):
    """The first four columns are the same in every row; the others are None where there is no new event.

    The last three are None for an event of a session.
    """

    snapshot: str
    at: datetime
    access_version: int
    counts: str | None
    kind: int | None
    session_id: str
    node_id: str | None
    happened_at: datetime
    recorded_at: datetime
    act: str | None
    patterns: list[str]
    number: int

    @property
    def event(self) -> Event:
        assert self.kind is not None
        if self.act is not None:
            return ActOnPatterns(self.act, str(self.node_id), self.happened_at, self.patterns, self.number)
        return SessionNews(Kind(self.kind), self.session_id, self.node_id, self.happened_at, self.recorded_at)


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
    """What one snapshot of the database showed. `active_sessions`: by the bindings that the poll counted them for.

    `access_version`: of the table of access keys.
    """

    checkpoint: Checkpoint
    at: datetime
    access_version: int
    active_sessions: dict[Binding, int]
    events: list[Event]

    def message(self, binding: Binding) -> str:
        """The state at this moment, as clients with this binding get it."""
        data = {
            "active_sessions": self.active_sessions[binding],
            "system_status": "healthy",
            "worker_pid": os.getpid(),
        }
        return _message("state.snapshot", self.at, data)


def poll(*, since: Checkpoint | None, counting: Collection[Binding] = ()) -> Batch:
    """The events committed after `since`, in order; without `since` only the present checkpoint.

    Of one session, created comes before destroyed: the transaction that deleted it saw it, so it has the higher id.
    """
    upper, running = (since.upper, since.running) if since else (_NEVER, [])
    bindings = list(counting)
    parameters = {"upper": upper, "running": running, "bindings": json_text(bindings)}
    rows = [_Row._make(row) for row in SESSIONS.execute(_POLL, parameters)]
    counts = from_json(rows[0].counts) if rows[0].counts else []
    events = [row.event for row in rows if row.kind is not None]
    active_sessions = dict(zip(bindings, counts, strict=True))
    return Batch(Checkpoint(rows[0].snapshot), rows[0].at, rows[0].access_version, active_sessions, events)


def _message(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    return written({"event_type": event_type, "timestamp": _moment(at), "data": data}).decode()


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")
