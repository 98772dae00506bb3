"""Nodes and their memories: none lost, none mixed up, and of which moment their finalised statistics are."""

from collections.abc import Iterator
from typing import Any

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.vector_table import AVAILABLE

_LIVE = f"SELECT memory, node_id FROM memory_app_node JOIN memory_app_clearedmemory USING (memory) WHERE {OF_NODE}"
_KEEP = """
    DELETE FROM memory_app_clearedmemory AS cleared USING memory_app_node AS node
    WHERE cleared.memory = node.memory AND node.memory = ANY(%(memories)s)
"""


def _live(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _LIVE, node=node_id):
        yield Fault((memory,), f"node {node!r}: its memory {memory} is listed to be deleted")


def _keep(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_KEEP, {"memories": _keys(faults)})


# Which memories a table has, by looking once for each of them: the first column of its key.
_MEMORIES_OF = """
    (WITH RECURSIVE one AS (
        (SELECT memory FROM {table} ORDER BY memory LIMIT 1)
        UNION ALL
        SELECT (SELECT memory FROM {table} WHERE memory > one.memory ORDER BY memory LIMIT 1)
        FROM one WHERE one.memory IS NOT NULL
    ) SELECT memory FROM one WHERE memory IS NOT NULL)
"""
_TABLES = ("memory_app_pattern", "memory_app_symbolaffinity", "memory_app_vectorspace")
_NOBODYS = """
    SELECT memory FROM ({used}) AS used
    WHERE NOT EXISTS (SELECT FROM memory_app_node AS node WHERE node.memory = used.memory)
        AND NOT EXISTS (SELECT FROM memory_app_clearedmemory AS cleared WHERE cleared.memory = used.memory)
"""
_DELETE_LATER = """
    INSERT INTO memory_app_clearedmemory (memory) SELECT given FROM unnest(%(memories)s::bigint[]) AS given
    WHERE NOT EXISTS (SELECT FROM memory_app_node WHERE memory = given) ON CONFLICT DO NOTHING
"""


def _used(snapshot: Connection) -> str:
    """SQL for all memories that anything is stored of."""
    has_vectors = snapshot.execute(f"SELECT {AVAILABLE}").fetchone() == (True,)
    tables = (*_TABLES, "memory_app_vector") if has_vectors else _TABLES
    return " UNION ".join(_MEMORIES_OF.format(table=table) for table in tables)


