"""Observing: the hot path."""

import logging
from typing import NamedTuple

from django.db import DatabaseError, transaction
from pydantic_core import to_json

from engine.observation import make_event
from engine.stm import STM_LIMIT
from foundation.postgresql.statements import Parameters
from sessions_app import cache, config
from sessions_app.admitted import ADMITTED, met
from sessions_app.expiry import TOUCHED_DEADLINE
from sessions_app.limits import LARGEST_SESSION
from sessions_app.models.sessions import Stream
from sessions_app.observations import Observation, Observed, percept_text
from sessions_app.operations.locked_session import LockedSession
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, json_text, trim_if_due
from sessions_app.stores import SESSIONS

log = logging.getLogger(__name__)

# An observation that makes the STM long enough to be learned needs more than one statement (engine.md 3.2).
_PATTERN_LENGTH = "COALESCE((config->>'max_pattern_length')::numeric, %(max_pattern_length)s)"
_NO_LEARNING_DUE = f"""
    ({_PATTERN_LENGTH} = 0 OR %(events)s = 0 OR stm_end - stm_start + %(events)s < {_PATTERN_LENGTH})
"""

_PREDICTS = "COALESCE((config->>'process_predictions')::boolean, %(process_predictions)s)"

# One round trip that admits, orders, counts and appends. Not for an observation with a vector, whose neighbours have to
# be found under the lock, not where learning is due, and not where the session may be full (a size of NULL is unknown).
# The process does not know the session's own `sort_symbols`, so it sends the event both ways, and the row chooses.
_OBSERVE = f"""
    WITH session AS (
        UPDATE sessions_app_session SET
            version = {NEXT_VERSION},
            time = time + 1,
            stm_end = stm_end + %(events)s,
            stm_start = GREATEST(stm_start, stm_end + %(events)s - {STM_LIMIT}),
            emotives_end = emotives_end + %(emotives_count)s,
            emotives_start = GREATEST(emotives_start, emotives_end + %(emotives_count)s - {STM_LIMIT}),
            metadata_end = metadata_end + %(metadata_count)s,
            metadata_start = GREATEST(metadata_start, metadata_end + %(metadata_count)s - {STM_LIMIT}),
            content_bytes = content_bytes + %(size)s,
            percept = %(percept)s::json,
            seen_start = CASE WHEN %(events)s = 1 AND {_PREDICTS}
                THEN GREATEST(stm_start, stm_end + %(events)s - {STM_LIMIT}) ELSE stm_end + %(events)s END,
            seen_end = stm_end + %(events)s,
            seen_emotives_start = GREATEST(emotives_start, emotives_end + %(emotives_count)s - {STM_LIMIT}),
            seen_emotives_end = emotives_end + %(emotives_count)s,
            expires_at = {TOUCHED_DEADLINE}
        WHERE id = %(id)s AND {ADMITTED} AND {_NO_LEARNING_DUE}
            AND content_bytes + %(size)s <= {LARGEST_SESSION}
        RETURNING id, node_id, contract, time, stm_start, stm_end, emotives_end, metadata_end,
            COALESCE((config->>'sort_symbols')::boolean, %(sort_symbols)s) AS sort_symbols,
            {CACHED_VERSION} AS cached_version
    ), appended AS (
        INSERT INTO sessions_app_entry (session_id, stream, position, value)
        SELECT session.id, entry.stream, entry.position, entry.value
        FROM session, LATERAL (VALUES
            ({Stream.EVENTS}, session.stm_end,
             CASE WHEN session.sort_symbols THEN %(sorted_event)s::json ELSE %(event)s::json END),
            ({Stream.EMOTIVES}, session.emotives_end, %(emotives)s::json),
            ({Stream.METADATA}, session.metadata_end, %(metadata)s::json)
        ) AS entry (stream, position, value)
        WHERE entry.value IS NOT NULL
    )
    SELECT node_id, contract, time, stm_end - stm_start AS stm_length,
        stm_end + emotives_end + metadata_end AS appended, cached_version
    FROM session
"""


class _ObservedRow(NamedTuple):
    """`appended`: entries ever appended to the streams; `cached_version`: see CACHED_VERSION."""

    node_id: str
    contract: str | None
    time: int
    stm_length: int
    appended: int
    cached_version: int | None


def observe(*, session_id: str, observation: Observation) -> tuple[str, Observed]:
    """Append one observation, and learn if the STM is long enough now; returns the node and the state afterwards.

    Raises SessionNotFound, VectorDimensionError, VectorsNotAvailable and SessionTooLarge; each leaves everything
    unchanged.
    """
    if observation.vector:
        return _observe_in_steps(session_id, observation)
    parameters = _parameters(session_id, observation)
    columns = SESSIONS.execute_one(_OBSERVE, parameters)
    if columns is None:
        return _observe_in_steps(session_id, observation)
    row = _ObservedRow._make(columns)
    met(node_id=row.node_id, contract=row.contract)
    cache.forget_on_commit(session_id, row.cached_version)
    _trim_or_log(session_id, row.appended, parameters)
    return row.node_id, Observed(observation.unique_id, row.stm_length, row.time)


def _trim_or_log(session_id: str, appended: int, parameters: Parameters) -> None:
    new = parameters["events"] + parameters["emotives_count"] + parameters["metadata_count"]
    try:
        trim_if_due(session_id, appended - new, appended)
    except DatabaseError as error:
        # The observation is committed. An error would make the client send it again.
        log.warning("Could not delete old entries of session %s: %s", session_id, error)


@transaction.atomic
def _observe_in_steps(session_id: str, observation: Observation) -> tuple[str, Observed]:
    session = LockedSession(session_id)
    learned = session.observe(observation)
    session.save()
    observed = Observed(observation.unique_id, len(session.stm), session.time, learned, session.vector_search)
    return session.node_id, observed


def _parameters(session_id: str, observation: Observation) -> Parameters:
    observed = bool(observation.strings)
    event = to_json(observation.strings) if observed else b""
    emotives = to_json(observation.emotives) if observation.emotives else b""
    metadata = to_json(observation.metadata) if observation.metadata else b""
    return {
        "id": session_id,
        "size": len(event) + len(emotives) + len(metadata),
        "events": int(observed),
        "event": event.decode() or None,
        "sorted_event": json_text(make_event(observation.strings, sort_symbols=True)) if observed else None,
        "emotives": emotives.decode() or None,
        "emotives_count": int(bool(observation.emotives)),
        "metadata": metadata.decode() or None,
        "metadata_count": int(bool(observation.metadata)),
        "percept": percept_text(observation),
        "sort_symbols": config.DEFAULTS["sort_symbols"],
        "process_predictions": config.DEFAULTS["process_predictions"],
        "max_pattern_length": config.DEFAULTS["max_pattern_length"],
    }
