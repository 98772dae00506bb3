"""finalize-training: storing the statistics of one moment for the predictions that follow (engine.md 4.4).

They are stored once for the node, with the snapshot that says which patterns existed; nothing is written per pattern
(see `moments.py` and `engine/finalize.py`).
"""

from pydantic_core import to_json

from memory_app.index import indexes
from memory_app.patience import PREDICTION_SECONDS, Bounded
from memory_app.stores import PATTERNS

_STORE_MOMENT = """
    UPDATE memory_app_node SET finalized_statistics = %(statistics)s::json, finalized_snapshot = %(snapshot)s,
        finalized_version = finalized_version + 1
    WHERE node_id = %(node_id)s AND memory = %(memory)s AND acts_version = %(acts)s RETURNING node_id
"""
_HAS_MEMORY = "SELECT 1 FROM memory_app_node WHERE node_id = %(node_id)s AND memory = %(memory)s"


def finalize(*, node_id: str, seconds: float | None = PREDICTION_SECONDS) -> int:
    """Store the node's statistics as they are now; returns the number of patterns that they are about.

    seconds: how long this may take until it stores them; None: any time. Raises PredictionTimedOut, and ClientLeft.
    """
    with Bounded(seconds, "finalize-training") as stop:
        while True:
            node = indexes.follow(node_id, stop)
            members = {symbol: counts.membership for symbol, counts in node.view.symbol_statistics().items()}
            statistics = to_json({"patterns": len(node.view), "members": members}).decode()
            stop.check()
            parameters = {
                "statistics": statistics,
                "snapshot": node.snapshot,
                "node_id": node_id,
                "memory": node.version.memory,
                "acts": node.version.acts,
            }
            # A pattern that was purged since would be counted, and it exists no more.
            if PATTERNS.execute(_STORE_MOMENT, parameters) or not _has_memory(node_id, node.version.memory):
                return len(node.view)


def _has_memory(node_id: str, memory: int) -> bool:
    return PATTERNS.execute_one(_HAS_MEMORY, {"node_id": node_id, "memory": memory}) is not None
