"""Reading sessions. Every read asks PostgreSQL first: is the session alive, which version is it, is a touch due?

Short sessions are read in that same round trip. For long ones the payload comes from the cache under the version that
PostgreSQL named, or from PostgreSQL, which then fills the cache with what one snapshot held.
"""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from engine.observation import mean_emotives
from foundation import logs
from sessions_app import cache
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import ALIVE, PROMISED_DEADLINE, TOUCH_DUE
from sessions_app.models.sessions import Stream
from sessions_app.operations import touch
from sessions_app.shapes.info import SessionInfo
from sessions_app.stores import SESSIONS


@dataclass(frozen=True, slots=True)
class ShortTermMemory:
    """`events`: a JSON array of arrays of strings, oldest first."""

    events: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Percept:
    """`percept`: a JSON object, `{}` before the first observation."""

    percept: bytes
    node_id: str


@dataclass(frozen=True, slots=True)
class Existence:
    exists: bool
    expired: bool


@dataclass(frozen=True, slots=True)
class Population:
    """Sessions that live, and sessions that have expired but are not deleted yet, at one moment."""

    active: int
    expired: int


@dataclass(frozen=True, slots=True)
class SessionPage:
    sessions: list[SessionInfo]
    total: int


# What every read that is an access selects first.
ADMISSION = f"{TOUCH_DUE}, node_id"


