"""Joining the texts of many objects to one JSON array."""

import numpy as np

from engine.arrays import Bytes, Ints
from engine.kernels.compiler import compiled, inlined
from engine.kernels.copying import copy_bytes

OPENING, CLOSING = b"[]"


@compiled
def join_fields(literals: Bytes, literal_ends: Ints, texts: Bytes, starts: Ints, ends: Ints) -> Bytes:
    """The array of the objects, of which there is at least one.

    starts, ends: shape (fields, objects). Field n of object k is texts[starts[n, k] : ends[n, k]].
    literals: the text before each field of an object, then the text after an object; text n ends at literal_ends[n].
    """
    fields, count = starts.shape
    joined = np.empty(1 + count * literals.shape[0] + (ends - starts).sum(), dtype=np.uint8)
    joined[0] = OPENING
    at = 1
    for k in range(count):
        low = 0
        for n in range(fields):
            at = put(literals, low, literal_ends[n], joined, at)
            at = put(texts, starts[n, k], ends[n, k], joined, at)
            low = literal_ends[n]
        at = put(literals, low, literals.shape[0], joined, at)
    joined[at - 1] = CLOSING  # in place of the last comma
    return joined


@inlined
def put(text: Bytes, low: int, high: int, data: Bytes, at: int) -> int:
    """Append text[low : high] to what `data` holds up to `at`; returns the new end."""
    copy_bytes(data, at, text, low, high - low)
    return at + high - low
