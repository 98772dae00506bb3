"""A session under its row lock, for what needs more than one statement: sequences and learning."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

import memory_app.learning
from engine.learning import Lesson, prepare_lesson
from engine.naming import PATTERN_PREFIX
from engine.observation import make_event
from engine.stm import STM_LIMIT, auto_learn
from engine.vectors import NamedVector, VectorDimensionError, vector_symbols
from katoproject.postgresql.statements import execute, execute_one
from memory_app.vectors import NodeVectors
from sessions_app import cache
from sessions_app.config import effective
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import ALIVE, TOUCHED_DEADLINE
from sessions_app.models import Stream
from sessions_app.observations import Observation, percept_text
from sessions_app.operations.sql import CACHED_VERSION, NEXT_VERSION, json_text, trim_if_due

_LOCK = f"""
    SELECT node_id, config, time, percept::text, stm_start, stm_end, emotives_start, emotives_end,
        metadata_start, metadata_end, vectors_start, vectors_end,
        seen_start, seen_end, seen_emotives_start, seen_emotives_end
    FROM sessions_app_session WHERE id = %(id)s AND {ALIVE} FOR UPDATE
"""
# A statement after the lock, because one that waited for the lock itself would miss what was committed meanwhile.
_ENTRIES = f"""
    SELECT stream.number, entry.position, entry.value::text
    FROM (VALUES
        ({Stream.EVENTS}, %(events)s::bigint), ({Stream.EMOTIVES}, %(emotives)s), ({Stream.METADATA}, %(metadata)s),
        ({Stream.VECTORS}, %(vectors)s)
    ) AS stream (number, start)
    JOIN LATERAL (
        SELECT position, value FROM sessions_app_entry AS stored
        WHERE session_id = %(id)s AND stored.stream = stream.number AND position > stream.start
    ) AS entry ON true
"""
_LAST_WAITING = f"""
    SELECT value::text FROM sessions_app_entry
    WHERE session_id = %(id)s AND stream = {Stream.VECTORS} AND position = %(position)s
"""
_APPEND = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT %(id)s, entry.stream, entry.position, entry.value::json
    FROM unnest(%(streams)s::smallint[], %(positions)s::bigint[], %(values)s::text[]) AS entry (stream, position, value)
"""
# No check of the expiry here: the session was admitted when it was locked (R09).
_SAVE = f"""
    UPDATE sessions_app_session SET
        version = {NEXT_VERSION}, time = %(time)s, percept = %(percept)s::json, expires_at = {TOUCHED_DEADLINE},
        stm_start = %(stm_start)s, stm_end = %(stm_end)s,
        emotives_start = %(emotives_start)s, emotives_end = %(emotives_end)s,
        metadata_start = %(metadata_start)s, metadata_end = %(metadata_end)s,
        vectors_start = %(vectors_start)s, vectors_end = %(vectors_end)s,
        seen_start = %(seen_start)s, seen_end = %(seen_end)s,
        seen_emotives_start = %(seen_emotives_start)s, seen_emotives_end = %(seen_emotives_end)s
    WHERE id = %(id)s
    RETURNING {CACHED_VERSION}
"""


class Window:
    """The live part (start, end] of one stream, at most `limit` long, and the entries that are known of it."""

    def __init__(self, start: int, end: int, *, limit: int | None = STM_LIMIT) -> None:
        self.start = start
        self.end = end
        self.limit = limit
        self.stored_end = end
        self._entries: dict[int, Any] = {}

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, value: Any) -> None:
        self.end += 1
        if self.limit is not None:
            self.start = max(self.start, self.end - self.limit)
        self._entries[self.end] = value

    def clear(self, *, keep: int = 0) -> None:
        self.start = self.end - keep

    def load(self, position: int, value: Any) -> None:
        self._entries[position] = value

    def knows_last(self) -> bool:
        return self.end in self._entries

    def last(self) -> Any:
        return self._entries[self.end]

    def values(self) -> list[Any]:
        return [self._entries[position] for position in range(self.start + 1, self.end + 1)]

    def appended_from(self, first: int) -> Iterator[tuple[int, Any]]:
        """New entries from a position on: only what is still needed gets a row."""
        return (
            (position, self._entries[position]) for position in range(max(first, self.stored_end + 1), self.end + 1)
        )


