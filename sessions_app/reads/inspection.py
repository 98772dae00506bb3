"""Sessions as an operator sees them: everything one holds, alive or expired. Inspecting extends no life."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from foundation.postgresql.statements import Row
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import AGE, ALIVE, LEFT, UNUSED_FOR
from sessions_app.models.sessions import Stream
from sessions_app.reads.contents import SEEN_EMOTIVES, SEEN_EVENTS, STM, current_percept, window
from sessions_app.stores import SESSIONS

# In the order of _Row.
_COLUMNS = f"""
    id, node_id, contract, version, created_at, expires_at, extended_until, ttl_seconds,
    {ALIVE} AS is_alive, {AGE} AS age, {LEFT} AS left_seconds, {UNUSED_FOR} AS unused_for,
    time, config, metadata::text, percept::text,
    {STM} AS stm,
    {window(Stream.EMOTIVES, "emotives_start", "emotives_end")} AS emotives,
    {window(Stream.METADATA, "metadata_start", "metadata_end")} AS entries,
    {window(Stream.VECTORS, "vectors_start", "vectors_end")} AS vectors,
    {SEEN_EVENTS} AS seen,
    {SEEN_EMOTIVES} AS seen_emotives
"""
_INSPECT = f"SELECT {_COLUMNS} FROM sessions_app_session WHERE id = %(id)s"

_AT_ONCE = 50  # sessions in memory at a time, with everything they hold


def _living(of_node: str) -> str:
    """A batch, oldest first, from one snapshot. The limit is a literal, so that the planner knows it is small."""
    return f"""
        SELECT {_COLUMNS} FROM sessions_app_session
        WHERE {ALIVE} AND {of_node} AND (created_at, id) > (%(created_at)s::timestamptz, %(id)s)
        ORDER BY created_at, id LIMIT {_AT_ONCE}
    """


_LIVING, _LIVING_OF_NODE = _living("true"), _living("node_id = %(node_id)s")
_BEFORE_ALL = ("-infinity", "")


class _Row(NamedTuple):
    """The streams from `stm` on are the insides of JSON arrays."""

    session_id: str
    node_id: str
    contract: str | None
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
    config: str
    metadata: str
    percept: str | None
    stm: str
    emotives: str
    entries: str
    vectors: str
    seen: str
    seen_emotives: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """One session at one version.

    `contract`: as stored; `age`, `left`, `unused_for`: seconds; `config`: the session's own settings.

    `emotives`, `entries` and `vectors` are accumulated for the next learn, `percept` is as clients get it. `seen` and
    `seen_emotives` are what the last observation saw, which learning may have removed since.
    """

    session_id: str
    node_id: str
    contract: str | None
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
    """The session, alive or expired. Raises SessionNotFound once its row is deleted."""
    row = SESSIONS.execute_one(_INSPECT, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    return _inspection(row)


def living(*, node_id: str | None = None) -> Iterator[Inspection]:
    """All living sessions, or those of one node, oldest first, in bounded memory.

    Each is as it was at one moment; a slow consumer keeps no transaction open.
    """
    key: tuple[datetime | str, str] = _BEFORE_ALL
    while True:
        rows = SESSIONS.execute_in_order(
            _LIVING if node_id is None else _LIVING_OF_NODE,
            {"node_id": node_id, "created_at": key[0], "id": key[1]},
        )
        for row in rows:
            yield _inspection(row)
        if len(rows) < _AT_ONCE:
            return
        last = _Row._make(rows[-1])
        key = (last.created_at, last.session_id)


def _inspection(columns: Row) -> Inspection:
    row = _Row._make(columns)
    return Inspection(
        session_id=row.session_id,
        node_id=row.node_id,
        contract=row.contract,
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        extended_until=row.extended_until,
        ttl_seconds=row.ttl_seconds,
        is_alive=row.is_alive,
        age=row.age,
        left=row.left,
        unused_for=row.unused_for,
        time=row.time,
        config=from_json(row.config),
        metadata=from_json(row.metadata),
        stm=_values(row.stm),
        emotives=_values(row.emotives),
        entries=_values(row.entries),
        vectors=[vector["values"] for vector in _values(row.vectors)],
        seen=_values(row.seen),
        seen_emotives=_values(row.seen_emotives),
        percept=from_json(current_percept(row.percept, row.seen_emotives)),
    )


def _values(stream: str) -> list[Any]:
    values: list[Any] = from_json(f"[{stream}]")
    return values


def exported(session: Inspection) -> dict[str, Any]:
    """The whole session as a JSON object with the names that the API uses (docs/migrating.md).

    `percept_stm` and `percept_emotives` appear only where they differ from what the session holds now.
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
    if session.contract is not None:
        content["contract"] = session.contract
    if session.extended_until is not None:
        content["extended_until"] = session.extended_until
    if session.vectors:
        content["waiting_vectors"] = session.vectors
    if session.seen != session.stm:
        content["percept_stm"] = session.seen
    if session.seen_emotives != session.emotives:
        content["percept_emotives"] = session.seen_emotives
    return content
