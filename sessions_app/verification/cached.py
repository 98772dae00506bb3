"""Cache entries in Redis match the rows of their sessions. This check needs no snapshot: each entry names its version.

An entry is written after its version was committed, and this check reads the entry first and the row after it. So an
entry is never ahead of its row, unless the database was restored from an older back-up. Then the session would reach
the version of that entry again, with other content.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from redis.exceptions import RedisError

from engine.ranges import LARGEST_FREQUENCY
from foundation.verification import Check, Connection, Fault, NotChecked
from memory_app.node_index import NodeVersion
from sessions_app import cache
from sessions_app.cache import PREDICTION_VIEWS, CachedEntry
from sessions_app.reads import cache_audit
from sessions_app.reads.predicting import version_in
from sessions_app.stores import SESSIONS

_VERSION = "SELECT version FROM sessions_app_session WHERE id = %(id)s"
# `memory` is NULL if no node has this memory now. A number above `highest` was never given out.
_NODE_VERSION = f"""
    SELECT node.memory, node.finalized_version, node.rebuilt, node.acts_version, last_value AS highest, (
        SELECT COALESCE(sum(length * least(frequency, {LARGEST_FREQUENCY})), 0) FROM memory_app_pattern AS pattern
        WHERE pattern.memory = node.memory) AS learned
    FROM memory_app_memory LEFT JOIN memory_app_node AS node ON node.memory = %(memory)s
"""


class _NodeRow(NamedTuple):
    memory: int | None
    finalized: int
    rebuilt: int
    acts: int
    highest: int
    learned: Decimal


def _find_wrong_entries(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    known: dict[int, NodeVersion] = {}
    try:
        for entry in cache.entries():
            fault = partial(Fault, (entry,))
            where = f"session {entry.session_id}: the {entry.kind} of version {entry.version} in Redis"
            if _is_ahead(entry, known):
                yield fault(f"{where} is newer than the database, as after a restore")
                continue
            expected = cache_audit.expected(entry)
            if expected is not None and expected != entry.payload:
                yield fault(f"{where} does not match the database")
    except RedisError as error:
        raise NotChecked(f"Redis is unavailable: {error}") from error


def _is_ahead(entry: CachedEntry, known: dict[int, NodeVersion]) -> bool:
    """`known`: the versions of memories as read so far in this check."""
    row = SESSIONS.execute_one(_VERSION, {"id": entry.session_id})
    if row is not None and entry.version > row[0]:
        return True
    if entry.kind not in PREDICTION_VIEWS:
        return False
    cached = version_in(entry.view)
    if cached.memory not in known or _is_later(cached, known[cached.memory]):
        [found] = SESSIONS.execute(_NODE_VERSION, {"memory": cached.memory})
        node = _NodeRow._make(found)
        if node.memory is None:
            return cached.memory > node.highest
        known[node.memory] = NodeVersion(
            memory=node.memory,
            learned=int(node.learned),
            finalized=node.finalized,
            rebuilt=node.rebuilt,
            acts=node.acts,
        )
    return _is_later(cached, known[cached.memory])


def _is_later(one: NodeVersion, other: NodeVersion) -> bool:
    """Both are versions of one memory. `learned` starts again at 0 when the index is rebuilt; a purge lowers it."""
    if one.acts != other.acts:
        return one.acts > other.acts
    if one.rebuilt != other.rebuilt:
        return one.rebuilt > other.rebuilt
    return one.learned > other.learned or one.finalized > other.finalized


def _delete_entries(connection: Connection, faults: list[Fault]) -> None:
    entries: list[CachedEntry] = [fault.key[0] for fault in faults]
    for entry in entries:
        cache.delete(entry)


CHECKS = [
    Check(
        "cache", "cache entries match the rows of their sessions", _find_wrong_entries, _delete_entries, of_node=False
    )
]
