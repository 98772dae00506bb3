"""SQL fragments that several operations share, and JSON as text for PostgreSQL."""

from typing import Any

from pydantic_core import to_json

from sessions_app import cache
from sessions_app.models.sessions import Stream
from sessions_app.stores import SESSIONS

# A version counts up, and jumps to the clock's microseconds: after a restore from a back-up, a new write cannot reuse a
# version under which Redis may still hold content that the restore undid.
FIRST_VERSION = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
NEXT_VERSION = f"GREATEST(version + 1, {FIRST_VERSION})"

# In RETURNING: the version that the statement replaced, so that its cache entry can be deleted; NULL where the session
# was too small to be cached. The subselect sees the row as it was when the statement began. (If the statement waited
# for the lock, that may be an even older version; the entry of the version in between then stays until it expires.)
CACHED_VERSION = f"""
    CASE WHEN GREATEST(seen_end - seen_start, seen_emotives_end - seen_emotives_start) >= {cache.WORTH_CACHING}
    THEN (SELECT before.version FROM sessions_app_session AS before WHERE before.id = %(id)s) END
"""


def json_text(value: Any) -> str:
    return to_json(value).decode()


# No reader sees entries outside the windows, so deleting them can wait and happen in batches.
_TRIM_EVERY = 128  # entries
_TRIM = f"""
    DELETE FROM sessions_app_entry AS entry USING sessions_app_session AS session
    WHERE session.id = %(id)s AND entry.session_id = session.id
      AND entry.position <= CASE entry.stream
            WHEN {Stream.EVENTS} THEN LEAST(stm_start, seen_start)
            WHEN {Stream.EMOTIVES} THEN LEAST(emotives_start, seen_emotives_start)
            WHEN {Stream.METADATA} THEN metadata_start ELSE vectors_start END
"""


def trim_if_due(session_id: str, appended_before: int, appended_now: int) -> None:
    """Delete entries outside their windows, once per _TRIM_EVERY entries appended to all streams together."""
    if appended_before // _TRIM_EVERY != appended_now // _TRIM_EVERY:
        SESSIONS.execute(_TRIM, {"id": session_id})
