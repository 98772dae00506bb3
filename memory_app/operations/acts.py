"""Forgetting acts on patterns: the newest of all nodes are kept, so that no client can fill the disk with them.

Indexes and exports follow acts. Those that have not followed what is forgotten find it in `acts_forgotten` of the node.
"""

from django.conf import settings
from django.db import transaction

from memory_app.stores import PATTERNS

# `/ws/events` announces what happened within the last hour.
_FORGET = """
    WITH old AS (
        SELECT one.number, act, memory, changed
        FROM memory_app_patternofact AS one JOIN memory_app_patternact AS act_of_one ON act_of_one.number = act
        WHERE one.number <= (SELECT max(number) FROM memory_app_patternofact) - %(kept)s
            AND happened_at < now() - make_interval(secs => %(seconds)s)
        ORDER BY one.number LIMIT %(limit)s
    ), noted AS (
        UPDATE memory_app_node AS node SET acts_forgotten = GREATEST(acts_forgotten, forgotten.changed)
        FROM (SELECT DISTINCT ON (memory) memory, changed FROM old ORDER BY memory, changed DESC) AS forgotten
        WHERE node.memory = forgotten.memory
    )
    DELETE FROM memory_app_patternofact AS one USING old WHERE one.number = old.number RETURNING old.act
"""
_DELETE_EMPTY = """
    DELETE FROM memory_app_patternact AS act WHERE number = ANY(%(acts)s)
        AND NOT EXISTS (SELECT FROM memory_app_patternofact AS one WHERE one.act = act.number)
"""


@transaction.atomic
def forget(*, limit: int = 10_000, kept: int = settings.ENV.limit_acts, seconds: float = 3600) -> int:
    """Forget up to `limit` patterns of acts, except for the newest `kept` and those of the last `seconds`."""
    forgotten = PATTERNS.execute(_FORGET, {"limit": limit, "kept": kept, "seconds": seconds})
    if forgotten:
        PATTERNS.execute(_DELETE_EMPTY, {"acts": sorted({act for (act,) in forgotten})})
    return len(forgotten)
