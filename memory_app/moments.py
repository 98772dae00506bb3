"""The moment of a finalize-training: what is kept of it, and what predictions need to know of it."""

from dataclasses import dataclass

from pydantic_core import from_json

from engine.arrays import Statistics
from engine.finalize import Finalized, statistics_of
from engine.view import View
from memory_app.stores import PATTERNS

_KEPT = """
    SELECT finalized_version, finalized_statistics::text, finalized_snapshot FROM memory_app_node
    WHERE memory = %(memory)s
"""
_EXISTED = """
    SELECT encode(name, 'hex') FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
      AND pg_visible_in_snapshot(created, %(snapshot)s::pg_snapshot)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """As it is stored. `statistics`: JSON of `patterns`, N, and `members`, pmf by symbol; None after a clear-all."""

    version: int
    statistics: str | None
    snapshot: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """`statistics`: by the tokens of one index."""

    memory: int
    snapshot: str
    statistics: Statistics

    def finalized(self) -> Finalized:
        return Finalized(statistics=self.statistics, existed=self._existed)

    def _existed(self, names: list[str]) -> set[str]:
        rows = PATTERNS.execute(_EXISTED, {"memory": self.memory, "names": names, "snapshot": self.snapshot})
        return {name for (name,) in rows}


def kept(memory: int) -> Kept | None:
    """What is kept for this memory now; None if no node has it any more."""
    rows = PATTERNS.execute(_KEPT, {"memory": memory})
    return Kept(*rows[0]) if rows else None


def moment(memory: int, kept: Kept, view: View) -> Moment | None:
    """The kept moment, which must not be later than the view; None if there is none."""
    if kept.statistics is None or kept.snapshot is None:
        return None
    statistics = from_json(kept.statistics)
    return Moment(memory, kept.snapshot, statistics_of(view, statistics["patterns"], statistics["members"]))