def admitted(session_id: str, row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """The row from the node's id on: what is before it tells whether a touch is due, and the touch is done."""
    if row is None:
        raise SessionNotFound(session_id)
    logs.about(node_id=row[1])
    if row[0]:
        touch(session_id=session_id)
    return row[1:]


def window(stream: Stream, start: str, end: str) -> str:
    """SQL for the live entries of a stream, oldest first, as the inside of a JSON array."""
    return f"""(
        SELECT COALESCE(string_agg(value::text, ',' ORDER BY position), '') FROM sessions_app_entry
        WHERE session_id = id AND stream = {stream} AND position > {start} AND position <= {end}
    )"""


_EVENTS = window(Stream.EVENTS, "stm_start", "stm_end")
# Of the last observation: learning consumes the accumulators, the percept stays.
_EMOTIVES = window(Stream.EMOTIVES, "seen_emotives_start", "seen_emotives_end")


def _info_columns(deadline: str) -> str:
    """What `_info` takes: the node first, as in what `admitted` answers."""
    return f"""
        node_id, id, created_at, {deadline}, metadata::text, config,
        GREATEST(0, floor(extract(epoch FROM {deadline} - clock_timestamp())))::bigint
    """


_SESSION = f"""
    SELECT {TOUCH_DUE}, {_info_columns(PROMISED_DEADLINE)} FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}
"""


def _page(condition: str) -> str:
    """Being listed is no access, so nothing is promised anew: the deadline as it stands."""
    return f"""
        SELECT {_info_columns("expires_at")} FROM sessions_app_session WHERE {condition}
        ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(skip)s
    """


# Of all sessions and of one node's: two statements each, because their plans have nothing in common.
_OF_NODE = f"{ALIVE} AND node_id = %(node_id)s"
_PAGE, _PAGE_OF_NODE = _page(ALIVE), _page(_OF_NODE)
_COUNT = f"SELECT count(*) FROM sessions_app_session WHERE {ALIVE}"
_POPULATION = f"""
    SELECT (SELECT count(*) FROM sessions_app_session WHERE {ALIVE}),
           (SELECT count(*) FROM sessions_app_session WHERE NOT {ALIVE})
"""
_COUNT_OF_NODE = f"SELECT count(*) FROM sessions_app_session WHERE {_OF_NODE}"
_CONFIG = f"SELECT {ADMISSION}, config FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}"
_EXISTS = f"SELECT node_id, {ALIVE} FROM sessions_app_session WHERE id = %(id)s"

_STM = f"""
    SELECT {ADMISSION}, version, stm_end - stm_start,
        CASE WHEN stm_end - stm_start < {cache.WORTH_CACHING} THEN {_EVENTS} END
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}
"""
_PERCEPT = f"""
    SELECT {ADMISSION}, version, percept::text,
        CASE WHEN seen_emotives_end - seen_emotives_start < {cache.WORTH_CACHING} THEN {_EMOTIVES} END
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE}
"""
# The second look of a request that is admitted already: no check of the expiry (R09). Version and payload come from one
# statement, so from one snapshot: what is cached under that version is that version.
_WHOLE_STM = f"SELECT version, stm_end - stm_start, {_EVENTS} FROM sessions_app_session WHERE id = %(id)s"
_WHOLE_PERCEPT = f"SELECT version, percept::text, {_EMOTIVES} FROM sessions_app_session WHERE id = %(id)s"


def _info(row: tuple[Any, ...]) -> SessionInfo:
    node_id, session_id, created_at, expires_at, metadata, config, seconds_left = row
    return SessionInfo(session_id, node_id, created_at, expires_at, seconds_left, metadata.encode(), from_json(config))


def session(session_id: str) -> SessionInfo:
    """The session, with the seconds it has left as `ttl_seconds`. Raises SessionNotFound."""
    return _info(admitted(session_id, SESSIONS.execute_one(_SESSION, {"id": session_id})))


def own_config(session_id: str) -> dict[str, Any]:
    """What the session itself sets. Raises SessionNotFound."""
    _, config = admitted(session_id, SESSIONS.execute_one(_CONFIG, {"id": session_id}))
    own: dict[str, Any] = from_json(config)
    return own


def existence(session_id: str) -> Existence:
    """Would a request be admitted now? Touches nothing; knows an expired session until its row is deleted."""
    row = None if "\0" in session_id else SESSIONS.execute_one(_EXISTS, {"id": session_id})
    if row is None:
        return Existence(exists=False, expired=False)
    node_id, alive = row
    logs.about(node_id=node_id)
    return Existence(exists=alive, expired=not alive)


def count(*, node_id: str | None = None) -> int:
    """Sessions alive at this moment, of one node or of all, exactly."""
    [(number,)] = SESSIONS.execute(_COUNT if node_id is None else _COUNT_OF_NODE, {"node_id": node_id})
    return int(number)


def population() -> Population:
    [(active, expired)] = SESSIONS.execute(_POPULATION, {})
    return Population(active, expired)


def page(*, skip: int, limit: int, node_id: str | None) -> SessionPage:
    """Sessions alive, newest first, of one node or of all; none of them is touched."""
    page = _PAGE if node_id is None else _PAGE_OF_NODE
    rows = SESSIONS.execute(page, {"skip": skip, "limit": limit, "node_id": node_id})
    return SessionPage([_info(row) for row in rows], count(node_id=node_id))


def short_term_memory(session_id: str) -> ShortTermMemory:
    """Raises SessionNotFound."""
    _, version, length, events = admitted(session_id, SESSIONS.execute_one(_STM, {"id": session_id}))
    if events is not None:
        return ShortTermMemory(b"[%b]" % events.encode(), length)
    cached = cache.get(session_id, version, "stm")
    if cached is not None:
        return ShortTermMemory(cached, length)
    row = SESSIONS.execute_one(_WHOLE_STM, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, length, events = row
    payload = b"[%b]" % events.encode()
    cache.put(session_id, version, "stm", payload)
    return ShortTermMemory(payload, length)


def percept(session_id: str) -> Percept:
    """The last observation, with the mean of all accumulated emotives (engine.md 2.5). Raises SessionNotFound."""
    node_id, version, stored, emotives = admitted(session_id, SESSIONS.execute_one(_PERCEPT, {"id": session_id}))
    if emotives is not None:
        return Percept(current_percept(stored, emotives), node_id)
    cached = cache.get(session_id, version, "percept")
    if cached is not None:
        return Percept(cached, node_id)
    row = SESSIONS.execute_one(_WHOLE_PERCEPT, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, stored, emotives = row
    payload = current_percept(stored, emotives)
    cache.put(session_id, version, "percept", payload)
    return Percept(payload, node_id)


def current_percept(stored: str | None, emotives: str) -> bytes:
    """The percept as clients get it, from the stored part and the accumulated emotives (the inside of a JSON array)."""
    if stored is None:
        return b"{}"
    last = from_json(stored)
    current = mean_emotives(from_json(f"[{emotives}]"))
    return to_json(
        {
            "strings": last["strings"],
            "vectors": last["vectors"],
            "emotives": current,
            "path": [],
            "metadata": last["metadata"],
        }
    )