class LockedSession:
    """One session, locked for the rest of the transaction. Change it in memory, then `save` once.

    Raises SessionNotFound.
    """

    def __init__(self, session_id: str) -> None:
        row = execute_one(_LOCK, {"id": session_id})
        if row is None:
            raise SessionNotFound(session_id)
        self.id = session_id
        self.node_id: str = row[0]
        self.config = effective(from_json(row[1]))
        self.time: int = row[2]
        self._percept: str | None = row[3]
        self.stm, self._emotives, self._metadata = Window(*row[4:6]), Window(*row[6:8]), Window(*row[8:10])
        self._waiting = Window(*row[10:12], limit=None)
        self._seen: tuple[int, int, int, int] = row[12:16]
        self._loaded = False
        self._lessons: list[Lesson] = []
        self._vectors = NodeVectors(self.node_id)

    def observe(self, observation: Observation) -> str | None:
        """Append one observation; answers the name of the pattern that it made the session learn, if any (3.2).

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        symbols = self._symbols_of(observation.vector) if observation.vector else ()
        event = make_event(observation.strings, sort_symbols=self.config["sort_symbols"], vector_symbols=symbols)
        if event:
            self.stm.append(event)
        if observation.emotives:
            self._emotives.append(observation.emotives)
        if observation.metadata:
            self._metadata.append(observation.metadata)
        self.time += 1
        self._percept = percept_text(observation)
        predicts = event and self.config["process_predictions"]
        self._seen = (
            self.stm.start if predicts else self.stm.end,
            self.stm.end,
            self._emotives.start,
            self._emotives.end,
        )
        return self._learn_if_due() if event else None

    def _symbols_of(self, vector: NamedVector) -> list[str]:
        """The vector's symbols (2.3); it waits from now on."""
        neighbours = self._vectors.nearest(vector)
        waits = self._last_waiting() if self._vectors.dimension is None else None
        if waits and waits.dimension != vector.dimension:
            raise VectorDimensionError(vector, expected=waits.dimension)
        self._waiting.append(vector)
        return vector_symbols(vector.name, neighbours)

    def _learn_if_due(self) -> str | None:
        length = self.config["max_pattern_length"]
        if not 0 < length <= len(self.stm):
            return None
        self._load()
        due = auto_learn(self.stm.values(), max_pattern_length=length, stm_mode=self.config["stm_mode"])
        assert due is not None
        return self.learn(keep=len(due.remaining)) or None

    def learn(self, *, keep: int = 0) -> str:
        """Learn the STM; answers `PTRN|` + name, or "" where there are fewer than two symbols (4.1).

        The STM is emptied but for the last `keep` events, the accumulators are consumed (D09, D10). Vectors that wait
        are learned in either case (2.3). Raises VectorDimensionError.
        """
        self._load()
        self._vectors.learn(self._waiting.values())
        self._waiting.clear()
        lesson = prepare_lesson(self.stm.values(), emotives=self._emotives.values(), metadata=self._metadata.values())
        self.stm.clear(keep=keep)
        self._emotives.clear()
        self._metadata.clear()
        if lesson is None:
            return ""
        self._lessons.append(lesson)
        return PATTERN_PREFIX + lesson.name

    def _last_waiting(self) -> NamedVector | None:
        if not len(self._waiting):
            return None
        if not self._waiting.knows_last():
            [(value,)] = execute(_LAST_WAITING, {"id": self.id, "position": self._waiting.end})
            self._waiting.load(self._waiting.end, NamedVector(**from_json(value)))
        last: NamedVector = self._waiting.last()
        return last

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        windows = {
            Stream.EVENTS: self.stm,
            Stream.EMOTIVES: self._emotives,
            Stream.METADATA: self._metadata,
            Stream.VECTORS: self._waiting,
        }
        starts = {stream.name.lower(): window.start for stream, window in windows.items()}
        for stream, position, value in execute(_ENTRIES, {"id": self.id, **starts}):
            content = from_json(value)
            windows[stream].load(position, NamedVector(**content) if stream == Stream.VECTORS else content)

    def save(self) -> None:
        """Write what was appended and changed, and teach the node what was learned."""
        self._append_entries()
        [(cached_version,)] = execute(
            _SAVE,
            {
                "id": self.id,
                "time": self.time,
                "percept": self._percept,
                "stm_start": self.stm.start,
                "stm_end": self.stm.end,
                "emotives_start": self._emotives.start,
                "emotives_end": self._emotives.end,
                "metadata_start": self._metadata.start,
                "metadata_end": self._metadata.end,
                "vectors_start": self._waiting.start,
                "vectors_end": self._waiting.end,
                "seen_start": self._seen[0],
                "seen_end": self._seen[1],
                "seen_emotives_start": self._seen[2],
                "seen_emotives_end": self._seen[3],
            },
        )
        memory_app.learning.learn(
            node_id=self.node_id,
            lessons=self._lessons,
            persistence=self.config["persistence"],
            vectors=self._vectors,
        )
        cache.forget_on_commit(self.id, cached_version)
        streams = (self.stm, self._emotives, self._metadata, self._waiting)
        trim_if_due(self.id, sum(one.stored_end for one in streams), sum(one.end for one in streams))

    def _append_entries(self) -> None:
        needed_from = {
            Stream.EVENTS: (self.stm, min(self.stm.start, self._seen[0])),
            Stream.EMOTIVES: (self._emotives, min(self._emotives.start, self._seen[2])),
            Stream.METADATA: (self._metadata, self._metadata.start),
            Stream.VECTORS: (self._waiting, self._waiting.start),
        }
        entries = [
            (stream.value, position, json_text(value))
            for stream, (window, start) in needed_from.items()
            for position, value in window.appended_from(start + 1)
        ]
        if entries:
            streams, positions, values = (list(column) for column in zip(*entries, strict=True))
            execute(_APPEND, {"id": self.id, "streams": streams, "positions": positions, "values": values})


class PassingSession(LockedSession):
    """A new session that is not stored anywhere."""

    def __init__(self, node_id: str, config: dict[str, Any], vectors: NodeVectors) -> None:
        self.id, self.node_id, self.config, self.time = "", node_id, config, 0
        self.stm, self._emotives, self._metadata = Window(0, 0), Window(0, 0), Window(0, 0)
        self._waiting, self._vectors = Window(0, 0, limit=None), vectors
        self._loaded = True
        self._lessons = []

    @property
    def lessons(self) -> list[Lesson]:
        return self._lessons
