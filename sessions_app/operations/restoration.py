"""Restoring sessions from a file: under their old ids, and never over a living session."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from pydantic_core import to_json

from engine.named_vectors import NamedVector
from sessions_app.expiry import ALIVE, FIRST_DEADLINE
from sessions_app.models.sessions import Stream
from sessions_app.operations import announcements
from sessions_app.operations.deletion import delete_if_expired
from sessions_app.operations.sql import FIRST_VERSION, json_text
from sessions_app.stores import SESSIONS

# ON CONFLICT waits for a transaction that is inserting the same id, so two cannot both win. Type `json` keeps the text
# of metadata as it is.
_RESTORE = f"""
    WITH given AS (
        SELECT * FROM json_to_recordset(%(sessions)s::json) AS given (
            id text, node_id text, contract text,
            created_at timestamptz, expires_at timestamptz, extended_until timestamptz,
            ttl_seconds bigint, config jsonb, metadata json, time bigint, percept json,
            stm_start bigint, stm_end bigint, seen_start bigint, emotives_start bigint, emotives_end bigint,
            seen_emotives_start bigint, metadata_end bigint, vectors_end bigint)
        WHERE expires_at IS NULL OR {ALIVE}
    ), session AS (
        INSERT INTO sessions_app_session (
            id, node_id, contract, created_at, expires_at, extended_until,
            ttl_seconds, version, config, metadata, time, percept,
            stm_start, stm_end, seen_start, seen_end, emotives_start, emotives_end, seen_emotives_start,
            seen_emotives_end, metadata_end, vectors_end)
        SELECT id, node_id, contract,
            COALESCE(created_at, now()), COALESCE(expires_at, {FIRST_DEADLINE}), extended_until,
            ttl_seconds, {FIRST_VERSION}, config, metadata, time, percept,
            stm_start, stm_end, seen_start, stm_end, emotives_start, emotives_end, seen_emotives_start,
            emotives_end, metadata_end, vectors_end
        FROM given ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id, node_id, created_at
    ), announced AS ({announcements.record(announcements.Kind.CREATED, "id, node_id, created_at FROM session")})
    SELECT given.id, session.id IS NOT NULL FROM given LEFT JOIN session USING (id)
"""
_APPEND = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT id, stream, position, value::json
    FROM unnest(%(ids)s::text[], %(streams)s::smallint[], %(positions)s::bigint[], %(values)s::text[])
        AS entry (id, stream, position, value)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """A session as it was. `stm` and `seen` end alike, as `emotives` and `seen_emotives` do (see `Inspection`).

    contract: None where the file names none; percept: what is stored of it; expires_at: None where it is to live for
    its `ttl_seconds` from now.
    """

    session_id: str
    node_id: str
    ttl_seconds: int
    config: dict[str, Any]
    metadata: dict[str, Any]
    time: int
    contract: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    extended_until: datetime | None = None
    stm: list[list[str]]
    emotives: list[dict[str, float]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[NamedVector] = field(default_factory=list)
    seen: list[list[str]]
    seen_emotives: list[dict[str, float]] = field(default_factory=list)
    percept: dict[str, Any] | None = None

    def streams(self) -> dict[Stream, list[Any]]:
        """What is stored: position 1 first."""
        return {
            Stream.EVENTS: max(self.stm, self.seen, key=len),
            Stream.EMOTIVES: max(self.emotives, self.seen_emotives, key=len),
            Stream.METADATA: self.entries,
            Stream.VECTORS: [{"name": vector.name, "values": vector.values} for vector in self.vectors],
        }

    def row(self) -> dict[str, Any]:
        lengths = {stream: len(content) for stream, content in self.streams().items()}
        return {
            "id": self.session_id,
            "node_id": self.node_id,
            "contract": self.contract,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "extended_until": self.extended_until,
            "ttl_seconds": self.ttl_seconds,
            "config": self.config,
            "metadata": self.metadata,
            "time": self.time,
            "percept": self.percept,
            "stm_start": lengths[Stream.EVENTS] - len(self.stm),
            "stm_end": lengths[Stream.EVENTS],
            "seen_start": lengths[Stream.EVENTS] - len(self.seen),
            "emotives_start": lengths[Stream.EMOTIVES] - len(self.emotives),
            "emotives_end": lengths[Stream.EMOTIVES],
            "seen_emotives_start": lengths[Stream.EMOTIVES] - len(self.seen_emotives),
            "metadata_end": lengths[Stream.METADATA],
            "vectors_end": lengths[Stream.VECTORS],
        }


@dataclass(frozen=True, slots=True)
class Restored:
    """Ids, each in one list: restored, already living here, or expired according to the file."""

    restored: list[str]
    living: list[str]
    expired: list[str]


def restore(*, sessions: list[SavedSession]) -> Restored:
    """Create sessions as they were; ids must be distinct. A living session of the same id stays, whatever it holds.

    An expired session of the same id is deleted first: the next cleanup would delete it anyway.
    """
    # A transaction of its own: the event feed orders by transaction, and within one it reports created ones first.
    with transaction.atomic(durable=True):
        delete_if_expired(ids=[session.session_id for session in sessions])
    with transaction.atomic():
        return _restore(sessions)


def _restore(sessions: list[SavedSession]) -> Restored:
    ids = [session.session_id for session in sessions]
    rows = to_json([session.row() for session in sessions]).decode()
    # Of those that have not expired according to the file. Whether one that was not restored lives on is not asked: it
    # may have been deleted since, and that is not why it was left out.
    is_restored: dict[str, bool] = {row[0]: row[1] for row in SESSIONS.execute(_RESTORE, {"sessions": rows})}
    _append([session for session in sessions if is_restored.get(session.session_id)])
    return Restored(
        restored=[one for one in ids if is_restored.get(one) is True],
        living=[one for one in ids if is_restored.get(one) is False],
        expired=[one for one in ids if one not in is_restored],
    )


def _append(sessions: list[SavedSession]) -> None:
    entries = [
        (session.session_id, stream.value, position, json_text(value))
        for session in sessions
        for stream, content in session.streams().items()
        for position, value in enumerate(content, start=1)
    ]
    if entries:
        ids, streams, positions, values = (list(column) for column in zip(*entries, strict=True))
        SESSIONS.execute(_APPEND, {"ids": ids, "streams": streams, "positions": positions, "values": values})
