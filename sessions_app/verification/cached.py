"""What Redis holds of sessions is what their rows say. Of no snapshot: each entry names its version.

An entry was put there after its version was committed, so a version is never ahead of the row that is read after it,
unless the database was set back to a back-up. Then it would one day be taken for that of another content.
"""

from collections.abc import Iterator
from functools import partial

from redis.exceptions import RedisError

from katoproject.postgresql.statements import execute, execute_one
from katoproject.verification import Check, Connection, Fault, NotChecked
from sessions_app import cache, comparing
from sessions_app.cache import PREDICTION_VIEWS, CachedEntry

_VERSION = "SELECT version FROM sessions_app_session WHERE id = %(id)s"
_OF_NODE = """
    SELECT node.finalized_version, (
            SELECT COALESCE(sum(length * frequency), 0) FROM memory_app_pattern AS pattern
            WHERE pattern.memory = node.memory),
        last_value
    FROM memory_app_memory LEFT JOIN memory_app_node AS node ON node.memory = %(memory)s
"""


def _entries(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    known: dict[int, tuple[int, int]] = {}
    try:
        for entry in cache.entries():
            fault = partial(Fault, (entry,))
            where = f"session {entry.session_id}: the {entry.kind} of version {entry.version} in Redis"
            if _is_ahead(entry, known):
                yield fault(f"{where} is of what is still to come, as after a restore")
                continue
            expected = comparing.expected(entry)
            if expected is not None and expected != entry.payload:
                yield fault(f"{where} is wrong")
    except RedisError as error:
        raise NotChecked(f"Redis does not serve: {error}") from error


def _is_ahead(entry: CachedEntry, known: dict[int, tuple[int, int]]) -> bool:
    """`known`: what each memory had learned, and how often it was finalised, when that was last looked at."""
    row = execute_one(_VERSION, {"id": entry.session_id})
    if row is not None and entry.version > row[0]:
        return True
    if entry.kind not in PREDICTION_VIEWS:
        return False
    memory, learned, finalized = map(int, entry.view.partition(":")[2].split("."))
    if not _reaches(known.get(memory), learned, finalized):
        [(finalized_now, learned_now, highest)] = execute(_OF_NODE, {"memory": memory})
        if finalized_now is None:
            return memory > int(highest)
        known[memory] = int(learned_now), int(finalized_now)
    return memory in known and not _reaches(known[memory], learned, finalized)


def _reaches(known: tuple[int, int] | None, learned: int, finalized: int) -> bool:
    return known is not None and known[0] >= learned and known[1] >= finalized


def _delete(connection: Connection, faults: list[Fault]) -> None:
    entries: list[CachedEntry] = [fault.key[0] for fault in faults]
    for entry in entries:
        cache.delete(entry)


CHECKS = [Check("cache", "what Redis holds of a session is what its row says", _entries, _delete, of_node=False)]
