"""Observing a sequence: all of it or nothing, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from memory_app.errors import VectorDimensionError
from memory_app.vectors import NEIGHBOUR_SECONDS
from sessions_app.errors import TooMuchLearning
from sessions_app.limits import MAX_LEARNED, MOST_CHARACTERS_LEARNED
from sessions_app.observations import Observation, Observed
from sessions_app.operations.changes import touch
from sessions_app.operations.locked_session import LockedSession


@dataclass(frozen=True, slots=True)
class SequenceObserved:
    """`auto_learned_patterns`: all learned names, in order; "" where the STM had too few symbols."""

    node_id: str
    initial_stm_length: int
    final_stm_length: int
    results: list[Observed]
    auto_learned_patterns: list[str]
    final_learned_pattern: str | None


@transaction.atomic
def observe_sequence(
    *,
    session_id: str,
    observations: list[Observation],
    clear_stm_between: bool = False,
    learn_after_each: bool = False,
    learn_at_end: bool = False,
    neighbour_seconds: float = NEIGHBOUR_SECONDS,
) -> SequenceObserved:
    """Append observations in order (engine.md 2.7).

    `clear_stm_between` empties the STM before each but the first; `learn_after_each` and `learn_at_end` learn it where
    it is not empty. An empty list is an access that changes nothing else. neighbour_seconds: how long finding the
    neighbours of vectors may take. Raises SessionNotFound; VectorDimensionError, with the position of the observation
    whose vector it is, VectorsNotAvailable, NeighboursTakeTooLong, TooMuchLearning, TooManyAffinities, PatternTooLarge
    and SessionTooLarge.
    """
    with _observation_index_in_errors(observations):
        session = LockedSession(session_id)
        session.vectors.expect((one.vector for one in observations if one.vector), seconds=neighbour_seconds)
        initial_length = len(session.stm)
        results: list[Observed] = []
        learned: list[str] = []
        final: str | None = None
        for position, observation in enumerate(observations):
            if clear_stm_between and position:
                session.stm.clear()
            auto_learned = session.observe(observation)
            # Each of many observations may make a session in ROLLING mode learn a thousand events again.
            if session.learned_symbols > MAX_LEARNED or session.learned_characters > MOST_CHARACTERS_LEARNED:
                raise TooMuchLearning(symbols=MAX_LEARNED, characters=MOST_CHARACTERS_LEARNED)
            if learn_after_each and len(session.stm):
                learned.append(session.learn())
            if auto_learned:
                learned.append(auto_learned)
            results.append(Observed(observation.unique_id, len(session.stm), session.time, auto_learned))
        if observations:
            if learn_at_end and len(session.stm):
                final = session.learn()
                learned.append(final)
            session.save()
        else:
            touch(session_id=session_id)
    return SequenceObserved(session.node_id, initial_length, len(session.stm), results, learned, final)


@contextmanager
def _observation_index_in_errors(observations: list[Observation]) -> Iterator[None]:
    try:
        yield
    except VectorDimensionError as error:
        names = [one.vector.name if one.vector else None for one in observations]
        # A vector that is not among them has been waiting since an earlier request.
        error.observation_index = names.index(error.vector_name) if error.vector_name in names else None
        raise
