"""Deleting sessions: on request, or after they expired."""

from django.db import transaction

from foundation.postgresql.statements import Parameters
from sessions_app import cache
from sessions_app.admitted import ADMITTED, met
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import ALIVE
from sessions_app.operations import announcements
from sessions_app.stores import SESSIONS

_DELETE = f"""
    WITH session AS (
        DELETE FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED} RETURNING id, node_id, contract, version
    ), announced AS ({announcements.record(announcements.Kind.DELETED, "id, node_id, clock_timestamp() FROM session")})
    SELECT version, node_id, contract FROM session
"""
_DELETE_ENTRIES = "DELETE FROM sessions_app_entry WHERE session_id = ANY(%(ids)s)"


def _delete_where(condition: str) -> str:
    """SQL that deletes expired sessions and records their events; its rows are their ids."""
    return f"""
        WITH session AS (DELETE FROM sessions_app_session WHERE {condition} RETURNING id, node_id, expires_at),
        announced AS ({announcements.record(announcements.Kind.EXPIRED, "id, node_id, expires_at FROM session")})
        SELECT id FROM session
    """


_DELETE_IF_EXPIRED = _delete_where(f"id = ANY(%(ids)s) AND NOT ({ALIVE})")
# SKIP LOCKED: do not wait for a session that a request holds. If that request was admitted before the deadline, it has
# moved the deadline by the time it releases the lock.
_DELETE_EXPIRED = _delete_where("""
    id = ANY(ARRAY(
        SELECT id FROM sessions_app_session WHERE expires_at <= now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
""")


@transaction.atomic
def delete(*, session_id: str) -> None:
    """Delete a session and its contents; what its node learned stays. Raises SessionNotFound."""
    row = SESSIONS.execute_one(_DELETE, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, node_id, contract = row
    met(node_id=node_id, contract=contract)
    # A statement of its own: it must see the entries that were committed while the first one waited for the row lock.
    SESSIONS.execute(_DELETE_ENTRIES, {"ids": [session_id]})
    cache.forget_on_commit(session_id, version)


@transaction.atomic
def delete_expired(*, limit: int = 500) -> int:
    """Delete up to `limit` expired sessions; returns how many."""
    return _delete_expired(_DELETE_EXPIRED, {"limit": limit})


def delete_if_expired(*, ids: list[str]) -> int:
    """Delete the expired ones of these sessions, in the running transaction; returns how many."""
    return _delete_expired(_DELETE_IF_EXPIRED, {"ids": ids})


def _delete_expired(sql: str, parameters: Parameters) -> int:
    ids = [row[0] for row in SESSIONS.execute(sql, parameters)]
    if ids:
        SESSIONS.execute(_DELETE_ENTRIES, {"ids": ids})
    return len(ids)
