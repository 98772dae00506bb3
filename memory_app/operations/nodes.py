"""Operations on whole nodes: forgetting what one knows, and rebuilding its indexes."""

from django.db import transaction

from memory_app.errors import NodeUnknown
from memory_app.stores import PATTERNS, VECTORS
from memory_app.vector_table import space_of_memory

_CLEAR = """
    WITH cleared AS (SELECT node_id, memory FROM memory_app_node WHERE node_id = %(node_id)s FOR UPDATE),
    remembered AS (INSERT INTO memory_app_clearedmemory (memory) SELECT memory FROM cleared)
    UPDATE memory_app_node AS node
    SET memory = nextval('memory_app_memory'), finalized_statistics = NULL, finalized_snapshot = NULL, acts_version = 0
    FROM cleared WHERE node.node_id = cleared.node_id
"""
_REINDEX = """
    UPDATE memory_app_node SET rebuilt = rebuilt + 1 WHERE node_id = %(node_id)s RETURNING memory
"""


def _delete(table: str) -> str:
    """SQL that deletes some rows of a cleared memory, which nobody changes any more, by their places.

    By name, PostgreSQL would compare each row with each name if it takes the memory for a small one.
    """
    return f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table} WHERE memory = %(memory)s LIMIT %(limit)s)) RETURNING 1
    """


_FIND_CLEARED = "SELECT memory FROM memory_app_clearedmemory ORDER BY memory LIMIT 1"
_DELETE_PATTERNS = _delete("memory_app_pattern")
_DELETE_AFFINITIES = _delete("memory_app_symbolaffinity")
_DELETE_RETIREMENTS = _delete("memory_app_retirement")
_DELETE_VECTORS = _delete("memory_app_vector")
_DELETE_SPACE = "DELETE FROM memory_app_vectorspace WHERE memory = %(memory)s"
_DELETE_CLEARED = "DELETE FROM memory_app_clearedmemory WHERE memory = %(memory)s"


def clear(*, node_id: str) -> None:
    """Forget everything the node learned, and what was retired.

    Waits for learns that are under way; later ones start from nothing.
    """
    PATTERNS.execute(_CLEAR, {"node_id": node_id})


def reindex(*, node_id: str) -> int:
    """Make every process rebuild its index of the node, and drop cached predictions, before its next prediction.

    Indexes follow every learn anyway. This is for rows that were changed without the service: by hand, or by a
    back-up that was restored while processes ran. Returns the node's memory number. Raises NodeUnknown.
    """
    row = PATTERNS.execute_one(_REINDEX, {"node_id": node_id})
    if row is None:
        raise NodeUnknown(node_id)
    return int(row[0])


@transaction.atomic
def delete_cleared(*, limit: int = 10_000) -> bool:
    """Delete up to `limit` rows of a memory that was cleared; returns whether there may be more."""
    row = PATTERNS.execute_one(_FIND_CLEARED, {})
    if row is None:
        return False
    [memory] = row
    parameters = {"memory": memory, "limit": limit}
    if (
        not PATTERNS.execute(_DELETE_PATTERNS, parameters)
        and not PATTERNS.execute(_DELETE_AFFINITIES, parameters)
        and not PATTERNS.execute(_DELETE_RETIREMENTS, parameters)
        and not _delete_vectors(memory, limit)
    ):
        PATTERNS.execute(_DELETE_CLEARED, parameters)
    return True


def _delete_vectors(memory: int, limit: int) -> bool:
    """Delete up to `limit` vectors, or the vector space when none are left; returns whether any were deleted."""
    space = space_of_memory(memory)
    if space.dimension is None:
        return False
    if space.available and VECTORS.execute(_DELETE_VECTORS, {"memory": memory, "limit": limit}):
        return True
    VECTORS.execute(_DELETE_SPACE, {"memory": memory})
    return False
