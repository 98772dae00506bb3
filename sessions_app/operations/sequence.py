"""Observing many at once: all of a sequence or nothing, in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic_core import from_json

from engine.observation import make_event
from katoproject.postgresql.statements import execute, execute_one
from sessions_app import cache
from sessions_app.config import effective
from sessions_app.errors import NotSupportedYet, SessionNotFound
from sessions_app.expiry import ALIVE, RELEASED_DEADLINE
from sessions_app.models import Stream
from sessions_app.operations.observation import Observation, Observed, percept_text, trim
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, STREAM_LIMIT, json_text


@dataclass(frozen=True, slots=True)
class SequenceObserved:
    node_id: str
    initial_stm_length: int
    final_stm_length: int
    results: list[Observed]


class Window:
    """The live part (start, end] of one stream while a sequence runs, and the entries appended to it."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self._appended: list[tuple[int, Any]] = []

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, value: Any) -> None:
        self.end += 1
        self.start = max(self.start, self.end - STREAM_LIMIT)
        self._appended.append((self.end, value))

    def clear(self) -> None:
        self.start = self.end

    def survivors(self) -> Iterable[tuple[int, Any]]:
        """Appended entries that are still inside: only these need a row."""
        return (entry for entry in self._appended if entry[0] > self.start)


_LOCK = f"""
    SELECT node_id, config, time, stm_start, stm_end, emotives_start, emotives_end, metadata_start, metadata_end
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE} FOR UPDATE
"""
_APPEND = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT %(id)s, entry.stream, entry.position, entry.value::json
    FROM unnest(%(streams)s::smallint[], %(positions)s::bigint[], %(values)s::text[]) AS entry (stream, position, value)
"""
# No check of the expiry here: the session was admitted when it was locked (R09).
_SAVE = f"""
    UPDATE sessions_app_session SET
        version = {NEXT_VERSION}, time = %(time)s, percept = %(percept)s::json, expires_at = {RELEASED_DEADLINE},
        stm_start = %(stm_start)s, stm_end = %(stm_end)s,
        emotives_start = %(emotives_start)s, emotives_end = %(emotives_end)s,
        metadata_start = %(metadata_start)s, metadata_end = %(metadata_end)s
    WHERE id = %(id)s
    RETURNING {CACHED_VERSION}
"""


@transaction.atomic
def observe_sequence(
    *, session_id: str, observations: list[Observation], clear_stm_between: bool = False
) -> SequenceObserved:
    """Append observations in order; `clear_stm_between` empties the STM before each but the first (engine.md 2.7).

    An empty list changes nothing. Raises SessionNotFound; NotSupportedYet as `observe` does.
    """
    row = execute_one(_LOCK, {"id": session_id})
    if row is None:
        raise SessionNotFound(session_id)
    node_id, own_config, time = row[:3]
    stm, emotives, metadata = Window(*row[3:5]), Window(*row[5:7]), Window(*row[7:9])
    config = effective(from_json(own_config))
    initial_length = len(stm)
    results: list[Observed] = []
    for position, observation in enumerate(observations):
        if clear_stm_between and position:
            stm.clear()
        if observation.strings:
            if 0 < config["max_pattern_length"] <= len(stm) + 1:
                raise NotSupportedYet(
                    "auto_learning", "max_pattern_length is reached, and learning is not supported yet"
                )
            stm.append(make_event(observation.strings, sort_symbols=config["sort_symbols"]))
        if observation.emotives:
            emotives.append(observation.emotives)
        if observation.metadata:
            metadata.append(observation.metadata)
        time += 1
        results.append(Observed(observation.unique_id, len(stm), time))
    if observations:
        windows = {Stream.EVENTS: stm, Stream.EMOTIVES: emotives, Stream.METADATA: metadata}
        _save(session_id, time, percept_text(observations[-1]), windows)
    return SequenceObserved(node_id, initial_length, len(stm), results)


def _save(session_id: str, time: int, percept: str, windows: dict[Stream, Window]) -> None:
    entries = [
        (stream.value, position, json_text(value))
        for stream, window in windows.items()
        for position, value in window.survivors()
    ]
    if entries:
        streams, positions, values = (list(column) for column in zip(*entries, strict=True))
        execute(_APPEND, {"id": session_id, "streams": streams, "positions": positions, "values": values})
    stm, emotives, metadata = windows[Stream.EVENTS], windows[Stream.EMOTIVES], windows[Stream.METADATA]
    [(cached_version,)] = execute(
        _SAVE,
        {
            "id": session_id,
            "time": time,
            "percept": percept,
            "stm_start": stm.start,
            "stm_end": stm.end,
            "emotives_start": emotives.start,
            "emotives_end": emotives.end,
            "metadata_start": metadata.start,
            "metadata_end": metadata.end,
        },
    )
    cache.forget_on_commit(session_id, cached_version)
    trim(session_id)
