"""Session events for `/ws/events`: recorded here, followed in `reads/event_feed.py`.

The statement that creates or destroys a session also writes its event: a change that is rolled back is never announced,
and one that commits is always announced.
"""

from sessions_app.models.sessions import SessionEvent
from sessions_app.operations import totals
from sessions_app.stores import SESSIONS

Kind = SessionEvent.Kind

_KEPT = "10 minutes"
# An event that the stored number of sessions does not include is needed to find the present one.
_DELETE_OLD = f"""
    DELETE FROM sessions_app_sessionevent WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM sessions_app_sessionevent
        WHERE recorded_at < now() - interval '{_KEPT}' AND {totals.IS_INCLUDED} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""


def record(kind: Kind, changed: str) -> str:
    """SQL that records one event per session. `changed`: `id, node id, time of the change FROM …`."""
    return f"""
        INSERT INTO sessions_app_sessionevent (changed, kind, recorded_at, session_id, node_id, happened_at)
        SELECT pg_current_xact_id(), {kind}, clock_timestamp(), {changed}
    """


def delete_old(*, limit: int = 5000) -> int:
    """Delete up to `limit` events that are older than ten minutes; returns how many."""
    return len(SESSIONS.execute(_DELETE_OLD, {"limit": limit}))
