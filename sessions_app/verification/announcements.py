"""Short-lived records: session events, the number that follows from them, and responses for repeated requests."""

from collections.abc import Iterator

from foundation.verification import Check, Connection, Fault, rows
from sessions_app.operations import announcements, totals
from sessions_app.reads.event_feed import Kind

_RECENT = "interval '5 minutes'"  # events are kept for ten
_IS_CREATED = f"(kind = {Kind.CREATED})"
# A session that was destroyed may be imported from a file: then it is created again.
_OUT_OF_ORDER = f"""
    WITH history AS (
        SELECT *, {_IS_CREATED} AS is_created,
            lag({_IS_CREATED}) OVER of_session AS was_created, lead({_IS_CREATED}) OVER of_session IS NULL AS is_last
        FROM sessions_app_sessionevent WHERE recorded_at > now() - {_RECENT}
        WINDOW of_session AS (PARTITION BY session_id ORDER BY changed, kind)
    )
    SELECT changed::text, session_id, kind FROM history
    WHERE kind NOT IN ({", ".join(str(kind.value) for kind in Kind)})
        OR is_created AND node_id IS NULL
        OR changed >= pg_snapshot_xmax(pg_current_snapshot())
        OR is_created = was_created
        OR NOT is_created AND is_last AND EXISTS (SELECT FROM sessions_app_session WHERE id = session_id)
"""
_DELETE_EVENTS = """
    DELETE FROM sessions_app_sessionevent WHERE (changed, session_id, kind) IN (
        SELECT * FROM unnest(%(changed)s::text[]::xid8[], %(ids)s::text[], %(kinds)s::smallint[]))
"""


def _find_out_of_order(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for changed, session_id, kind in rows(snapshot, _OUT_OF_ORDER):
        what = f"session {session_id}: an event of kind {kind} that cannot have happened"
        yield Fault((changed, session_id, kind), what)


def _delete_events(connection: Connection, faults: list[Fault]) -> None:
    changed, ids, kinds = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE_EVENTS, {"changed": changed, "ids": ids, "kinds": kinds})
    connection.execute(totals.FORGET)


_HAS_NO_CREATION = f"""
    session.created_at > now() - {_RECENT} AND NOT EXISTS (
        SELECT FROM sessions_app_sessionevent AS event WHERE event.session_id = session.id AND kind = {Kind.CREATED})
"""
_HAS_NO_DELETION = f"""
    kind = {Kind.CREATED} AND event.recorded_at > now() - {_RECENT}
        AND NOT EXISTS (SELECT FROM sessions_app_session AS session WHERE session.id = event.session_id)
        AND NOT EXISTS (
            SELECT FROM sessions_app_sessionevent AS other
            WHERE other.session_id = event.session_id AND other.changed > event.changed)
"""
_UNANNOUNCED = f"""
    SELECT session.id, 'created' FROM sessions_app_session AS session WHERE {_HAS_NO_CREATION}
    UNION ALL SELECT event.session_id, 'destroyed' FROM sessions_app_sessionevent AS event WHERE {_HAS_NO_DELETION}
"""
_LOCK = "SELECT id FROM sessions_app_session WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
_ANNOUNCE_CREATED = announcements.record(
    Kind.CREATED,
    "session.id, node_id, created_at FROM sessions_app_session AS session "
    f"WHERE session.id = ANY(%(ids)s) AND {_HAS_NO_CREATION}",
)
_ANNOUNCE_DELETED = announcements.record(
    Kind.DELETED,
    "event.session_id, event.node_id, clock_timestamp() FROM sessions_app_sessionevent AS event "
    f"WHERE event.session_id = ANY(%(ids)s) AND {_HAS_NO_DELETION}",
)


def _find_unannounced(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for session_id, what in rows(snapshot, _UNANNOUNCED):
        yield Fault((session_id,), f"session {session_id}: no event says that it was {what}")


def _announce(connection: Connection, faults: list[Fault]) -> None:
    ids = {"ids": [fault.key[0] for fault in faults]}
    for statement in (_LOCK, _ANNOUNCE_CREATED, _ANNOUNCE_DELETED):
        connection.execute(statement, ids)
    connection.execute(totals.FORGET)


def _find_wrong_total(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for known, true in rows(snapshot, totals.DISAGREEMENT):
        yield Fault((), f"there are {true} sessions, and {known} are counted")


def _forget_total(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(totals.FORGET)


_UNUSABLE = "answer IS NULL OR octet_length(fingerprint) <> 32"
_UNUSABLE_KEYS = f"SELECT scope, key FROM sessions_app_idempotencykey WHERE {_UNUSABLE}"
_DELETE_KEYS = f"""
    DELETE FROM sessions_app_idempotencykey
    WHERE (scope, key) IN (SELECT * FROM unnest(%(scopes)s::text[], %(keys)s::text[])) AND ({_UNUSABLE})
"""


def _find_unusable_keys(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for scope, key in rows(snapshot, _UNUSABLE_KEYS):
        yield Fault((scope, key), f"{scope}, Idempotency-Key {key!r}: it has no answer that can be repeated")


def _delete_keys(connection: Connection, faults: list[Fault]) -> None:
    scopes, keys = (list(column) for column in zip(*(fault.key for fault in faults), strict=True))
    connection.execute(_DELETE_KEYS, {"scopes": scopes, "keys": keys})


CHECKS = [
    Check(
        "session-events",
        "a session is created and destroyed in turn",
        _find_out_of_order,
        _delete_events,
        of_node=False,
    ),
    Check(
        "announcements",
        "recent creations and deletions of sessions have events",
        _find_unannounced,
        _announce,
        of_node=False,
    ),
    # After those of events, from which the number follows.
    Check(
        "session-total",
        "the stored number of sessions and later events add up",
        _find_wrong_total,
        _forget_total,
        of_node=False,
    ),
    Check(
        "idempotency-keys",
        "an idempotency key has an answer that can be repeated",
        _find_unusable_keys,
        _delete_keys,
        of_node=False,
    ),
]
