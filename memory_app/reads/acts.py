"""Who retired, un-retired and purged which patterns."""

from datetime import datetime
from typing import NamedTuple

from memory_app.stores import PATTERNS

_LATEST = """
    SELECT number, happened_at, kind, node_id, encode(name, 'hex'), key_id, "user", trace_id, why, frequency, exact
    FROM memory_app_patternact WHERE (%(node_id)s::text IS NULL OR node_id = %(node_id)s) AND number < %(before)s
    ORDER BY number DESC LIMIT %(limit)s
"""
NEWEST = 2**63 - 1
"""Above all numbers."""


class Act(NamedTuple):
    """`pattern`: 40 hexadecimal digits. `key_id`: of the access key, None for an operator. `user`: of the console.

    `frequency`, `exact`: of a purge, see the model.
    """

    number: int
    happened_at: datetime
    act: str
    node_id: str
    pattern: str
    key_id: str | None
    user: str | None
    trace_id: str | None
    why: str | None
    frequency: int | None
    exact: bool | None


def latest(*, node_id: str | None = None, before: int = NEWEST, limit: int) -> list[Act]:
    """The last acts, of one node or of all, the newest first. `before`: the number of an act on the page before."""
    return [Act(*row) for row in PATTERNS.execute(_LATEST, {"node_id": node_id, "before": before, "limit": limit})]
