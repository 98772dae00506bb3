"""The entries of sessions: one for each position of a window, none elsewhere that would be in the way."""

from collections.abc import Iterator

import numpy as np
from pydantic import TypeAdapter, ValidationError

from engine.vectors import NamedVector, vector_name
from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from sessions_app.models.sessions import Stream

# Of each stream: what must be stored, (from, until].
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


def _missing(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, stream, number in rows(snapshot, _MISSING, node=node_id):
        what = (
            f"session {session_id}: {number} of its {Stream(stream).label.lower()} are lost; clear-stm makes it whole"
        )
        yield Fault((), what, repairable=False)


# Before a window there may be entries for a while; after it, or of no session, never.
_END = f"""
    CASE stream WHEN {Stream.EVENTS} THEN stm_end WHEN {Stream.EMOTIVES} THEN emotives_end
        WHEN {Stream.METADATA} THEN metadata_end WHEN {Stream.VECTORS} THEN vectors_end ELSE -1 END
"""
_STRAY = f"""
    SELECT session_id, stream, position, session.id IS NULL
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


def _stray(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, stream, position, is_orphan in rows(snapshot, _STRAY, node=node_id):
        where = "there is no such session" if is_orphan else "it is in no window and in the way of the next one"
        what = f"session {session_id}, stream {stream}, entry {position}: {where}"
        yield Fault((session_id, stream, position), what)


def _delete_stray(connection: Connection, faults: list[Fault]) -> None:
    ids, streams, positions = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_LOCK, {"ids": ids})
    connection.execute(_DELETE_STRAY, {"ids": ids, "streams": streams, "positions": positions})


_WRONG = f"""
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


def _values(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, stream, position in rows(snapshot, _WRONG, node=node_id):
        label = Stream(stream).label.lower()
        yield Fault((), f"session {session_id}, entry {position} of its {label}: it cannot be read", repairable=False)
    for session_id, position, text in rows(snapshot, _VECTORS, node=node_id):
        if not _is_named_rightly(text):
            what = f"session {session_id}, vector {position}: its name is not that of its numbers"
            yield Fault((), what, repairable=False)


def _is_named_rightly(text: str) -> bool:
    try:
        vector = _NAMED.validate_json(text)
    except ValidationError:
        return False
    return vector.name == vector_name(np.asarray(vector.values, dtype=np.float64))


CHECKS = [
    Check("entries", "every position of a session's windows has its entry", _missing),
    Check("stray-entries", "every entry is of a session, and not after its windows", _stray, _delete_stray),
    Check("entry-values", "entries are what their stream is of; vectors have the names of their numbers", _values),
]
