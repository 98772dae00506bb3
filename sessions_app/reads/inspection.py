"""What an operator sees of sessions: all that one holds, alive or expired. Being looked at keeps none alive."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from sessions_app.errors import SessionNotFound
from sessions_app.expiry import AGE, ALIVE, LEFT, UNUSED_FOR
from sessions_app.models.sessions import Stream
from sessions_app.reads.reading import current_percept, window
from sessions_app.stores import SESSIONS

_COLUMNS = f"""
    id, node_id, version, created_at, expires_at, extended_until, ttl_seconds, {ALIVE}, {AGE}, {LEFT}, {UNUSED_FOR},
    time, config, metadata::text,
    {window(Stream.EVENTS, "stm_start", "stm_end")},
    {window(Stream.EMOTIVES, "emotives_start", "emotives_end")},
    {window(Stream.METADATA, "metadata_start", "metadata_end")},
    {window(Stream.VECTORS, "vectors_start", "vectors_end")},
    {window(Stream.EVENTS, "seen_start", "seen_end")},
    {window(Stream.EMOTIVES, "seen_emotives_start", "seen_emotives_end")},
    percept::text
"""
_INSPECT = f"SELECT {_COLUMNS} FROM sessions_app_session WHERE id = %(id)s"

_AT_ONCE = 50  # sessions that are in memory, with all they hold


def _living(of_node: str) -> str:
    """A batch of them, the oldest first, from one snapshot. The limit is said, so that the plan knows it is small."""
    return f"""
        SELECT {_COLUMNS} FROM sessions_app_session
        WHERE {ALIVE} AND {of_node} AND (created_at, id) > (%(created_at)s::timestamptz, %(id)s)
        ORDER BY created_at, id LIMIT {_AT_ONCE}
    """


_LIVING, _LIVING_OF_NODE = _living("true"), _living("node_id = %(node_id)s")
_BEFORE_ALL = ("-infinity", "")


@dataclass(frozen=True, slots=True)
class Inspection:
    """One session at one version. `age`, `left`, `unused_for`: seconds; `config`: what the session itself sets.

    `emotives`, `entries` and `vectors` are accumulated for the next learn, `percept` is as clients get it. `seen` and
    `seen_emotives` are what the last observation saw, before it may have been learned.
    """

    session_id: str
    node_id: str
    version: int
    created_at: datetime
    expires_at: datetime
    extended_until: datetime | None
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
    vectors: list[list[float]]
    seen: list[list[str]]
    seen_emotives: list[dict[str, float]]
    percept: dict[str, Any]


def inspect(session_id: str) -> Inspection:
    """Raises SessionNotFound where there is no row any more."""
    row = SESSIONS.execute_one(_INSPECT, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    return _inspection(row)


def living(*, node_id: str | None = None) -> Iterator[Inspection]:
    """All sessions that live, or those of one node, the oldest first, in bounded memory.

    Each is as it was at one moment; who reads slowly keeps no transaction open.
    """
    created_at, session_id = _BEFORE_ALL
    while True:
        rows = SESSIONS.execute_in_order(
            _LIVING if node_id is None else _LIVING_OF_NODE,
            {"node_id": node_id, "created_at": created_at, "id": session_id},
        )
        for row in rows:
            yield _inspection(row)
        if len(rows) < _AT_ONCE:
            return
        session_id, created_at = rows[-1][0], rows[-1][3]


def _inspection(row: tuple[Any, ...]) -> Inspection:
    *plain, config, metadata, stm, emotives, entries, vectors, seen, seen_emotives, percept = row
    vector_values = [vector["values"] for vector in from_json(f"[{vectors}]")]
    held = (*(from_json(f"[{one}]") for one in (stm, emotives, entries)), vector_values)
    observed = (from_json(f"[{one}]") for one in (seen, seen_emotives))
    shown = from_json(current_percept(percept, seen_emotives))
    return Inspection(*(*plain, from_json(config), from_json(metadata), *held, *observed, shown))


def exported(session: Inspection) -> dict[str, Any]:
    """All of the session, as a JSON object with the names that the API uses (docs/migrating.md).

    `percept_stm` and `percept_emotives` are there only where they are not what the session holds now.
    """
    content = {
        "session_id": session.session_id,
        "node_id": session.node_id,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "ttl_seconds": session.ttl_seconds,
        "metadata": session.metadata,
        "config": session.config,
        "time": session.time,
        "stm": session.stm,
        "accumulated_emotives": session.emotives,
        "accumulated_metadata": session.entries,
        "percept": session.percept,
    }
    if session.extended_until is not None:
        content["extended_until"] = session.extended_until
    if session.vectors:
        content["waiting_vectors"] = session.vectors
    if session.seen != session.stm:
        content["percept_stm"] = session.seen
    if session.seen_emotives != session.emotives:
        content["percept_emotives"] = session.seen_emotives
    return content
