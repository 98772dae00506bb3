"""finalize-training: the statistics of one moment, kept for the predictions that follow (engine.md 4.4).

They are stored once for the node, with the snapshot that tells which patterns there were; nothing is written per
pattern (see `moments.py` and `engine/finalize.py`).
"""

from pydantic_core import to_json

from memory_app.index import indexes
from memory_app.stores import PATTERNS

_KEEP = """
    UPDATE memory_app_node SET finalized_statistics = %(statistics)s::json, finalized_snapshot = %(snapshot)s,
        finalized_version = finalized_version + 1
    WHERE node_id = %(node_id)s AND memory = %(memory)s
"""


def finalize(*, node_id: str) -> int:
    """Keep the node's statistics as they are now; answers the number of patterns they are about."""
    followed = indexes.follow(node_id)
    members = {symbol: pmf for symbol, (_, pmf) in followed.view.symbol_statistics().items()}
    statistics = to_json({"patterns": len(followed.view), "members": members}).decode()
    PATTERNS.execute(
        _KEEP,
        {
            "statistics": statistics,
            "snapshot": followed.snapshot,
            "node_id": node_id,
            "memory": followed.version.memory,
        },
    )
    return len(followed.view)
