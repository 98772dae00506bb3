"""The end of sessions: by request, or by time."""

from django.db import transaction

from foundation import logs
from foundation.postgresql.statements import Parameters
from sessions_app import cache
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import ALIVE
from sessions_app.operations import announcements
from sessions_app.stores import SESSIONS

_DELETE = f"""
    WITH session AS (DELETE FROM sessions_app_session WHERE id = %(id)s AND {ALIVE} RETURNING id, node_id, version),
    announced AS ({announcements.record(announcements.Kind.DELETED, "id, NULL, clock_timestamp() FROM session")})
    SELECT version, node_id FROM session
"""
_DELETE_ENTRIES = "DELETE FROM sessions_app_entry WHERE session_id = ANY(%(ids)s)"


def _delete_those(condition: str) -> str:
    """Of sessions whose time has run out."""
    return f"""
        WITH session AS (DELETE FROM sessions_app_session WHERE {condition} RETURNING id, expires_at),
        announced AS ({announcements.record(announcements.Kind.EXPIRED, "id, NULL, expires_at FROM session")})
        SELECT id FROM session
    """


_DELETE_IF_EXPIRED = _delete_those(f"id = ANY(%(ids)s) AND NOT ({ALIVE})")
# SKIP LOCKED: a session that somebody works on is not waited for. If that somebody was admitted before the deadline, he
# has moved it by the time his lock is gone.
_DELETE_EXPIRED = _delete_those("""
    id = ANY(ARRAY(
        SELECT id FROM sessions_app_session WHERE expires_at <= now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
""")


@transaction.atomic
def delete(*, session_id: str) -> None:
    """Delete a session with all it holds; what its node learned stays. Raises SessionNotFound."""
    row = SESSIONS.execute_one(_DELETE, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, node_id = row
    logs.about(node_id=node_id)
    # A statement of its own, because it must see what was committed while the first one waited for the row lock.
    SESSIONS.execute(_DELETE_ENTRIES, {"ids": [session_id]})
    cache.forget_on_commit(session_id, version)


@transaction.atomic
def delete_expired(*, limit: int = 500) -> int:
    """Delete up to `limit` sessions whose time has run out; answers how many."""
    return _delete_expired(_DELETE_EXPIRED, {"limit": limit})


def delete_if_expired(*, ids: list[str]) -> int:
    """Delete those of these sessions whose time has run out, in the running transaction; answers how many."""
    return _delete_expired(_DELETE_IF_EXPIRED, {"ids": ids})


def _delete_expired(sql: str, parameters: Parameters) -> int:
    ids = [row[0] for row in SESSIONS.execute(sql, parameters)]
    if ids:
        SESSIONS.execute(_DELETE_ENTRIES, {"ids": ids})
    return len(ids)
