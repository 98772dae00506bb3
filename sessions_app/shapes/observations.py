"""Making an Observation from a request body."""

import uuid

from engine.named_vectors import NamedVector
from memory_app.errors import VectorDimensionError
from sessions_app.observations import Observation
from sessions_app.shapes import bodies


def make_observation(given: bodies.ObservationInput, prefix: str, *location: str | int) -> Observation:
    """`location`: its path in the body, for errors. Raises VectorDimensionError, InvalidRequest."""
    return Observation(
        strings=given.strings,
        vectors=given.vectors,
        vector=_vector(given.vectors, location) if given.vectors else None,
        emotives=given.emotives,
        metadata=given.metadata,
        unique_id=given.unique_id if given.unique_id is not None else f"{prefix}{uuid.uuid4().hex}",
    )


def make_training_observation(event: list[str] | bodies.ObservationInput) -> Observation:
    """One of a training run, without an id. Raises as `make_observation`."""
    # No client sees these ids. Making them, and an input object for plain symbols, would double the cost.
    if isinstance(event, list):
        return Observation(strings=event, vectors=[], vector=None, emotives={}, metadata={}, unique_id="")
    event.unique_id = ""
    return make_observation(event, "")


def make_observations(given: list[bodies.ObservationInput]) -> list[Observation]:
    """The observations of a sequence. Raises as `make_observation`."""
    made = []
    for position, item in enumerate(given):
        try:
            made.append(make_observation(item, "seq-obs-", "observations", position))
        except VectorDimensionError as error:
            error.observation_index = position
            raise
    return made


def _vector(given: list[list[float]], location: tuple[str | int, ...]) -> NamedVector:
    # Loads NumPy, which few observations need, and few of the commands that import this module.
    from sessions_app.shapes.vectors import named_sum

    return named_sum(given, location)