def _nobodys(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for (memory,) in rows(snapshot, _NOBODYS.format(used=_used(snapshot))):
        yield Fault((memory,), f"memory {memory} is no node's, and not listed to be deleted")


def _delete_later(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_DELETE_LATER, {"memories": _keys(faults)})


# The sequence is read as it is now, later than the snapshot: never too low for it.
_NUMBERS = """
    SELECT GREATEST((SELECT max(memory) FROM memory_app_node), (SELECT max(memory) FROM memory_app_clearedmemory),
            (SELECT max(memory) FROM ({used}) AS used)) AS highest,
        last_value, is_called
    FROM memory_app_memory
"""
_COUNT_ON = "SELECT setval('memory_app_memory', GREATEST(%(highest)s, (SELECT last_value FROM memory_app_memory)))"


def _numbers(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for highest, last_value, is_called in rows(snapshot, _NUMBERS.format(used=_used(snapshot))):
        if highest is not None and highest >= last_value + is_called:
            yield Fault(
                (highest,), f"the next memory would be number {last_value + is_called}, but {highest} is in use"
            )


def _count_on(connection: Connection, faults: list[Fault]) -> None:
    connection.execute(_COUNT_ON, {"highest": faults[0].key[0]})


# Ids of transactions that have not begun yet come from another life of the database: from a back-up that was restored
# into a new cluster, which counts from the beginning. A pattern learned there would seem older than a finalize-training
# that did not see it.
_IS_SNAPSHOT = "finalized_snapshot ~ '^[0-9]+:[0-9]+:[0-9,]*$'"
_NEXT = "pg_snapshot_xmax(pg_current_snapshot())"
_FROM_THE_FUTURE = (
    f"CASE WHEN {_IS_SNAPSHOT} THEN split_part(finalized_snapshot, ':', 2)::xid8 > {_NEXT} ELSE false END"
)
_OTHER_LIFE = f"""
    SELECT memory, node_id FROM memory_app_node AS node
    WHERE {OF_NODE} AND ({_FROM_THE_FUTURE}
        OR EXISTS (SELECT FROM memory_app_pattern AS one WHERE one.memory = node.memory AND changed >= {_NEXT})
        OR EXISTS (SELECT FROM memory_app_symbolaffinity AS one WHERE one.memory = node.memory AND changed >= {_NEXT}))
"""
_LOCK = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
# What existed at that moment gets an id before all others, what did not the present one; the moment begins in between.
_MOVE_WITH_MOMENT = f"""
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
_MOVE = f"""
    UPDATE memory_app_pattern SET changed = pg_current_xact_id(),
        created = CASE WHEN created >= {_NEXT} THEN pg_current_xact_id() ELSE created END
    WHERE memory = %(memory)s AND changed >= {_NEXT}
"""
_MOVE_AFFINITIES = f"""
    UPDATE memory_app_symbolaffinity SET changed = pg_current_xact_id()
    WHERE memory = %(memory)s AND changed >= {_NEXT}
"""


def _other_life(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node in rows(snapshot, _OTHER_LIFE, node=node_id):
        yield Fault((memory,), f"node {node!r}: it names transactions that have not begun yet, as after a restore")


def _move(connection: Connection, faults: list[Fault]) -> None:
    for memory in _keys(faults):
        # Learns of this node end before and begin after; in statements after it, because those see what they left.
        for statement in (_LOCK, _MOVE_WITH_MOMENT, _MOVE, _MOVE_AFFINITIES):
            connection.execute(statement, {"memory": memory})


_MOMENTS = f"""
    SELECT memory, node_id, {_IS_SNAPSHOT}, finalized_statistics IS NOT NULL FROM memory_app_node
    WHERE {OF_NODE} AND (finalized_statistics IS NOT NULL OR finalized_snapshot IS NOT NULL)
"""
# Patterns are never changed and never deleted but with their memory: what there was then can be counted now.
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
_DIFFERS = f"""
    {_COUNTED}, kept AS (SELECT finalized_statistics AS statistics FROM memory_app_node WHERE memory = %(memory)s)
    SELECT (SELECT (statistics->>'patterns')::bigint FROM kept) IS DISTINCT FROM (SELECT count(*) FROM existed)
        OR EXISTS (
            SELECT FROM member FULL JOIN (
                SELECT key, value::bigint AS patterns FROM kept, json_each_text(statistics->'members')
            ) AS told ON key = symbol
            WHERE member.patterns IS DISTINCT FROM told.patterns)
"""
_COUNT_AGAIN = f"""
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


def _moments(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for memory, node, is_moment, has_statistics in rows(snapshot, _MOMENTS, node=node_id):
        if not is_moment or not has_statistics:
            yield Fault(
                (memory, False), f"node {node!r}: what finalize-training left is not whole; it can be forgotten"
            )
        elif snapshot.execute(_DIFFERS, {"memory": memory}).fetchone() == (True,):
            yield Fault((memory, True), f"node {node!r}: the finalised statistics are not those of its patterns")


def _count_again(connection: Connection, faults: list[Fault]) -> None:
    for memory, has_moment in (fault.key for fault in faults):
        connection.execute(_LOCK, {"memory": memory})
        connection.execute(_COUNT_AGAIN if has_moment else _FORGET_MOMENT, {"memory": memory})


def _keys(faults: list[Fault]) -> list[Any]:
    return [fault.key[0] for fault in faults]


CHECKS = [
    Check("live-memories", "no node's memory is listed to be deleted", _live, _keep),
    Check("memories", "every memory is a node's or listed to be deleted", _nobodys, _delete_later, of_node=False),
    Check("memory-numbers", "the number of the next memory is not in use", _numbers, _count_on, of_node=False),
    Check("transaction-ids", "nothing that was learned is of a transaction to come", _other_life, _move),
    Check("finalized-statistics", "finalised statistics are those of the patterns there were", _moments, _count_again),
]
