"""The entries of sessions: one for each position of a window, and none that a later entry would collide with."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from engine.named_vectors import NamedVector
from engine.vectors import vector_name
from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from sessions_app.models.sessions import Stream

# For each stream, the range of positions that must be stored: (after, until].
_STREAMS = f"""
    LATERAL (VALUES
        ({Stream.EVENTS}, LEAST(stm_start, seen_start), stm_end),
        ({Stream.EMOTIVES}, LEAST(emotives_start, seen_emotives_start), emotives_end),
        ({Stream.METADATA}, metadata_start, metadata_end),
        ({Stream.VECTORS}, vectors_start, vectors_end)
    ) AS needed (stream, after, until)
"""
_MISSING = f"""
    SELECT session.id, needed.stream, needed.until - needed.after - count(entry.position)
    FROM sessions_app_session AS session CROSS JOIN {_STREAMS} LEFT JOIN sessions_app_entry AS entry
        ON entry.session_id = session.id AND entry.stream = needed.stream
        AND entry.position > needed.after AND entry.position <= needed.until
    WHERE needed.until > needed.after AND {OF_NODE}
    GROUP BY session.id, needed.stream, needed.after, needed.until
    HAVING count(entry.position) <> needed.until - needed.after
"""


def _find_missing(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, stream, number in rows(snapshot, _MISSING, node=node_id):
        label = Stream(stream).label.lower()
        yield Fault((), f"session {session_id}: {number} of its {label} are lost; use clear-stm", repairable=False)


# Entries before a window are deleted later. Entries after it, or without a session, must not exist.
_END = f"""
    CASE stream WHEN {Stream.EVENTS} THEN stm_end WHEN {Stream.EMOTIVES} THEN emotives_end
        WHEN {Stream.METADATA} THEN metadata_end WHEN {Stream.VECTORS} THEN vectors_end ELSE -1 END
"""
_STRAY = f"""
    SELECT session_id, stream, position, session.id IS NULL AS is_orphan
    FROM sessions_app_entry LEFT JOIN sessions_app_session AS session ON session.id = session_id
    WHERE (session.id IS NULL OR position < 1 OR position > {_END}) AND {OF_NODE}
"""
_LOCK = "SELECT id FROM sessions_app_session WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_DELETE_STRAY = f"""
    DELETE FROM sessions_app_entry AS entry
    WHERE (session_id, stream, position) IN (
            SELECT * FROM unnest(%(ids)s::text[], %(streams)s::smallint[], %(positions)s::bigint[]))
        AND NOT EXISTS (
            SELECT FROM sessions_app_session AS session
            WHERE session.id = session_id AND position >= 1 AND position <= {_END})
"""


class _StrayEntry(NamedTuple):
    session_id: str
    stream: int
    position: int
    is_orphan: bool


def _find_stray(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for entry in map(_StrayEntry._make, rows(snapshot, _STRAY, node=node_id)):
        why = "there is no such session" if entry.is_orphan else "it is in no window, and a later entry needs its place"
        what = f"session {entry.session_id}, stream {entry.stream}, entry {entry.position}: {why}"
        yield Fault((entry.session_id, entry.stream, entry.position), what)


def _delete_stray(connection: Connection, faults: list[Fault]) -> None:
    ids, streams, positions = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_LOCK, {"ids": ids})
    connection.execute(_DELETE_STRAY, {"ids": ids, "streams": streams, "positions": positions})


_UNREADABLE = f"""
    SELECT session_id, stream, position FROM sessions_app_entry JOIN sessions_app_session ON id = session_id
    WHERE {OF_NODE} AND CASE
        WHEN json_typeof(value) <> CASE stream WHEN {Stream.EVENTS} THEN 'array' ELSE 'object' END THEN true
        WHEN stream = {Stream.EVENTS} THEN json_array_length(value) = 0 OR EXISTS (
            SELECT FROM json_array_elements(value) AS symbol WHERE json_typeof(symbol) <> 'string')
        WHEN stream = {Stream.EMOTIVES} THEN EXISTS (
            SELECT FROM json_each(value) AS emotive WHERE json_typeof(emotive.value) <> 'number')
        ELSE false END
"""
_VECTORS = f"""
    SELECT session_id, position, value::text FROM sessions_app_entry JOIN sessions_app_session ON id = session_id
    WHERE stream = {Stream.VECTORS} AND {OF_NODE}
"""
_NAMED = TypeAdapter(NamedVector)


def _find_wrong_values(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, stream, position in rows(snapshot, _UNREADABLE, node=node_id):
        label = Stream(stream).label.lower()
        yield Fault((), f"session {session_id}, entry {position} of its {label}: it cannot be read", repairable=False)
    for session_id, position, text in rows(snapshot, _VECTORS, node=node_id):
        if not _has_right_name(text):
            what = f"session {session_id}, vector {position}: its name does not match its numbers"
            yield Fault((), what, repairable=False)


def _has_right_name(text: str) -> bool:
    try:
        vector = _NAMED.validate_json(text)
    except ValidationError:
        return False
    return vector.name == vector_name(np.asarray(vector.values, dtype=np.float64))


CHECKS = [
    Check("entries", "every position of a session's windows has an entry", _find_missing),
    Check("stray-entries", "every entry has a session, and is not after its windows", _find_stray, _delete_stray),
    Check("entry-values", "entries have the type of their stream; vectors have the right names", _find_wrong_values),
]
