"""Making the one vector of an observation from those of a request body."""

import numpy as np

from engine.named_vectors import NamedVector
from engine.vectors import DimensionMismatch, named, sum_vectors
from foundation.errors import InvalidRequest
from memory_app.errors import VectorDimensionError
from memory_app.vector_table import LARGEST_NUMBER


def named_sum(given: list[list[float]], location: tuple[str | int, ...]) -> NamedVector:
    """`location`: of the observation in the body, for errors. Raises VectorDimensionError, InvalidRequest."""
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
