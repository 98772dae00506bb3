"""Observing: the hot path."""

from dataclasses import dataclass
from typing import Any

from engine.observation import make_event
from katoproject.postgresql.statements import Parameters, execute, execute_one
from sessions_app import cache, config
from sessions_app.errors import NotSupportedYet
from sessions_app.expiry import ALIVE, TOUCHED_DEADLINE
from sessions_app.models import Stream
from sessions_app.operations.changes import touch
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, STREAM_LIMIT, json_text

# Entries that fell out of their window are deleted once per so many events.
_TRIM_EVERY = 128


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation, validated. `metadata` is any JSON object."""

    strings: list[str]
    emotives: dict[str, float]
    metadata: dict[str, Any]
    unique_id: str


@dataclass(frozen=True, slots=True)
class Observed:
    """The state right after one observation: events in the STM, observations since the last clear."""

    unique_id: str
    stm_length: int
    time: int


# An observation that makes the STM long enough to be learned needs more than one statement (engine.md 3.2).
_PATTERN_LENGTH = "COALESCE((config->>'max_pattern_length')::numeric, %(max_pattern_length)s)"
_NO_LEARNING_DUE = f"""
    ({_PATTERN_LENGTH} = 0 OR %(events)s = 0 OR stm_end - stm_start + %(events)s < {_PATTERN_LENGTH})
"""

# One round trip that admits, orders, counts, appends and answers. The service cannot know the session's own
# `sort_symbols` before it asks, so it offers the event both ways and the row chooses.
_OBSERVE = f"""
    WITH session AS (
        UPDATE sessions_app_session SET
            version = {NEXT_VERSION},
            time = time + 1,
            stm_end = stm_end + %(events)s,
            stm_start = GREATEST(stm_start, stm_end + %(events)s - {STREAM_LIMIT}),
            emotives_end = emotives_end + %(emotives_count)s,
            emotives_start = GREATEST(emotives_start, emotives_end + %(emotives_count)s - {STREAM_LIMIT}),
            metadata_end = metadata_end + %(metadata_count)s,
            metadata_start = GREATEST(metadata_start, metadata_end + %(metadata_count)s - {STREAM_LIMIT}),
            percept = %(percept)s::json,
            expires_at = {TOUCHED_DEADLINE}
        WHERE id = %(id)s AND {ALIVE} AND {_NO_LEARNING_DUE}
        RETURNING id, node_id, time, stm_start, stm_end, emotives_end, metadata_end,
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
    SELECT node_id, time, stm_start, stm_end, cached_version FROM session
"""

_TRIM = f"""
    DELETE FROM sessions_app_entry AS entry USING sessions_app_session AS session
    WHERE session.id = %(id)s AND entry.session_id = session.id
      AND entry.position <= CASE entry.stream
            WHEN {Stream.EVENTS} THEN stm_start WHEN {Stream.EMOTIVES} THEN emotives_start ELSE metadata_start END
"""


def observe(*, session_id: str, observation: Observation) -> tuple[str, Observed]:
    """Append one observation; answers the node and the state after it.

    Raises SessionNotFound; NotSupportedYet where the observation would make the session learn by itself.
    """
    row = execute_one(_OBSERVE, _parameters(session_id, observation))
    if row is None:
        touch(session_id=session_id)
        raise NotSupportedYet("auto_learning", "max_pattern_length is reached, and learning is not supported yet")
    node_id, time, stm_start, stm_end, cached_version = row
    cache.forget_on_commit(session_id, cached_version)
    if stm_start and stm_end % _TRIM_EVERY == 0:
        trim(session_id)
    return node_id, Observed(observation.unique_id, stm_end - stm_start, time)


def trim(session_id: str) -> None:
    """Delete entries outside their window. Readers never see them, so it does not matter when this happens."""
    execute(_TRIM, {"id": session_id})


def _parameters(session_id: str, observation: Observation) -> Parameters:
    observed = bool(observation.strings)
    return {
        "id": session_id,
        "events": int(observed),
        "event": json_text(observation.strings) if observed else None,
        "sorted_event": json_text(make_event(observation.strings, sort_symbols=True)) if observed else None,
        "emotives": json_text(observation.emotives) if observation.emotives else None,
        "emotives_count": int(bool(observation.emotives)),
        "metadata": json_text(observation.metadata) if observation.metadata else None,
        "metadata_count": int(bool(observation.metadata)),
        "percept": percept_text(observation),
        "sort_symbols": config.DEFAULTS["sort_symbols"],
        "max_pattern_length": config.DEFAULTS["max_pattern_length"],
    }


def percept_text(observation: Observation) -> str:
    """The percept as stored: all but the current emotives, which follow from their stream (engine.md 2.5)."""
    return json_text({"strings": sorted(observation.strings), "vectors": [], "metadata": observation.metadata})
