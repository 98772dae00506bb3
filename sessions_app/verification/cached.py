"""What Redis holds of sessions is what their rows say. Of no snapshot: each entry names its version.

An entry was put there after its version was committed, so a version is never ahead of the row that is read after it,
unless the database was set back to a back-up. Then it would one day be taken for that of another content.
"""

from collections.abc import Iterator
from functools import partial

from redis.exceptions import RedisError

from foundation.verification import Check, Connection, Fault, NotChecked
from memory_app.index import NodeVersion
from sessions_app import cache
from sessions_app.cache import PREDICTION_VIEWS, CachedEntry
from sessions_app.reads import cache_audit
from sessions_app.reads.predicting import version_in
from sessions_app.stores import SESSIONS

_VERSION = "SELECT version FROM sessions_app_session WHERE id = %(id)s"
# None for a memory that is no node's any more; of one that was never given out, nothing can be cached.
_OF_NODE = """
    SELECT node.memory, node.finalized_version, node.rebuilt, last_value, (
        SELECT COALESCE(sum(length * frequency), 0) FROM memory_app_pattern AS pattern
        WHERE pattern.memory = node.memory)
    FROM memory_app_memory LEFT JOIN memory_app_node AS node ON node.memory = %(memory)s
"""


def _entries(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    known: dict[int, NodeVersion] = {}
    try:
        for entry in cache.entries():
            fault = partial(Fault, (entry,))
            where = f"session {entry.session_id}: the {entry.kind} of version {entry.version} in Redis"
            if _is_ahead(entry, known):
                yield fault(f"{where} is of what is still to come, as after a restore")
                continue
            expected = cache_audit.expected(entry)
            if expected is not None and expected != entry.payload:
                yield fault(f"{where} is wrong")
    except RedisError as error:
        raise NotChecked(f"Redis does not serve: {error}") from error


def _is_ahead(entry: CachedEntry, known: dict[int, NodeVersion]) -> bool:
    """`known`: the versions of memories when they were last looked at."""
    row = SESSIONS.execute_one(_VERSION, {"id": entry.session_id})
    if row is not None and entry.version > row[0]:
        return True
    if entry.kind not in PREDICTION_VIEWS:
        return False
    cached = version_in(entry.view)
    if cached.memory not in known or _is_later(cached, known[cached.memory]):
        [(memory, finalized, rebuilt, highest, learned)] = SESSIONS.execute(_OF_NODE, {"memory": cached.memory})
        if memory is None:
            return cached.memory > int(highest)
        known[memory] = NodeVersion(memory=memory, learned=int(learned), finalized=finalized, rebuilt=rebuilt)
    return _is_later(cached, known[cached.memory])


def _is_later(one: NodeVersion, other: NodeVersion) -> bool:
    """Of the same memory. What was learned counts from anew when the index is rebuilt."""
    if one.rebuilt != other.rebuilt:
        return one.rebuilt > other.rebuilt
    return one.learned > other.learned or one.finalized > other.finalized


def _delete(connection: Connection, faults: list[Fault]) -> None:
    entries: list[CachedEntry] = [fault.key[0] for fault in faults]
    for entry in entries:
        cache.delete(entry)


CHECKS = [Check("cache", "what Redis holds of a session is what its row says", _entries, _delete, of_node=False)]
