"""The vectors of a memory: one dimension for all, and an index where one is promised.

The name of a vector is that of the numbers as they were given, of which pgvector keeps four bytes each: so stored names
cannot be checked. (Those of vectors that wait to be learned can: `sessions_app/verification/entries.py`.)
"""

from collections.abc import Iterator

from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.vector_table import AVAILABLE

_SPACES = f"""
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
# With the node locked: nobody adds a vector meanwhile.
_LOCK = "SELECT memory FROM memory_app_node WHERE memory = %(memory)s FOR UPDATE"
_DIMENSION = "SELECT vector_dims(embedding) FROM memory_app_vector WHERE memory = %(memory)s LIMIT 1"
_SET_SPACE = """
    INSERT INTO memory_app_vectorspace AS space (memory, dimension)
    SELECT memory, %(dimension)s FROM memory_app_node WHERE memory = %(memory)s
    ON CONFLICT (memory) DO UPDATE SET dimension = EXCLUDED.dimension,
        indexed = space.indexed AND space.dimension = EXCLUDED.dimension AND EXISTS (
            SELECT FROM pg_index WHERE indexrelid = to_regclass('memory_app_vector_of_' || space.memory) AND indisvalid)
"""
_NO_SPACE = "DELETE FROM memory_app_vectorspace WHERE memory = %(memory)s"


def _spaces(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    if snapshot.execute(f"SELECT {AVAILABLE}").fetchone() != (True,):
        return
    for memory, node, least, most, named, dimension, lacks_index in rows(snapshot, _SPACES, node=node_id):
        where = f"node {node!r}"
        if least != most:
            yield Fault((), f"{where}: it has vectors of {least} and of {most} dimensions", mendable=False)
        elif least != dimension:
            told, are = dimension or "no", least or "there are none"
            yield Fault((memory,), f"{where}: {told} dimensions are noted for its vectors, they have {are}")
        elif lacks_index:
            yield Fault((memory,), f"{where}: the index of its vectors is not there; it will be built again")
        if named is False:
            yield Fault((), f"{where}: a vector has no name of 20 bytes", mendable=False)


def _note(connection: Connection, faults: list[Fault]) -> None:
    for fault in faults:
        [memory] = fault.key
        connection.execute(_LOCK, {"memory": memory})
        found = connection.execute(_DIMENSION, {"memory": memory}).fetchone()
        if found is None:
            connection.execute(_NO_SPACE, {"memory": memory})
        else:
            connection.execute(_SET_SPACE, {"memory": memory, "dimension": found[0]})


CHECKS = [Check("vectors", "the vectors of a memory have the dimension and the index that are noted", _spaces, _note)]
