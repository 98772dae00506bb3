"""Small changes to one session: touch, extend, expire, configure, clear."""

from typing import Any

from django.db import transaction

import memory_app.operations.nodes
from foundation.postgresql.statements import Parameters
from sessions_app import cache
from sessions_app.admitted import ADMITTED, met
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import HELD_DEADLINE, TOUCHED_DEADLINE
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, json_text
from sessions_app.stores import SESSIONS

_TOUCH = f"""
    UPDATE sessions_app_session SET expires_at = {TOUCHED_DEADLINE} WHERE id = %(id)s AND {ADMITTED}
    RETURNING node_id, contract
"""
_HOLD = f"""
    UPDATE sessions_app_session SET expires_at = {HELD_DEADLINE} WHERE id = %(id)s AND {ADMITTED}
    RETURNING node_id, contract
"""
_EXTEND = f"""
    UPDATE sessions_app_session
    SET expires_at = clock_timestamp() + make_interval(secs => %(ttl)s),
        extended_until = clock_timestamp() + make_interval(secs => %(ttl)s)
    WHERE id = %(id)s AND {ADMITTED} RETURNING node_id, contract
"""
# Not `now()`: a request that began earlier and waits for this row lock has an earlier `now()`. It would then find the
# session alive and touch it. No request on this session began before its creation.
_EXPIRE = f"""
    UPDATE sessions_app_session SET expires_at = created_at WHERE id = %(id)s AND {ADMITTED}
    RETURNING node_id, contract
"""
_UPDATE_CONFIG = f"""
    UPDATE sessions_app_session
    SET config = (config || %(changed)s::jsonb) - %(removed)s::text[], version = {NEXT_VERSION},
        expires_at = {TOUCHED_DEADLINE}
    WHERE id = %(id)s AND {ADMITTED} RETURNING node_id, contract, {CACHED_VERSION}
"""
# The DELETE does not see the entries of an observation that commits while this waits for the lock. But they are outside
# the new windows, so no reader sees them, and the next trim deletes them.
_CLEAR = f"""
    WITH session AS (
        UPDATE sessions_app_session
        SET version = {NEXT_VERSION}, time = 0, percept = NULL, stm_start = stm_end,
            emotives_start = emotives_end, metadata_start = metadata_end, vectors_start = vectors_end,
            content_bytes = 0, seen_start = stm_end, seen_end = stm_end,
            seen_emotives_start = emotives_end, seen_emotives_end = emotives_end, expires_at = {TOUCHED_DEADLINE}
        WHERE id = %(id)s AND {ADMITTED}
        RETURNING id, node_id, contract,
            (SELECT before.version FROM sessions_app_session AS before WHERE before.id = %(id)s) AS version
    ), emptied AS (
        DELETE FROM sessions_app_entry USING session WHERE session_id = session.id
    )
    SELECT node_id, contract, version FROM session
"""


def _change(statement: str, parameters: Parameters) -> list[Any]:
    """The columns that the statement returns, of which `node_id` and `contract` come first. Raises SessionNotFound."""
    row = SESSIONS.execute_one(statement, parameters)
    if row is None:
        raise SessionNotFound(parameters["id"])
    met(node_id=row[0], contract=row[1])
    return list(row)


def touch(*, session_id: str) -> str:
    """Keep the session alive for another `ttl_seconds`; returns its node. Raises SessionNotFound."""
    node_id, _ = _change(_TOUCH, {"id": session_id})
    return str(node_id)


def hold(*, session_id: str) -> None:
    """Keep the session alive for all requests while a long batch on it runs. Raises SessionNotFound."""
    _change(_HOLD, {"id": session_id})


def extend(*, session_id: str, ttl_seconds: int) -> None:
    """Let the session live exactly `ttl_seconds` from now, or longer if it is touched. Raises SessionNotFound."""
    _change(_EXTEND, {"id": session_id, "ttl": ttl_seconds})


def expire(*, session_id: str) -> None:
    """Expire the session now; the next cleanup deletes its row. Raises SessionNotFound."""
    _change(_EXPIRE, {"id": session_id})


def update_config(*, session_id: str, changes: dict[str, Any]) -> None:
    """Merge `changes` (from `config.validate`) into the session's own configuration. Raises SessionNotFound."""
    changed = {key: value for key, value in changes.items() if value is not None}
    removed = [key for key, value in changes.items() if value is None]
    _, _, cached_version = _change(
        _UPDATE_CONFIG, {"id": session_id, "changed": json_text(changed), "removed": removed}
    )
    cache.forget_on_commit(session_id, cached_version)


@transaction.atomic
def clear_all(*, session_id: str) -> None:
    """`clear_stm`, and clear everything that the session's node learned. Raises SessionNotFound."""
    node_id = clear_stm(session_id=session_id)
    memory_app.operations.nodes.clear(node_id=node_id)


def clear_stm(*, session_id: str) -> str:
    """Empty STM, accumulators and percept, set the time to 0; the rest stays (engine.md 3.1). Returns the node.

    Vectors that wait to be learned go with the events that they belong to.
    """
    node_id, _, version = _change(_CLEAR, {"id": session_id})
    cache.forget_on_commit(session_id, version)
    return str(node_id)
