"""Putting the texts of many objects together."""

import numpy as np

from engine.arrays import Bytes, Ints
from engine.kernels.compiler import compiled, inlined
from engine.kernels.copying import copy_bytes

OPENING, CLOSING = b"[]"


@compiled
def join_fields(literals: Bytes, literal_ends: Ints, texts: Bytes, starts: Ints, ends: Ints) -> Bytes:
    """A list of objects, of at least one. Of object k field n is texts[starts[n, k] : ends[n, k]].

    literals: what comes before each field of an object, and what comes between two objects; number n ends at
    literal_ends[n].
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
    """Append text[low : high] to what `data` holds up to `at`; answers the new end."""
    copy_bytes(data, at, text, low, high - low)
    return at + high - low
