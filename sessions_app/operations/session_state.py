"""How observing and learning change a session, in memory."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from engine.lesson import Lesson, prepare_lesson
from engine.named_vectors import NamedVector, vector_symbols
from engine.naming import PATTERN_PREFIX
from engine.observation import make_event
from engine.stm import STM_LIMIT, auto_learn
from memory_app.errors import TooManyAffinities, VectorDimensionError
from memory_app.vectors import NodeVectors
from sessions_app.config.rules import SELF_ONLY
from sessions_app.limits import MOST_AFFINITIES
from sessions_app.observations import Observation, VectorSearch


class Window:
    """The live part (start, end] of one stream, at most `limit` long, with those of its entries that are loaded."""

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

    def has_last(self) -> bool:
        return self.end in self._entries

    def last(self) -> Any:
        return self._entries[self.end]

    def values(self) -> list[Any]:
        return [self._entries[position] for position in range(self.start + 1, self.end + 1)]

    def appended_from(self, first: int) -> Iterator[tuple[int, Any]]:
        """New entries from a position on: one that has already left every window needs no row."""
        return (
            (position, self._entries[position]) for position in range(max(first, self.stored_end + 1), self.end + 1)
        )


class SessionState:
    """A new session of a node, with `config` in force. `lessons` and `vectors` collect what the node has to learn."""

    def __init__(self, node_id: str, config: dict[str, Any], vectors: NodeVectors) -> None:
        self.node_id = node_id
        self.config = config
        self.time = 0
        self.observed: Observation | None = None  # the last one
        self.stm, self.emotives, self.metadata = Window(0, 0), Window(0, 0), Window(0, 0)
        self.waiting = Window(0, 0, limit=None)
        # The windows that the last observation saw, before any learning.
        self.seen_start = self.seen_end = self.seen_emotives_start = self.seen_emotives_end = 0
        self.lessons: list[Lesson] = []
        self.learned_symbols = self.learned_affinities = self.learned_characters = 0
        self.vectors = vectors
        # Of the last observation, where it had a vector and the configuration asks for it.
        self.vector_search: VectorSearch | None = None

    def observe(self, observation: Observation) -> str | None:
        """Append one observation; returns the name of the pattern that it made the session learn, if any (3.2).

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        self.vector_search = None
        symbols = self._symbols_of(observation.vector) if observation.vector else ()
        event = make_event(observation.strings, sort_symbols=self.config["sort_symbols"], vector_symbols=symbols)
        if event:
            self.stm.append(event)
        if observation.emotives:
            self.emotives.append(observation.emotives)
        if observation.metadata:
            self.metadata.append(observation.metadata)
        self.time += 1
        self.observed = observation
        predicts = event and self.config["process_predictions"]
        self.seen_start, self.seen_end = self.stm.start if predicts else self.stm.end, self.stm.end
        self.seen_emotives_start, self.seen_emotives_end = self.emotives.start, self.emotives.end
        return self._learn_if_due() if event else None

    def _symbols_of(self, vector: NamedVector) -> list[str]:
        """The vector's symbols (2.3; kato-6.md 4). Adds the vector to those that wait to be learned."""
        searches = self.config["vector_event_mode"] != SELF_ONLY
        if searches:
            neighbours = self.vectors.search(vector)
        else:
            self.vectors.check(vector)
            neighbours = []
        waits = self.last_waiting() if self.vectors.dimension is None else None
        if waits and waits.dimension != vector.dimension:
            raise VectorDimensionError(vector, expected=waits.dimension)
        self.waiting.append(vector)
        if self.config["return_vector_search_results"]:
            found = [(neighbour.name, neighbour.distance) for neighbour in neighbours]
            limit = self.config["vector_search_limit"]
            self.vector_search = VectorSearch(vector.name, requested_limit=limit, performed=searches, found=found)
        return vector_symbols(vector.name, (neighbour.name for neighbour in neighbours))

    def _learn_if_due(self) -> str | None:
        length = self.config["max_pattern_length"]
        if not 0 < length <= len(self.stm):
            return None
        self.load()
        due = auto_learn(self.stm.values(), max_pattern_length=length, stm_mode=self.config["stm_mode"])
        assert due is not None
        return self.learn(keep=len(due.remaining)) or None

    def learn(self, *, keep: int = 0) -> str:
        """Learn the STM; returns `PTRN|` + name, or "" where there are fewer than two symbols (4.1).

        Empties the STM except for the last `keep` events, and the accumulators (D09, D10). Learns the waiting vectors
        in either case (2.3). Raises VectorDimensionError, TooManyAffinities.
        """
        self.load()
        self.vectors.learn(self.waiting.values())
        self.waiting.clear()
        lesson = prepare_lesson(self.stm.values(), emotives=self.emotives.values(), metadata=self.metadata.values())
        self.stm.clear(keep=keep)
        self.emotives.clear()
        self.metadata.clear()
        if lesson is None:
            return ""
        self.lessons.append(lesson)
        self._count(lesson)
        return PATTERN_PREFIX + lesson.name

    def _count(self, lesson: Lesson) -> None:
        self.learned_symbols += lesson.length
        self.learned_characters += sum(map(len, chain.from_iterable(lesson.events)))
        if not lesson.affinities:
            return
        self.learned_affinities += len(lesson.symbol_counts) * len(lesson.affinities)
        if self.learned_affinities > MOST_AFFINITIES:
            raise TooManyAffinities(limit=MOST_AFFINITIES, pairs=self.learned_affinities)

    def last_waiting(self) -> NamedVector | None:
        """The last observed vector, if it waits to be learned."""
        last: NamedVector | None = self.waiting.last() if len(self.waiting) else None
        return last

    def load(self) -> None:
        """Load the stored entries of this session. A new session has none."""
