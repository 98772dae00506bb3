"""Teaching a node many sequences at once."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

import memory_app.operations.patterns
from engine.lesson import Lesson
from memory_app.vectors import NodeVectors
from sessions_app.config import effective
from sessions_app.observations import Observation
from sessions_app.operations.state import SessionState


@transaction.atomic
def train(*, node_id: str, config: Mapping[str, Any], sequences: Iterable[list[Observation]]) -> int:
    """Let the node learn sequences, all or none; answers how many patterns were learned, repetitions counted.

    Each is observed and then learned in a session of its own that exists only here, with the configuration `config`
    (from `config.validate`): what the node knows afterwards is what it would know from real ones. It is learned with a
    few statements for all; only what vectors are near is asked for each time. Raises VectorDimensionError,
    VectorsNotAvailable.
    """
    in_force = effective({key: value for key, value in config.items() if value is not None})
    lessons: list[Lesson] = []
    vectors = NodeVectors(node_id)
    for observations in sequences:
        session = SessionState(node_id, in_force, vectors)
        for observation in observations:
            session.observe(observation)
        if len(session.stm):
            session.learn()
        lessons += session.lessons
    memory_app.operations.patterns.learn(
        node_id=node_id, lessons=lessons, persistence=in_force["persistence"], vectors=vectors
    )
    return len(lessons)
