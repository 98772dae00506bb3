"""HNSW indexes for the nodes that have so many vectors that looking at all of them takes too long.

Each is an index of one memory, built and dropped in the background without keeping anybody waiting. Neighbours found
by one are very probably, not certainly, the nearest: so no node gets one before it needs it.
"""

import logging
from typing import Any

import psycopg

from foundation.postgresql.maintenance import maintenance_connection
from memory_app.vectors import AVAILABLE, indexed_expression

log = logging.getLogger(__name__)

INDEX_FROM = 50_000
"""Vectors of a node; measured, see docs/benchmarks.md."""
MAX_INDEXED_DIMENSION = 2000
"""What pgvector can index."""

_NAME = "memory_app_vector_of_{}"
_LARGE = f"""
    SELECT memory, dimension FROM memory_app_vectorspace AS space
    WHERE NOT indexed AND dimension <= {MAX_INDEXED_DIMENSION}
        AND EXISTS (SELECT FROM memory_app_node AS node WHERE node.memory = space.memory)
        AND EXISTS (SELECT FROM memory_app_vector AS stored WHERE stored.memory = space.memory
            OFFSET %(index_from)s - 1)
    ORDER BY memory LIMIT 1
"""
_INDEXED = "UPDATE memory_app_vectorspace SET indexed = true WHERE memory = %(memory)s"
_NO_LONGER_INDEXED = """
    UPDATE memory_app_vectorspace SET indexed = false WHERE memory = %(memory)s AND indexed RETURNING dimension
"""
_NOBODYS = """
    SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = current_schema::regnamespace
        AND relname ~ '^memory_app_vector_of_[0-9]+$' AND NOT EXISTS (
            SELECT FROM memory_app_node WHERE memory = substring(relname FROM '[0-9]+$')::bigint)
"""


def maintain(*, index_from: int = INDEX_FROM) -> int:
    """Drop the indexes of memories that were cleared, index one that has become large; answers how many it were.

    One process at a time.
    """
    with maintenance_connection() as connection:
        return _drop_nobodys(connection) + _index_a_large_one(connection, index_from)


def _drop_nobodys(connection: psycopg.Connection[Any]) -> int:
    names = connection.execute(_NOBODYS).fetchall()
    for (name,) in names:
        connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    return len(names)


def _index_a_large_one(connection: psycopg.Connection[Any], index_from: int) -> int:
    large = connection.execute(_LARGE, {"index_from": index_from}).fetchone() if _available(connection) else None
    if large is None:
        return 0
    _build(connection, *large)
    return 1


def rebuild(memory: int) -> bool:
    """Build the index of a memory's vectors anew, where it has one; answers whether.

    Meanwhile all its vectors are looked at. One process at a time, and not during `maintain`; if it does not come to an
    end, that does the rest.
    """
    with maintenance_connection() as connection:
        found = (
            connection.execute(_NO_LONGER_INDEXED, {"memory": memory}).fetchone() if _available(connection) else None
        )
        if found is not None:
            _build(connection, memory, found[0])
        return found is not None


def _build(connection: psycopg.Connection[Any], memory: int, dimension: int) -> None:
    name = _NAME.format(memory)
    connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # what a build that was interrupted left
    connection.execute(
        f"CREATE INDEX CONCURRENTLY {name} ON memory_app_vector "
        f"USING hnsw ({indexed_expression(dimension)} vector_l2_ops) WHERE memory = {memory}"
    )
    connection.execute(_INDEXED, {"memory": memory})
    log.info("Indexed the vectors of memory %s", memory)


def _available(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute(f"SELECT {AVAILABLE}").fetchone() == (True,)
