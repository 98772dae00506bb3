"""The vectors of a memory: all of one dimension, and with an index where `indexed` says so.

A vector is named after the numbers that the client sent, of which pgvector keeps four bytes each: so the names of
stored vectors cannot be checked. (Those of waiting vectors can: `sessions_app/verification/entries.py`.)
"""

from collections.abc import Iterator
from typing import NamedTuple

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.vector_table import AVAILABLE

_READ_SPACES = f"""
    WITH stored AS (
        SELECT memory, min(vector_dims(embedding)) AS least, max(vector_dims(embedding)) AS most,
            bool_and(octet_length(name) = 20) AS named
        FROM memory_app_vector GROUP BY memory
    )
    SELECT memory, node_id, least, most, named, space.dimension,
        COALESCE(space.indexed AND NOT EXISTS (
            SELECT FROM pg_index WHERE indexrelid = to_regclass('memory_app_vector_of_' || memory) AND indisvalid
        ), false)
    FROM memory_app_node LEFT JOIN stored USING (memory) LEFT JOIN memory_app_vectorspace AS space USING (memory)
    WHERE {OF_NODE} AND (stored.memory IS NOT NULL OR space.memory IS NOT NULL)
"""
# While the node is locked, no transaction adds a vector.
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
_DIMENSION = "SELECT vector_dims(embedding) FROM memory_app_vector WHERE memory = %(memory)s LIMIT 1"
_SET_SPACE = """
    INSERT INTO memory_app_vectorspace AS space (memory, dimension)
    SELECT memory, %(dimension)s FROM memory_app_node WHERE memory = %(memory)s
    ON CONFLICT (memory) DO UPDATE SET dimension = EXCLUDED.dimension,
        indexed = space.indexed AND space.dimension = EXCLUDED.dimension AND EXISTS (
            SELECT FROM pg_index WHERE indexrelid = to_regclass('memory_app_vector_of_' || space.memory) AND indisvalid)
"""
_DELETE_SPACE = "DELETE FROM memory_app_vectorspace WHERE memory = %(memory)s"


class _SpaceRow(NamedTuple):
    """`least`, `most`: the dimensions of the stored vectors; `named`: whether all have names of 20 bytes."""

    memory: int
    node_id: str
    least: int | None
    most: int | None
    named: bool | None
    dimension: int | None
    lacks_index: bool


def _find_wrong_spaces(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    if snapshot.execute(f"SELECT {AVAILABLE}").fetchone() != (True,):
        return
    for row in map(_SpaceRow._make, rows(snapshot, _READ_SPACES, node=node_id)):
        where = f"node {row.node_id!r}"
        if row.least != row.most:
            yield Fault((), f"{where}: it has vectors of {row.least} and of {row.most} dimensions", repairable=False)
        elif row.least != row.dimension:
            stored, found = row.dimension or "none", row.least or "none"
            yield Fault((row.memory,), f"{where}: the stored dimension is {stored}, that of its vectors is {found}")
        elif row.lacks_index:
            yield Fault((row.memory,), f"{where}: the index of its vectors is missing; it will be rebuilt")
        if row.named is False:
            yield Fault((), f"{where}: a vector has no name of 20 bytes", repairable=False)


def _restore_space(connection: Connection, faults: list[Fault]) -> None:
    for fault in faults:
        [memory] = fault.key
        connection.execute(_LOCK_NODE, {"memory": memory})
        row = connection.execute(_DIMENSION, {"memory": memory}).fetchone()
        if row is None:
            connection.execute(_DELETE_SPACE, {"memory": memory})
        else:
            [dimension] = row
            connection.execute(_SET_SPACE, {"memory": memory, "dimension": dimension})


CHECKS = [
    Check(
        "vectors",
        "the vectors of a memory have the dimension and the index that are stored for it",
        _find_wrong_spaces,
        _restore_space,
    )
]
