"""What an operator sees of a session: all it holds, alive or expired. Being looked at does not keep it alive."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from katoproject.postgresql.statements import execute_one
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import AGE, ALIVE, LEFT, UNUSED_FOR
from sessions_app.models import Stream
from sessions_app.reading import current_percept, window

_INSPECT = f"""
    SELECT node_id, version, created_at, expires_at, ttl_seconds, {ALIVE}, {AGE}, {LEFT}, {UNUSED_FOR}, time,
        config, metadata::text, percept::text,
        {window(Stream.EVENTS, "stm_start", "stm_end")},
        {window(Stream.EMOTIVES, "emotives_start", "emotives_end")},
        {window(Stream.METADATA, "metadata_start", "metadata_end")},
        {window(Stream.EMOTIVES, "seen_emotives_start", "seen_emotives_end")}
    FROM sessions_app_session WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One session at one version. `age`, `left`, `unused_for`: seconds; `config`: what the session itself sets.

    `emotives` and `entries` are accumulated for the next learn, `percept` is as clients get it.
    """

    session_id: str
    node_id: str
    version: int
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    is_alive: bool
    age: float
    left: float
    unused_for: float
    time: int
    config: dict[str, Any]
    metadata: dict[str, Any]
    stm: list[list[str]]
    emotives: list[dict[str, float]]
    entries: list[dict[str, Any]]
    percept: dict[str, Any]


def inspect(session_id: str) -> Inspection:
    """Raises SessionNotFound where there is no row any more."""
    row = execute_one(_INSPECT, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    *plain, config, metadata, percept, stm, emotives, entries, seen_emotives = row
    lists = (f"[{one}]" for one in (stm, emotives, entries))
    texts = (config, metadata, *lists, current_percept(percept, seen_emotives))
    return Inspection(*(session_id, *plain, *map(from_json, texts)))


def exported(session: Inspection) -> dict[str, Any]:
    """All of the session, as a JSON object with the names that the API uses."""
    return {
        "session_id": session.session_id,
        "node_id": session.node_id,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "ttl_seconds": session.ttl_seconds,
        "metadata": session.metadata,
        "config": session.config,
        "session_config": effective(session.config),
        "time": session.time,
        "stm": session.stm,
        "accumulated_emotives": session.emotives,
        "accumulated_metadata": session.entries,
        "percept": session.percept,
    }
