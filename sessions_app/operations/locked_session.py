"""A session under its row lock, for operations that need more than one statement: sequences, vectors, learning."""

from typing import NamedTuple

from pydantic_core import from_json

import memory_app.operations.patterns
from engine.named_vectors import NamedVector
from foundation import logs
from memory_app.vectors import NodeVectors
from sessions_app import cache
from sessions_app.admitted import ADMITTED
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import TOUCHED_DEADLINE
from sessions_app.models.sessions import Stream
from sessions_app.operations.session_state import SessionState, Window
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, json_text, trim_if_due
from sessions_app.stores import SESSIONS

_LOCK = f"""
    SELECT node_id, config, time, percept::text, stm_start, stm_end, emotives_start, emotives_end,
        metadata_start, metadata_end, vectors_start, vectors_end,
        seen_start, seen_end, seen_emotives_start, seen_emotives_end
    FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED} FOR UPDATE
"""
# A statement of its own after the lock: one that itself waited for the lock would not see what its holder committed.
_ENTRIES = f"""
    SELECT stream.number, entry.position, entry.value::text
    FROM (VALUES
        ({Stream.EVENTS}, %(events)s::bigint), ({Stream.EMOTIVES}, %(emotives)s), ({Stream.METADATA}, %(metadata)s),
        ({Stream.VECTORS}, %(vectors)s)
    ) AS stream (number, start)
    JOIN LATERAL (
        SELECT position, value FROM sessions_app_entry AS stored
        WHERE session_id = %(id)s AND stored.stream = stream.number AND position > stream.start
    ) AS entry ON true
"""
_LAST_WAITING = f"""
    SELECT value::text FROM sessions_app_entry
    WHERE session_id = %(id)s AND stream = {Stream.VECTORS} AND position = %(position)s
"""
_APPEND = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT %(id)s, entry.stream, entry.position, entry.value::json
    FROM unnest(%(streams)s::smallint[], %(positions)s::bigint[], %(values)s::text[]) AS entry (stream, position, value)
"""
# No check of the expiry here: the session was admitted when it was locked (R09).
_SAVE = f"""
    UPDATE sessions_app_session SET
        version = {NEXT_VERSION}, time = %(time)s, percept = %(percept)s::json, expires_at = {TOUCHED_DEADLINE},
        stm_start = %(stm_start)s, stm_end = %(stm_end)s,
        emotives_start = %(emotives_start)s, emotives_end = %(emotives_end)s,
        metadata_start = %(metadata_start)s, metadata_end = %(metadata_end)s,
        vectors_start = %(vectors_start)s, vectors_end = %(vectors_end)s,
        seen_start = %(seen_start)s, seen_end = %(seen_end)s,
        seen_emotives_start = %(seen_emotives_start)s, seen_emotives_end = %(seen_emotives_end)s
    WHERE id = %(id)s
    RETURNING {CACHED_VERSION}
"""


class SessionRow(NamedTuple):
    """The columns of _LOCK. `config` is the session's own, as JSON."""

    node_id: str
    config: str
    time: int
    percept: str | None
    stm_start: int
    stm_end: int
    emotives_start: int
    emotives_end: int
    metadata_start: int
    metadata_end: int
    vectors_start: int
    vectors_end: int
    seen_start: int
    seen_end: int
    seen_emotives_start: int
    seen_emotives_end: int


class LockedSession(SessionState):
    """One session, locked for the rest of the transaction. Change it in memory, then `save` once.

    Raises SessionNotFound.
    """

    def __init__(self, session_id: str) -> None:
        columns = SESSIONS.execute_one(_LOCK, {"id": session_id})
        if columns is None:
            raise SessionNotFound(session_id)
        row = SessionRow._make(columns)
        logs.about(node_id=row.node_id)
        super().__init__(row.node_id, effective(from_json(row.config)), NodeVectors(row.node_id))
        self.id = session_id
        self.time, self.percept = row.time, row.percept
        self.stm = Window(row.stm_start, row.stm_end)
        self.emotives = Window(row.emotives_start, row.emotives_end)
        self.metadata = Window(row.metadata_start, row.metadata_end)
        self.waiting = Window(row.vectors_start, row.vectors_end, limit=None)
        self.seen_start, self.seen_end = row.seen_start, row.seen_end
        self.seen_emotives_start, self.seen_emotives_end = row.seen_emotives_start, row.seen_emotives_end
        self._loaded = False

    def last_waiting(self) -> NamedVector | None:
        if len(self.waiting) and not self.waiting.has_last():
            [(value,)] = SESSIONS.execute(_LAST_WAITING, {"id": self.id, "position": self.waiting.end})
            self.waiting.load(self.waiting.end, NamedVector(**from_json(value)))
        return super().last_waiting()

    def load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        windows = {
            Stream.EVENTS: self.stm,
            Stream.EMOTIVES: self.emotives,
            Stream.METADATA: self.metadata,
            Stream.VECTORS: self.waiting,
        }
        starts = {stream.name.lower(): window.start for stream, window in windows.items()}
        for stream, position, value in SESSIONS.execute(_ENTRIES, {"id": self.id, **starts}):
            content = from_json(value)
            windows[stream].load(position, NamedVector(**content) if stream == Stream.VECTORS else content)

    def save(self) -> None:
        """Write the new entries and the changed row, and apply the lessons to the node's memory."""
        self._append_entries()
        [(cached_version,)] = SESSIONS.execute(
            _SAVE,
            {
                "id": self.id,
                "time": self.time,
                "percept": self.percept,
                "stm_start": self.stm.start,
                "stm_end": self.stm.end,
                "emotives_start": self.emotives.start,
                "emotives_end": self.emotives.end,
                "metadata_start": self.metadata.start,
                "metadata_end": self.metadata.end,
                "vectors_start": self.waiting.start,
                "vectors_end": self.waiting.end,
                "seen_start": self.seen_start,
                "seen_end": self.seen_end,
                "seen_emotives_start": self.seen_emotives_start,
                "seen_emotives_end": self.seen_emotives_end,
            },
        )
        memory_app.operations.patterns.learn(
            node_id=self.node_id,
            lessons=self.lessons,
            persistence=self.config["persistence"],
            vectors=self.vectors,
        )
        cache.forget_on_commit(self.id, cached_version)
        streams = (self.stm, self.emotives, self.metadata, self.waiting)
        trim_if_due(self.id, sum(one.stored_end for one in streams), sum(one.end for one in streams))

    def _append_entries(self) -> None:
        needed_from = {
            Stream.EVENTS: (self.stm, min(self.stm.start, self.seen_start)),
            Stream.EMOTIVES: (self.emotives, min(self.emotives.start, self.seen_emotives_start)),
            Stream.METADATA: (self.metadata, self.metadata.start),
            Stream.VECTORS: (self.waiting, self.waiting.start),
        }
        entries = [
            (stream.value, position, json_text(value))
            for stream, (window, start) in needed_from.items()
            for position, value in window.appended_from(start + 1)
        ]
        if entries:
            streams, positions, values = (list(column) for column in zip(*entries, strict=True))
            SESSIONS.execute(_APPEND, {"id": self.id, "streams": streams, "positions": positions, "values": values})
