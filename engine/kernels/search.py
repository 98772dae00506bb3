"""What a scan for candidates is given, and what it finds."""

from typing import NamedTuple

from engine.arrays import Flags, Floats, Ints
from engine.kernels.alignment import Fuzzy, State
from engine.kernels.text_similarity import Needle


class Recall(NamedTuple):
    """What a candidate must reach.

    threshold: the recall threshold. by_tokens: token mode, not character mode (5.2).
    least: by pattern length, the smallest l that can reach the threshold.
    largest_event: the most symbols in an event of any pattern.
    filtered: whether there are filters; if so, `allowed` holds by row whether the pattern passed them.
    """

    threshold: float
    by_tokens: bool
    least: Ints
    largest_event: int
    filtered: bool
    allowed: Flags


class Search(NamedTuple):
    """What patterns are compared with, and how. text: the joined state in character mode."""

    state: State
    recall: Recall
    fuzzy: Fuzzy
    text: Needle
    by_position: bool


class Scan(NamedTuple):
    """How far a scan has come: the next row, how many candidates are in `Found`, and the lowest key worth keeping."""

    row: int
    candidates: int
    bar: float


class Found(NamedTuple):
    """Candidates, and room for more. keys: pre or potential to 12 decimals, as a whole number."""

    rows: Ints
    keys: Floats
    similarity: Floats
