"""Adding and naming the vectors of an observation (engine.md 2.3 and appendix A)."""

from collections.abc import Sequence
from functools import reduce
from hashlib import sha1

import numpy as np
import numpy.typing as npt

from engine.named_vectors import VECTOR_PREFIX, NamedVector
from engine.vector_text import printed

Vector = npt.NDArray[np.float64]

_LONGEST_PRINTED = 1000


class DimensionMismatch(ValueError):
    """The vectors of one observation differ in length, and neither has length 1."""

    def __init__(self, vector: NamedVector, *, expected: int) -> None:
        super().__init__(f"expected {expected}, got {vector.dimension} ({vector.name})")
        self.vector = vector
        self.expected = expected


def named(vector: Vector) -> NamedVector:
    """The vector with its name."""
    return NamedVector(vector_name(vector), vector.tolist())


def sum_vectors(vectors: Sequence[Sequence[float]]) -> Vector:
    """The sum of the vectors of one observation, of which there is at least one, element by element.

    A vector of length 1 is broadcast to the length of the other. Raises DimensionMismatch if lengths differ.
    """
    with np.errstate(over="ignore"):  # the caller rejects a sum that is not finite
        return reduce(_add, (np.asarray(vector, dtype=np.float64) for vector in vectors))


def _add(total: Vector, vector: Vector) -> Vector:
    if len(total) != len(vector) and 1 not in (len(total), len(vector)):
        raise DimensionMismatch(named(vector), expected=len(total))
    return total + vector


def vector_name(vector: Vector) -> str:
    """`VCTR|` and the SHA-1 of the text that NumPy prints; above 1000 elements, of all bytes of the vector (D30)."""
    data = printed(vector).encode() if len(vector) <= _LONGEST_PRINTED else vector.astype("<f8").tobytes()
    return VECTOR_PREFIX + sha1(data).hexdigest()
