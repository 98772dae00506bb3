"""Who retired, un-retired and purged which patterns."""

from datetime import datetime
from typing import NamedTuple

from memory_app.stores import PATTERNS

# At one node later acts have higher numbers, and so have their patterns.
_LATEST = """
    SELECT one.number, happened_at, kind, node_id, encode(name, 'hex'), key_id, "user", trace_id, why, frequency, exact
    FROM memory_app_patternact AS act JOIN memory_app_patternofact AS one ON one.act = act.number
    WHERE {which} ORDER BY act.number DESC, one.number DESC LIMIT %(limit)s
"""
_LATEST_OF_ALL = _LATEST.format(which="true")
_LATEST_OF_NODE = _LATEST.format(
    which="""
        node_id = %(node_id)s AND one.number < %(before)s AND act.number <= COALESCE(
            (SELECT act FROM memory_app_patternofact WHERE number = %(before)s), %(before)s)
    """
)
NEWEST = 2**63 - 1
"""Above all numbers."""
_MOST_NAMED = 1000
NEWS = f"""
    SELECT changed, kind, node_id, happened_at, ARRAY(
            SELECT encode(name, 'hex') FROM memory_app_patternofact AS one WHERE one.act = act.number
            ORDER BY one.number LIMIT {_MOST_NAMED}
        ) AS patterns, (SELECT count(*) FROM memory_app_patternofact AS one WHERE one.act = act.number) AS count
    FROM memory_app_patternact AS act
    WHERE (changed >= %(upper)s::xid8 OR changed = ANY(%(running)s::xid8[])) AND happened_at > now() - interval '1 hour'
"""
"""SQL for the acts of transactions from `upper` on, and of those that were `running`: what the feed of events has not
seen. `patterns`: the first names of `count`.

Acts are kept for long, and after a restore into another cluster their transaction ids come again; so only what is
recent is news.
"""


class Act(NamedTuple):
    """`pattern`: 40 hexadecimal digits. `key_id`: of the access key, None for an operator.

    `user`: of the console; `manage.py: ada` for the operating system's user who ran a command.

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
    """The last acts, of one node or of all, the newest first; one for each pattern.

    before: of one node, the number of an act on the page before.
    """
    latest_of = _LATEST_OF_ALL if node_id is None else _LATEST_OF_NODE
    return [Act(*row) for row in PATTERNS.execute(latest_of, {"node_id": node_id, "before": before, "limit": limit})]
