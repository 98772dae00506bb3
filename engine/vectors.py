"""Vectors of an observation and the symbols that stand for them (engine.md 2.3 and appendix A)."""

from collections.abc import Iterable, Sequence
from functools import reduce
from hashlib import sha1

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

VECTOR_PREFIX = "VCTR|"
NEIGHBOURS = 3
"""How many stored vectors, the nearest ones in Euclidean distance, lend their names to an observed vector."""

_LONGEST_PRINTED = 1000


class VectorLengthMismatch(ValueError):
    """The vectors of one observation have different lengths."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"vectors of one observation must have the same length: {expected} and {actual}")
        self.expected = expected
        self.actual = actual


def sum_vectors(vectors: Sequence[Sequence[float]]) -> Vector:
    """The one vector that an observation of `vectors` (at least one) stands for: added element by element.

    A vector of length 1 is broadcast over the other length. Raises VectorLengthMismatch for other differences.
    """
    return reduce(_add, (np.asarray(vector, dtype=np.float64) for vector in vectors))


def _add(total: Vector, vector: Vector) -> Vector:
    if len(total) != len(vector) and 1 not in (len(total), len(vector)):
        raise VectorLengthMismatch(len(total), len(vector))
    return total + vector


def vector_name(vector: Vector) -> str:
    """`VCTR|` + SHA-1 of the text NumPy prints for the vector; above 1000 elements, of all its bytes (D30)."""
    data = _printed(vector).encode() if len(vector) <= _LONGEST_PRINTED else vector.astype("<f8").tobytes()
    return VECTOR_PREFIX + sha1(data).hexdigest()


def vector_symbols(own_name: str, neighbours: Iterable[str]) -> list[str]:
    """The symbols of an observed vector: its own name and those of its nearest stored neighbours, sorted."""
    return sorted({own_name, *neighbours})


def _printed(vector: Vector) -> str:
    # Every option is given: a changed np.set_printoptions elsewhere must not change names.
    return np.array2string(
        vector,
        precision=8,
        threshold=_LONGEST_PRINTED,
        edgeitems=3,
        max_line_width=75,
        suppress_small=False,
        floatmode="maxprec",
        sign="-",
        separator=" ",
        legacy=False,
    )
