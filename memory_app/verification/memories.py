"""Nodes and their memories: none lost, none mixed up, and finalised statistics that are those of their moment."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.vector_table import AVAILABLE

_FIND_LIVE = f"SELECT memory, node_id FROM memory_app_node JOIN memory_app_clearedmemory USING (memory) WHERE {OF_NODE}"
_UNLIST = """
    DELETE FROM memory_app_clearedmemory AS cleared USING memory_app_node AS node
    WHERE cleared.memory = node.memory AND node.memory = ANY(%(memories)s)
"""


def _find_live(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _FIND_LIVE, node=node_id):
        yield Fault((memory,), f"node {node!r}: its memory {memory} is listed to be deleted")


def _unlist(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_UNLIST, {"memories": _memories(faults)})


# Which memories a table has rows of, with one index lookup for each: memory is the first column of its key.
_MEMORIES_OF = """
    (WITH RECURSIVE one AS (
        (SELECT memory FROM {table} ORDER BY memory LIMIT 1)
        UNION ALL
        SELECT (SELECT memory FROM {table} WHERE memory > one.memory ORDER BY memory LIMIT 1)
        FROM one WHERE one.memory IS NOT NULL
    ) SELECT memory FROM one WHERE memory IS NOT NULL)
"""
_TABLES = ("memory_app_pattern", "memory_app_symbolaffinity", "memory_app_retirement", "memory_app_vectorspace")
_FIND_ORPHANED = """
    SELECT memory FROM ({used}) AS used
    WHERE NOT EXISTS (SELECT FROM memory_app_node AS node WHERE node.memory = used.memory)
        AND NOT EXISTS (SELECT FROM memory_app_clearedmemory AS cleared WHERE cleared.memory = used.memory)
"""
_DELETE_LATER = """
    INSERT INTO memory_app_clearedmemory (memory) SELECT given FROM unnest(%(memories)s::bigint[]) AS given
    WHERE NOT EXISTS (SELECT FROM memory_app_node WHERE memory = given) ON CONFLICT DO NOTHING
"""


def _used_memories(snapshot: Connection) -> str:
    """SQL for all memories that have rows in any table."""
    has_vectors = snapshot.execute(f"SELECT {AVAILABLE}").fetchone() == (True,)
    tables = (*_TABLES, "memory_app_vector") if has_vectors else _TABLES
    return " UNION ".join(_MEMORIES_OF.format(table=table) for table in tables)


def _find_orphaned(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for (memory,) in rows(snapshot, _FIND_ORPHANED.format(used=_used_memories(snapshot))):
        yield Fault((memory,), f"memory {memory} belongs to no node, and is not listed to be deleted")


def _delete_later(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_DELETE_LATER, {"memories": _memories(faults)})


# The sequence is read as it is now, later than the snapshot, so it cannot seem too low.
_READ_NUMBERS = """
    SELECT GREATEST((SELECT max(memory) FROM memory_app_node), (SELECT max(memory) FROM memory_app_clearedmemory),
            (SELECT max(memory) FROM ({used}) AS used)) AS highest,
        last_value, is_called
    FROM memory_app_memory
"""
_ADVANCE_SEQUENCE = (
    "SELECT setval('memory_app_memory', GREATEST(%(highest)s, (SELECT last_value FROM memory_app_memory)))"
)


def _find_used_number(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for highest, last_value, is_called in rows(snapshot, _READ_NUMBERS.format(used=_used_memories(snapshot))):
        if highest is not None and highest >= last_value + is_called:
            yield Fault(
                (highest,), f"the next memory would be number {last_value + is_called}, but {highest} is in use"
            )


def _advance_sequence(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_ADVANCE_SEQUENCE, {"highest": faults[0].key[0]})


# Ids of transactions that have not begun yet come from another life of the database: a back-up that was restored into a
# new cluster, which counts from the beginning. A pattern learned there would seem older than a finalize-training that
# did not see it.
_IS_SNAPSHOT = "finalized_snapshot ~ '^[0-9]+:[0-9]+:[0-9,]*$'"
_NEXT = "pg_snapshot_xmax(pg_current_snapshot())"
_FROM_THE_FUTURE = (
    f"CASE WHEN {_IS_SNAPSHOT} THEN split_part(finalized_snapshot, ':', 2)::xid8 > {_NEXT} ELSE false END"
)
_FIND_FUTURE_IDS = f"""
    SELECT memory, node_id FROM memory_app_node AS node
    WHERE {OF_NODE} AND ({_FROM_THE_FUTURE}
        OR EXISTS (SELECT FROM memory_app_pattern AS one WHERE one.memory = node.memory AND changed >= {_NEXT})
        OR EXISTS (SELECT FROM memory_app_symbolaffinity AS one WHERE one.memory = node.memory AND changed >= {_NEXT})
        OR EXISTS (SELECT FROM memory_app_patternact AS one WHERE one.memory = node.memory AND changed >= {_NEXT})
        OR acts_forgotten >= {_NEXT})
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
# Patterns that existed at that moment get an id below all others, the others get the present one; the moment is moved
# in between.
_RENUMBER_WITH_MOMENT = f"""
    WITH moved AS (
        UPDATE memory_app_node SET finalized_snapshot = pg_current_xact_id() || ':' || pg_current_xact_id() || ':',
            finalized_version = finalized_version + 1
        WHERE memory = %(memory)s AND {_FROM_THE_FUTURE}
    )
    UPDATE memory_app_pattern AS pattern SET changed = pg_current_xact_id(),
        created = CASE WHEN pg_visible_in_snapshot(created, node.finalized_snapshot::pg_snapshot)
            THEN '3'::xid8 ELSE pg_current_xact_id() END
    FROM memory_app_node AS node WHERE node.memory = %(memory)s AND pattern.memory = %(memory)s AND {_FROM_THE_FUTURE}
"""
_RENUMBER = f"""
    UPDATE memory_app_pattern SET changed = pg_current_xact_id(),
        created = CASE WHEN created >= {_NEXT} THEN pg_current_xact_id() ELSE created END
    WHERE memory = %(memory)s AND changed >= {_NEXT}
"""
_RENUMBER_OTHERS = [
    f"UPDATE {table} SET changed = pg_current_xact_id() WHERE memory = %(memory)s AND changed >= {_NEXT}"
    for table in ("memory_app_symbolaffinity", "memory_app_patternact")
] + [
    f"""
    UPDATE memory_app_node SET acts_forgotten = pg_current_xact_id()
    WHERE memory = %(memory)s AND acts_forgotten >= {_NEXT}
    """
]


