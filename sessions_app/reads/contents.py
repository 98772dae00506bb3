"""The contents of a session: its short-term memory and its percept.

Every read asks PostgreSQL first: is the session alive, which version is it, is a touch due? The same round trip
returns a short session's contents. A long session's come from the cache, under the version that PostgreSQL named; on a
miss they come from PostgreSQL, and the cache stores them under the version of the snapshot that they were read in.
"""

from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import from_json, to_json

from engine.observation import mean_emotives
from sessions_app import cache
from sessions_app.admitted import ADMITTED
from sessions_app.errors import SessionNotFound
from sessions_app.models.sessions import Stream
from sessions_app.reads.admission import ADMISSION, admit
from sessions_app.stores import SESSIONS


def window(stream: Stream, start: str, end: str) -> str:
    """SQL for the live entries of a stream, oldest first, as the inside of a JSON array."""
    return f"""(
        SELECT COALESCE(string_agg(value::text, ',' ORDER BY position), '') FROM sessions_app_entry
        WHERE session_id = id AND stream = {stream} AND position > {start} AND position <= {end}
    )"""


STM = window(Stream.EVENTS, "stm_start", "stm_end")
# As of the last observation: learning empties the STM and the accumulators, the percept and its predictions stay.
SEEN_EVENTS = window(Stream.EVENTS, "seen_start", "seen_end")
SEEN_EMOTIVES = window(Stream.EMOTIVES, "seen_emotives_start", "seen_emotives_end")

# The contents are NULL where the session is long enough for the cache.
_STM = f"""
    SELECT {ADMISSION}, version, stm_end - stm_start AS length,
        CASE WHEN stm_end - stm_start < {cache.WORTH_CACHING} THEN {STM} END AS events
    FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}
"""
_PERCEPT = f"""
    SELECT {ADMISSION}, version, percept::text,
        CASE WHEN seen_emotives_end - seen_emotives_start < {cache.WORTH_CACHING} THEN {SEEN_EMOTIVES} END AS emotives
    FROM sessions_app_session WHERE id = %(id)s AND {ADMITTED}
"""
# For a request that is admitted already, so without a check of the expiry (R09). Version and contents come from one
# statement and so from one snapshot: what the cache stores under a version is the contents of that version.
_LONG_STM = f"SELECT version, stm_end - stm_start, {STM} FROM sessions_app_session WHERE id = %(id)s"
_LONG_PERCEPT = f"SELECT version, percept::text, {SEEN_EMOTIVES} FROM sessions_app_session WHERE id = %(id)s"


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


class _StmRow(NamedTuple):
    touch_due: bool
    node_id: str
    contract: str | None
    version: int
    length: int
    events: str | None


class _PerceptRow(NamedTuple):
    touch_due: bool
    node_id: str
    contract: str | None
    version: int
    percept: str | None
    emotives: str | None


def short_term_memory(session_id: str) -> ShortTermMemory:
    """Raises SessionNotFound."""
    found = admit(session_id, _STM, _StmRow._make)
    if found.events is not None:
        return ShortTermMemory(b"[%b]" % found.events.encode(), found.length)
    cached = cache.get(session_id, found.version, "stm")
    if cached is not None:
        return ShortTermMemory(cached, found.length)
    row = SESSIONS.execute_one(_LONG_STM, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, length, events = row
    payload = b"[%b]" % events.encode()
    cache.put(session_id, version, "stm", payload)
    return ShortTermMemory(payload, length)


def percept(session_id: str) -> Percept:
    """The last observation, with the mean of all accumulated emotives (engine.md 2.5). Raises SessionNotFound."""
    found = admit(session_id, _PERCEPT, _PerceptRow._make)
    if found.emotives is not None:
        return Percept(current_percept(found.percept, found.emotives), found.node_id)
    cached = cache.get(session_id, found.version, "percept")
    if cached is not None:
        return Percept(cached, found.node_id)
    row = SESSIONS.execute_one(_LONG_PERCEPT, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    version, stored, emotives = row
    payload = current_percept(stored, emotives)
    cache.put(session_id, version, "percept", payload)
    return Percept(payload, found.node_id)


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
