"""HNSW indexes for nodes that have so many vectors that a scan of all of them takes too long.

Each is an index of one memory, built and dropped in the background without blocking readers or writers. The neighbours
that it finds are very probably, not certainly, the nearest: so no node gets an index before it needs one.
"""

import logging
from typing import Any

import psycopg

from foundation.postgresql.maintenance import maintenance_connection
from memory_app.vector_table import AVAILABLE, DELETE_EMPTY_SPACE, indexed_expression

log = logging.getLogger(__name__)

INDEX_FROM = 50_000
"""How many vectors a node has when it gets an index; measured, see docs/benchmarks.md."""
MAX_INDEXED_DIMENSION = 2000
"""The limit of pgvector's indexes."""

_NAME = "memory_app_vector_of_{}"
_FIND_LARGE = f"""
    SELECT memory, dimension FROM memory_app_vectorspace AS space
    WHERE NOT indexed AND dimension <= {MAX_INDEXED_DIMENSION}
        AND EXISTS (SELECT FROM memory_app_node AS node WHERE node.memory = space.memory)
        AND EXISTS (SELECT FROM memory_app_vector AS stored WHERE stored.memory = space.memory
            OFFSET %(index_from)s - 1)
    ORDER BY memory LIMIT 1
"""
_SET_INDEXED = "UPDATE memory_app_vectorspace SET indexed = true WHERE memory = %(memory)s"
_UNSET_INDEXED = """
    UPDATE memory_app_vectorspace SET indexed = false WHERE memory = %(memory)s AND indexed RETURNING dimension
"""
_FIND_EMPTIED = """
    SELECT memory FROM memory_app_vectorspace AS space
    WHERE NOT EXISTS (SELECT FROM memory_app_vector AS stored WHERE stored.memory = space.memory)
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
_FIND_ORPHANED = """
    SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = current_schema::regnamespace
        AND relname ~ '^memory_app_vector_of_[0-9]+$' AND NOT EXISTS (
            SELECT FROM memory_app_node JOIN memory_app_vectorspace USING (memory)
            WHERE memory = substring(relname FROM '[0-9]+$')::bigint AND indexed)
"""


def maintain(*, index_from: int = INDEX_FROM) -> int:
    """Drop the indexes of memories without vectors, and build one for a memory that has become large.

    Returns how many. One process at a time.
    """
    with maintenance_connection() as connection:
        dropped = _drop_orphaned(connection) + _drop_emptied(connection)
        return dropped + _index_a_large_one(connection, index_from)


def _drop_orphaned(connection: psycopg.Connection[Any]) -> int:
    """Of cleared memories, and of builds that did not end. Until then they refuse vectors of another dimension."""
    names = connection.execute(_FIND_ORPHANED).fetchall()
    for (name,) in names:
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    return len(names)


def _drop_emptied(connection: psycopg.Connection[Any]) -> int:
    """Of memories whose vectors were all purged. With the index goes the dimension that it was of.

    Also where an earlier attempt ended after it had dropped the index.
    """
    emptied = connection.execute(_FIND_EMPTIED).fetchall() if _available(connection) else []
    for (memory,) in emptied:
        connection.execute(_UNSET_INDEXED, {"memory": memory})
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_NAME.format(memory)}")
        with connection.transaction():
            # No learn is between reading the dimension and storing a vector.
            connection.execute(_LOCK_NODE, {"memory": memory})
            connection.execute(DELETE_EMPTY_SPACE, {"memory": memory})
    return len(emptied)


def _index_a_large_one(connection: psycopg.Connection[Any], index_from: int) -> int:
    large = connection.execute(_FIND_LARGE, {"index_from": index_from}).fetchone() if _available(connection) else None
    if large is None:
        return 0
    memory, dimension = large
    _build(connection, memory, dimension)
    return 1


def rebuild(memory: int) -> bool:
    """Rebuild the index of a memory's vectors; returns whether the memory has one.

    Until it is built, searches scan all vectors. One process at a time, and not during `maintain`, which completes a
    rebuild that was interrupted.
    """
    with maintenance_connection() as connection:
        row = connection.execute(_UNSET_INDEXED, {"memory": memory}).fetchone() if _available(connection) else None
        if row is not None:
            [dimension] = row
            _build(connection, memory, dimension)
        return row is not None


def _build(connection: psycopg.Connection[Any], memory: int, dimension: int) -> None:
    name = _NAME.format(memory)
    connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # left over from an interrupted build
    connection.execute(
        f"CREATE INDEX CONCURRENTLY {name} ON memory_app_vector "
        f"USING hnsw ({indexed_expression(dimension)} vector_l2_ops) WHERE memory = {memory}"
    )
    if connection.execute(_SET_INDEXED, {"memory": memory}).rowcount:
        log.info("Indexed the vectors of memory %s", memory)
    else:  # all vectors were purged meanwhile
        connection.execute(f"DROP INDEX CONCURRENTLY {name}")


def _available(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute(f"SELECT {AVAILABLE}").fetchone() == (True,)
