"""Training a node with many sequences at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

import memory_app.operations.patterns
from engine.lesson import Lesson
from foundation import contracts
from memory_app.vectors import NodeVectors
from sessions_app.config import effective
from sessions_app.errors import TooMuchLearning
from sessions_app.limits import MOST_CHARACTERS_LEARNED, MOST_TRAINED
from sessions_app.observations import Observation
from sessions_app.operations.session_state import SessionState


@transaction.atomic
def train(*, node_id: str, config: Mapping[str, Any], sequences: Sequence[list[Observation]]) -> int:
    """Let the node learn sequences, all or none; returns how many patterns were learned, repetitions counted.

    Each sequence is observed and learned in a new session in memory, with the configuration `config` (from
    `config.validate`), so the node learns exactly what real sessions would teach it. A few statements store all of
    it. Raises VectorDimensionError, VectorsNotAvailable, TooMuchLearning, TooManyAffinities, PatternTooLarge.
    """
    own = {key: value for key, value in config.items() if value is not None}
    in_force = effective(own, contract=contracts.default())  # what differs between contracts is about predictions
    lessons: list[Lesson] = []
    vectors = NodeVectors(node_id, most=in_force["vector_search_limit"])
    vectors.expect(one.vector for observations in sequences for one in observations if one.vector)
    for observations in sequences:
        session = SessionState(node_id, in_force, vectors)
        for observation in observations:
            session.observe(observation)
            if session.learned_symbols > MOST_TRAINED or session.learned_characters > MOST_CHARACTERS_LEARNED:
                raise TooMuchLearning(symbols=MOST_TRAINED, characters=MOST_CHARACTERS_LEARNED)
        if len(session.stm):
            session.learn()
        lessons += session.lessons
    memory_app.operations.patterns.learn(
        node_id=node_id, lessons=lessons, persistence=in_force["persistence"], vectors=vectors
    )
    return len(lessons)
