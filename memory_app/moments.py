"""The moment of a finalize-training: how it is stored, and what predictions need of it."""

from dataclasses import dataclass

from pydantic_core import from_json

from engine.arrays import Statistics
from engine.finalize import statistics_of
from engine.view import View
from memory_app.stores import PATTERNS

_READ = """
    SELECT finalized_version, finalized_statistics::text, finalized_snapshot FROM memory_app_node
    WHERE memory = %(memory)s
"""


@dataclass(frozen=True, slots=True)
class StoredMoment:
    """`statistics`: JSON of `patterns` (N) and `members` (pmf by symbol); None after a clear-all."""

    version: int
    statistics: str | None
    snapshot: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """`statistics`: by token of one index."""

    snapshot: str
    statistics: Statistics


def read(memory: int) -> StoredMoment | None:
    """What is stored for this memory now; None if no node has this memory any more."""
    row = PATTERNS.execute_one(_READ, {"memory": memory})
    return None if row is None else StoredMoment(*row)


def moment(stored: StoredMoment, view: View) -> Moment | None:
    """The stored moment, which must not be later than the view; None if there is none."""
    if stored.statistics is None or stored.snapshot is None:
        return None
    statistics = from_json(stored.statistics)
    return Moment(stored.snapshot, statistics_of(view, statistics["patterns"], statistics["members"]))
