"""finalize-training: the statistics of one moment, kept for the predictions that follow (engine.md 4.4, D24).

The entropies of a pattern follow from its own symbols and the node's statistics of that moment. So those statistics are
stored, once for the node, with the snapshot that tells which patterns there were; nothing is written per pattern.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_core import from_json, to_json

from engine.plain.knowledge import normalized_entropy, symbol_shares
from engine.predict import Finalized
from engine.stm import state
from katoproject.postgresql.statements import execute, execute_one
from memory_app.index import indexes

_KEEP = """
    UPDATE memory_app_node SET finalized_statistics = %(statistics)s::json, finalized_snapshot = %(snapshot)s,
        finalized_version = finalized_version + 1
    WHERE node_id = %(node_id)s AND memory = %(memory)s
"""
_KEPT = """
    SELECT finalized_statistics::text, finalized_snapshot FROM memory_app_node
    WHERE memory = %(memory)s AND finalized_snapshot IS NOT NULL
"""
_PATTERNS_OF_THAT_MOMENT = """
    SELECT encode(name, 'hex'), events::text FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
      AND pg_visible_in_snapshot(created, %(snapshot)s::pg_snapshot)
"""


def finalize(*, node_id: str) -> int:
    """Keep the node's statistics as they are now; answers the number of patterns they are about."""
    followed = indexes.follow(node_id)
    members = {symbol: pmf for symbol, (_, pmf) in followed.view.symbol_statistics().items()}
    statistics = to_json({"patterns": len(followed.view), "members": members}).decode()
    execute(
        _KEEP,
        {
            "statistics": statistics,
            "snapshot": followed.snapshot,
            "node_id": node_id,
            "memory": followed.version.memory,
        },
    )
    return len(followed.view)


@dataclass(frozen=True, slots=True)
class Moment:
    """What finalize-training kept: `members` is pmf by symbol."""

    memory: int
    snapshot: str
    patterns: int
    members: dict[str, int]

    def finalized(self) -> Finalized:
        return Finalized(symbol_count=len(self.members), global_normalized_entropy=self.global_normalized_entropy)

    def global_normalized_entropy(self, names: list[str]) -> Mapping[str, float]:
        """Of those of the named patterns that existed at that moment."""
        rows = execute(_PATTERNS_OF_THAT_MOMENT, {"memory": self.memory, "names": names, "snapshot": self.snapshot})
        return {name: self._entropy(from_json(events)) for name, events in rows}

    def _entropy(self, events: list[list[str]]) -> float:
        shares = symbol_shares(state(events))
        return normalized_entropy((self.members[symbol] / self.patterns for symbol in shares), len(self.members))


def moment(memory: int) -> Moment | None:
    """What was kept for this memory, or None."""
    row = execute_one(_KEPT, {"memory": memory})
    if row is None:
        return None
    statistics = from_json(row[0])
    return Moment(memory, row[1], statistics["patterns"], statistics["members"])
