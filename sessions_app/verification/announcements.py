"""What is kept for others for a while: session events, and the answers to repeated requests."""

from collections.abc import Iterator

from foundation.verification import Check, Connection, Fault, rows
from sessions_app.operations import announcements
from sessions_app.reads.event_feed import Kind

_RECENT = "interval '5 minutes'"  # of the ten that events are kept
_IS_CREATED = f"(kind = {Kind.CREATED})"
# One that was destroyed may come back from a file: it is created again.
_IN_ORDER = f"""
    WITH told AS (
        SELECT *, {_IS_CREATED} AS is_created,
            lag({_IS_CREATED}) OVER history AS was_created, lead({_IS_CREATED}) OVER history IS NULL AS is_last
        FROM sessions_app_sessionevent WHERE recorded_at > now() - {_RECENT}
        WINDOW history AS (PARTITION BY session_id ORDER BY changed, kind)
    )
    SELECT changed::text, session_id, kind FROM told
    WHERE kind NOT IN ({", ".join(str(kind.value) for kind in Kind)})
        OR is_created <> (node_id IS NOT NULL)
        OR changed >= pg_snapshot_xmax(pg_current_snapshot())
        OR is_created = was_created
        OR NOT is_created AND is_last AND EXISTS (SELECT FROM sessions_app_session WHERE id = session_id)
"""
_DELETE = """
    DELETE FROM sessions_app_sessionevent WHERE (changed, session_id, kind) IN (
        SELECT * FROM unnest(%(changed)s::text[]::xid8[], %(ids)s::text[], %(kinds)s::smallint[]))
"""


def _in_order(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for changed, session_id, kind in rows(snapshot, _IN_ORDER):
        what = f"session {session_id}: an event of kind {kind} that cannot have been"
        yield Fault((changed, session_id, kind), what)


def _delete(connection: Connection, faults: list[Fault]) -> None:
    changed, ids, kinds = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE, {"changed": changed, "ids": ids, "kinds": kinds})


_CREATED = f"""
    session.created_at > now() - {_RECENT} AND NOT EXISTS (
        SELECT FROM sessions_app_sessionevent AS event WHERE event.session_id = session.id AND kind = {Kind.CREATED})
"""
_ENDED = f"""
    kind = {Kind.CREATED} AND event.recorded_at > now() - {_RECENT}
        AND NOT EXISTS (SELECT FROM sessions_app_session AS session WHERE session.id = event.session_id)
        AND NOT EXISTS (
            SELECT FROM sessions_app_sessionevent AS other
            WHERE other.session_id = event.session_id AND other.changed > event.changed)
"""
_UNTOLD = f"""
    SELECT session.id, 'created' FROM sessions_app_session AS session WHERE {_CREATED}
    UNION ALL SELECT event.session_id, 'gone' FROM sessions_app_sessionevent AS event WHERE {_ENDED}
"""
_LOCK = "SELECT id FROM sessions_app_session WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_TELL_CREATED = announcements.record(
    Kind.CREATED,
    "session.id, node_id, created_at FROM sessions_app_session AS session "
    f"WHERE session.id = ANY(%(ids)s) AND {_CREATED}",
)
_TELL_ENDED = announcements.record(
    Kind.DELETED,
    "event.session_id, NULL, clock_timestamp() FROM sessions_app_sessionevent AS event "
    f"WHERE event.session_id = ANY(%(ids)s) AND {_ENDED}",
)


def _untold(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, what in rows(snapshot, _UNTOLD):
        yield Fault((session_id,), f"session {session_id}: nobody was told that it was {what}")


def _tell(connection: Connection, faults: list[Fault]) -> None:
    ids = {"ids": [fault.key[0] for fault in faults]}
    for statement in (_LOCK, _TELL_CREATED, _TELL_ENDED):
        connection.execute(statement, ids)


_USELESS = "answer IS NULL OR octet_length(fingerprint) <> 32"
_KEYS = f"SELECT scope, key FROM sessions_app_idempotencykey WHERE {_USELESS}"
_DELETE_KEYS = f"""
    DELETE FROM sessions_app_idempotencykey
    WHERE (scope, key) IN (SELECT * FROM unnest(%(scopes)s::text[], %(keys)s::text[])) AND ({_USELESS})
"""


def _keys(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for scope, key in rows(snapshot, _KEYS):
        yield Fault((scope, key), f"{scope}, Idempotency-Key {key!r}: it has no answer, or none that could be repeated")


def _delete_keys(connection: Connection, faults: list[Fault]) -> None:
    scopes, keys = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE_KEYS, {"scopes": scopes, "keys": keys})


CHECKS = [
    Check("session-events", "a session is created and destroyed in turn", _in_order, _delete, of_node=False),
    Check("announcements", "who came and went in the last minutes was announced", _untold, _tell, of_node=False),
    Check("idempotency-keys", "a key has the answer that it repeats", _keys, _delete_keys, of_node=False),
]
