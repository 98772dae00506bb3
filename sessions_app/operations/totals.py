"""How many sessions there are, without counting them all.

The chore `count-sessions` stores their number together with the snapshot of the database that it was counted in. Later
reads add the creations and deletions that this snapshot did not see: each is an event, which the statement that creates
or deletes sessions writes anyway. So the number is exact in every transaction, and no request
has to keep it.

It is the number of rows. Of those the expired ones do not count, which are few: the chore `expire-sessions` deletes
them within seconds.
"""

from django.db import transaction

from sessions_app.models.sessions import SessionEvent
from sessions_app.stores import SESSIONS

_CREATED = SessionEvent.Kind.CREATED
# Events are kept for ten minutes, so a younger number misses none, whichever release deletes them. A snapshot of
# transactions that the database has not had yet comes from a back-up of another one.
# OFFSET 0: once, and not again for each event.
_TOTAL = """
    SELECT sessions, snapshot, pg_snapshot_xmin(snapshot) AS lowest, pg_snapshot_xmax(snapshot) AS following, present,
        clock_timestamp() - counted_at BETWEEN interval '0' AND interval '5 minutes'
            AND pg_snapshot_xmax(snapshot) <= present AS is_known
    FROM (
        SELECT sessions, snapshot::pg_snapshot, counted_at, pg_snapshot_xmax(pg_current_snapshot()) AS present
        FROM sessions_app_sessiontotal OFFSET 0
    ) AS stored OFFSET 0
"""
# Ids that the database has not assigned yet are left over from before the restore of a back-up. That of this very
# transaction may be the next one.
_SINCE = f"""
    SELECT count(*) FILTER (WHERE kind = {_CREATED}) - count(*) FILTER (WHERE kind <> {_CREATED})
    FROM sessions_app_sessionevent
    WHERE changed >= total.lowest
        AND (changed >= total.following OR NOT pg_visible_in_snapshot(changed, total.snapshot))
        AND (changed < total.present OR changed = pg_current_xact_id_if_assigned())
"""
# SQL: the number of rows of sessions, as this statement sees them.
ROWS = f"""(
    SELECT CASE WHEN is_known THEN sessions + ({_SINCE}) ELSE (SELECT count(*) FROM sessions_app_session) END
    FROM (VALUES (1)) AS one LEFT JOIN ({_TOTAL}) AS total ON true
)"""
# That number and the true one, where they differ. For `manage.py verify`.
DISAGREEMENT = f"""
    SELECT * FROM (SELECT {ROWS} AS known, count(*) AS counted FROM sessions_app_session) AS numbers
    WHERE known <> counted
"""
# SQL: whether the stored number includes what this transaction has `changed`.
IS_INCLUDED = """
    pg_visible_in_snapshot(changed, COALESCE(
        (SELECT snapshot::pg_snapshot FROM sessions_app_sessiontotal), pg_current_snapshot()))
"""
# Events were added or deleted that no creation or deletion of a session has caused: sessions are to be counted again.
FORGET = "UPDATE sessions_app_sessiontotal SET counted_at = NULL"

_LOCK = "SELECT true FROM sessions_app_sessiontotal FOR UPDATE SKIP LOCKED"
_COUNT = f"""
    UPDATE sessions_app_sessiontotal
    SET sessions = {ROWS}, snapshot = pg_current_snapshot()::text, counted_at = clock_timestamp()
"""


@transaction.atomic(durable=True)
def count() -> int:
    """Store how many sessions there are, so that reads need to look only at what changes from now on."""
    # The lock first: a statement that waited for it would not see what was committed meanwhile, but store its snapshot
    # over a later one.
    if SESSIONS.execute(_LOCK, {}):
        SESSIONS.execute(_COUNT, {})
    return 0
