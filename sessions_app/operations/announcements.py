"""Announcing sessions as they come and go, to whoever listens.

An event is a row written by the statement that creates or destroys the session: a change that is rolled back was never
announced, and one that is committed cannot be forgotten.
"""

from sessions_app.models.sessions import SessionEvent
from sessions_app.stores import SESSIONS

Kind = SessionEvent.Kind

_KEPT = "10 minutes"
_DELETE_OLD = f"""
    DELETE FROM sessions_app_sessionevent WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM sessions_app_sessionevent
        WHERE recorded_at < now() - interval '{_KEPT}' LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""


def record(kind: Kind, changed: str) -> str:
    """SQL that records an event of each session of a query: `id, node id or NULL, time of the change FROM …`."""
    return f"""
        INSERT INTO sessions_app_sessionevent (changed, kind, recorded_at, session_id, node_id, happened_at)
        SELECT pg_current_xact_id(), {kind}, clock_timestamp(), {changed}
    """


def delete_old(*, limit: int = 5000) -> int:
    """Forget up to `limit` events that are older than ten minutes; answers how many."""
    return len(SESSIONS.execute(_DELETE_OLD, {"limit": limit}))
