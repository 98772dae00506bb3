"""From an observation as it was sent to one that can be observed."""

import uuid

import numpy as np

from engine.vectors import DimensionMismatch, NamedVector, named, sum_vectors
from foundation.errors import InvalidRequest
from memory_app.errors import VectorDimensionError
from memory_app.vector_table import LARGEST_NUMBER
from sessions_app.observations import Observation
from sessions_app.shapes import bodies


def make_observation(given: bodies.ObservationInput, prefix: str, *location: str | int) -> Observation:
    """`location`: where in the body it is. Raises VectorDimensionError, InvalidRequest."""
    return Observation(
        strings=given.strings,
        vectors=given.vectors,
        vector=_vector(given.vectors, location) if given.vectors else None,
        emotives=given.emotives,
        metadata=given.metadata,
        unique_id=given.unique_id if given.unique_id is not None else f"{prefix}{uuid.uuid4().hex}",
    )


def make_untold_observation(event: list[str] | bodies.ObservationInput) -> Observation:
    """One of a training run. Raises as `make_observation`."""
    # Nobody is told their ids; making those, and a whole input of mere symbols, would cost as much as all the rest.
    if isinstance(event, list):
        return Observation(strings=event, vectors=[], vector=None, emotives={}, metadata={}, unique_id="")
    event.unique_id = ""
    return make_observation(event, "")


def make_observations(given: list[bodies.ObservationInput]) -> list[Observation]:
    """Those of a sequence. Raises as `make_observation`."""
    made = []
    for position, item in enumerate(given):
        try:
            made.append(make_observation(item, "seq-obs-", "observations", position))
        except VectorDimensionError as error:
            error.observation_index = position
            raise
    return made


def _vector(given: list[list[float]], location: tuple[str | int, ...]) -> NamedVector:
    try:
        total = sum_vectors(given)
    except DimensionMismatch as error:
        raise VectorDimensionError(error.vector, expected=error.expected) from None
    if np.abs(total).max() > LARGEST_NUMBER:
        problem = {
            "type": "vector_out_of_range",
            "loc": ["body", *location, "vectors"],
            "msg": f"Elements of the sum of the vectors should be between {-LARGEST_NUMBER} and {LARGEST_NUMBER}",
            "input": given,
        }
        raise InvalidRequest([problem])
    return named(total)
