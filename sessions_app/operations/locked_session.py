"""A session under its row lock, for operations that need more than one statement: sequences, vectors, learning."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic_core import from_json, to_json

import memory_app.operations.patterns
from engine.named_vectors import NamedVector
from foundation.contracts import of_row
from memory_app.vectors import NodeVectors
from sessions_app import cache
from sessions_app.admitted import ADMITTED, met
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound, SessionTooLarge
from sessions_app.expiry import TOUCHED_DEADLINE
from sessions_app.limits import LARGEST_SESSION
from sessions_app.models.sessions import Stream
from sessions_app.observations import percept_text
from sessions_app.operations.session_state import SessionState, Window
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, trim_if_due
from sessions_app.stores import SESSIONS

_LOCK = f"""
    SELECT node_id, contract, config, time, percept::text, stm_start, stm_end, emotives_start, emotives_end,
        metadata_start, metadata_end, vectors_start, vectors_end,
        seen_start, seen_end, seen_emotives_start, seen_emotives_end, content_bytes
    FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED} FOR UPDATE
"""
# Statements of their own after the lock: one that itself waited for the lock would not see what its holder committed.
_STORED = f"""
    (VALUES
        ({Stream.EVENTS}, %(events)s::bigint), ({Stream.EMOTIVES}, %(emotives)s), ({Stream.METADATA}, %(metadata)s),
        ({Stream.VECTORS}, %(vectors)s)
    ) AS stream (number, start)
    JOIN LATERAL (
        SELECT position, value FROM sessions_app_entry AS stored
        WHERE session_id = %(id)s AND stored.stream = stream.number AND position > stream.start
    ) AS entry ON true
"""
_ENTRIES = f"SELECT stream.number, entry.position, entry.value::text FROM {_STORED}"
_STORED_BYTES = f"SELECT COALESCE(sum(octet_length(entry.value::text)), 0)::bigint FROM {_STORED}"
_LAST_WAITING = f"""
    SELECT value::text FROM sessions_app_entry
    WHERE session_id = %(id)s AND stream = {Stream.VECTORS} AND position = %(position)s
"""
_APPEND = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT %(id)s, entry.stream, entry.position, entry.value::json
    FROM unnest(%(streams)s::smallint[], %(positions)s::bigint[], %(values)b::text[]) AS entry (stream, position, value)
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
        seen_emotives_start = %(seen_emotives_start)s, seen_emotives_end = %(seen_emotives_end)s,
        content_bytes = %(content_bytes)s
    WHERE id = %(id)s
    RETURNING {CACHED_VERSION}
"""


class SessionRow(NamedTuple):
    """The columns of _LOCK. `config` is the session's own, as JSON."""

    node_id: str
    contract: str | None
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
    content_bytes: int | None


class NewEntry(NamedTuple):
    stream: Stream
    position: int
    json: bytes


class LockedSession(SessionState):
    """One session, locked for the rest of the transaction. Change it in memory, then `save` once.

    Raises SessionNotFound.
    """

    def __init__(self, session_id: str) -> None:
        columns = SESSIONS.execute_one(_LOCK, {"id": session_id})
        if columns is None:
            raise SessionNotFound(session_id)
        row = SessionRow._make(columns)
        met(node_id=row.node_id, contract=row.contract)
        config = effective(from_json(row.config), contract=of_row(row.contract))
        super().__init__(row.node_id, config, NodeVectors(row.node_id, most=config["vector_search_limit"]))
        self.id = session_id
        self.time = row.time
        self.stm = Window(row.stm_start, row.stm_end)
        self.emotives = Window(row.emotives_start, row.emotives_end)
        self.metadata = Window(row.metadata_start, row.metadata_end)
        self.waiting = Window(row.vectors_start, row.vectors_end, limit=None)
        self.seen_start, self.seen_end = row.seen_start, row.seen_end
        self.seen_emotives_start, self.seen_emotives_end = row.seen_emotives_start, row.seen_emotives_end
        self._stored_percept = row.percept
        self._content_bytes = row.content_bytes
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
        windows = self._windows()
        for stream, position, value in SESSIONS.execute(_ENTRIES, {"id": self.id, **_starts(windows)}):
            content = from_json(value)
            windows[stream].load(position, NamedVector(**content) if stream == Stream.VECTORS else content)

    def _windows(self) -> dict[Stream, Window]:
        return {
            Stream.EVENTS: self.stm,
            Stream.EMOTIVES: self.emotives,
            Stream.METADATA: self.metadata,
            Stream.VECTORS: self.waiting,
        }

    def save(self) -> None:
        """Write the new entries and the changed row, and apply the lessons to the node's memory.

        Raises SessionTooLarge where the windows would hold more than a session may.
        """
        entries = self._new_entries()
        content_bytes = self._content_bytes_with(entries)
        self._append(entries)
        [(cached_version,)] = SESSIONS.execute(
            _SAVE,
            {
                "id": self.id,
                "time": self.time,
                "percept": percept_text(self.observed) if self.observed else self._stored_percept,
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
                "content_bytes": content_bytes,
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

    def _new_entries(self) -> list[NewEntry]:
        needed_from = {
            Stream.EVENTS: min(self.stm.start, self.seen_start),
            Stream.EMOTIVES: min(self.emotives.start, self.seen_emotives_start),
            Stream.METADATA: self.metadata.start,
            Stream.VECTORS: self.waiting.start,
        }
        return [
            NewEntry(stream, position, to_json(value))
            for stream, window in self._windows().items()
            for position, value in window.appended_from(needed_from[stream] + 1)
        ]

    def _content_bytes_with(self, entries: Sequence[NewEntry]) -> int | None:
        """The new upper bound of what the windows hold; counts it if the bound exceeds the limit or is unknown.

        What only the last observation saw does not count: the observation that learns always fits, and the next one
        replaces it. Raises SessionTooLarge.
        """
        windows = self._windows()
        if not any(map(len, windows.values())):
            return 0
        if not entries:
            return self._content_bytes
        if self._content_bytes is not None:
            bound = self._content_bytes + sum(len(entry.json) for entry in entries)
            if bound <= LARGEST_SESSION:
                return bound
        [(stored,)] = SESSIONS.execute(_STORED_BYTES, {"id": self.id, **_starts(windows)})
        new = sum(len(entry.json) for entry in entries if entry.position > windows[entry.stream].start)
        if stored + new > LARGEST_SESSION:
            raise SessionTooLarge(limit=LARGEST_SESSION, size=stored + new)
        return int(stored + new)

    def _append(self, entries: Sequence[NewEntry]) -> None:
        if entries:
            columns = {
                "streams": [entry.stream.value for entry in entries],
                "positions": [entry.position for entry in entries],
                "values": [entry.json.decode() for entry in entries],
            }
            SESSIONS.execute(_APPEND, {"id": self.id, **columns})


def _starts(windows: dict[Stream, Window]) -> dict[str, int]:
    return {stream.name.lower(): window.start for stream, window in windows.items()}