def _find_future_ids(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _FIND_FUTURE_IDS, node=node_id):
        yield Fault((memory,), f"node {node!r}: it has ids of transactions that have not begun yet, as after a restore")


def _renumber(connection: Connection, faults: list[Fault]) -> None:
    for memory in _memories(faults):
        # The lock waits for learns of this node. Only later statements see what those learns wrote.
        for statement in (_LOCK_NODE, _RENUMBER_WITH_MOMENT, _RENUMBER, *_RENUMBER_OTHERS):
            connection.execute(statement, {"memory": memory})


_READ_MOMENTS = f"""
    SELECT memory, node_id, {_IS_SNAPSHOT}, finalized_statistics IS NOT NULL FROM memory_app_node
    WHERE {OF_NODE} AND (finalized_statistics IS NOT NULL OR finalized_snapshot IS NOT NULL)
"""
# Events never change, and patterns are only deleted with their memory, or by a purge, which forgets the moment: what
# existed then can still be counted.
_COUNTED = """
    WITH existed AS MATERIALIZED (
        SELECT events FROM memory_app_pattern AS pattern JOIN memory_app_node AS node USING (memory)
        WHERE memory = %(memory)s AND pg_visible_in_snapshot(pattern.created, node.finalized_snapshot::pg_snapshot)
    ), member AS (
        SELECT symbol, count(*) AS patterns FROM existed, LATERAL (
            SELECT DISTINCT json_array_elements_text(event) AS symbol FROM json_array_elements(events) AS event
        ) AS symbols GROUP BY symbol
    )
"""
_STATISTICS_DIFFER = f"""
    {_COUNTED}, kept AS (SELECT finalized_statistics AS statistics FROM memory_app_node WHERE memory = %(memory)s)
    SELECT (SELECT (statistics->>'patterns')::bigint FROM kept) IS DISTINCT FROM (SELECT count(*) FROM existed)
        OR EXISTS (
            SELECT FROM member FULL JOIN (
                SELECT key, value::bigint AS patterns FROM kept, json_each_text(statistics->'members')
            ) AS stored ON key = symbol
            WHERE member.patterns IS DISTINCT FROM stored.patterns)
"""
_RECOMPUTE_STATISTICS = f"""
    {_COUNTED}
    UPDATE memory_app_node SET finalized_version = finalized_version + 1, finalized_statistics = json_build_object(
        'patterns', (SELECT count(*) FROM existed),
        'members', (SELECT COALESCE(json_object_agg(symbol, patterns ORDER BY symbol COLLATE "C"), '{{}}') FROM member))
    WHERE memory = %(memory)s
"""
_FORGET_MOMENT = """
    UPDATE memory_app_node SET finalized_version = finalized_version + 1, finalized_statistics = NULL,
        finalized_snapshot = NULL
    WHERE memory = %(memory)s
"""


class _Moment(NamedTuple):
    memory: int
    node_id: str
    has_snapshot: bool | None
    has_statistics: bool


def _find_wrong_statistics(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for row in map(_Moment._make, rows(snapshot, _READ_MOMENTS, node=node_id)):
        if not row.has_snapshot or not row.has_statistics:
            what = f"node {row.node_id!r}: the moment of finalize-training is incomplete; it can be forgotten"
            yield Fault((row.memory, False), what)
        elif snapshot.execute(_STATISTICS_DIFFER, {"memory": row.memory}).fetchone() == (True,):
            what = f"node {row.node_id!r}: the finalised statistics are not those of its patterns"
            yield Fault((row.memory, True), what)


def _recompute_statistics(connection: Connection, faults: list[Fault]) -> None:
    for memory, is_complete in (fault.key for fault in faults):
        connection.execute(_LOCK_NODE, {"memory": memory})
        connection.execute(_RECOMPUTE_STATISTICS if is_complete else _FORGET_MOMENT, {"memory": memory})


def _memories(faults: list[Fault]) -> list[Any]:
    return [fault.key[0] for fault in faults]


CHECKS = [
    Check("live-memories", "no node's memory is listed to be deleted", _find_live, _unlist),
    Check("memories", "every memory is a node's or listed to be deleted", _find_orphaned, _delete_later, of_node=False),
    Check(
        "memory-numbers",
        "the number of the next memory is not in use",
        _find_used_number,
        _advance_sequence,
        of_node=False,
    ),
    Check(
        "transaction-ids",
        "nothing learned or retired is of a transaction to come",
        _find_future_ids,
        _renumber,
    ),
    Check(
        "finalized-statistics",
        "finalised statistics are those of the patterns there were",
        _find_wrong_statistics,
        _recompute_statistics,
    ),
]
