"""Which index files the database vouches for.

After a back-up is restored, a file may show what the database has never heard of, and the ids of transactions come
again: the change feed from the file's horizon would miss what other transactions with such ids wrote. So the writer of
a file first commits a random witness. PostgreSQL's log has one order: a database that has the witness has everything
that had committed before it, which is all that the file shows, and any later write has a later id.
"""

from memory_app.stores import PATTERNS

_ADD = """
    INSERT INTO memory_app_indexwitness (witness, memory, written_at)
    SELECT %(witness)s, memory, now() FROM memory_app_node WHERE memory = %(memory)s RETURNING 1
"""
_IS_KNOWN = "SELECT FROM memory_app_indexwitness WHERE witness = %(witness)s AND memory = %(memory)s"
_REMOVE = "DELETE FROM memory_app_indexwitness WHERE witness = %(witness)s"
_EXISTING = "SELECT memory FROM memory_app_node WHERE memory = ANY(%(memories)s::bigint[])"
_FORGET = """
    DELETE FROM memory_app_indexwitness AS old
    WHERE written_at < now() - make_interval(days => %(days)s)
        OR NOT EXISTS (SELECT FROM memory_app_node AS node WHERE node.memory = old.memory)
    RETURNING 1
"""


def add(witness: str, memory: int) -> bool:
    """Whether the memory still exists."""
    return bool(PATTERNS.execute(_ADD, {"witness": witness, "memory": memory}))


def is_known(witness: str, memory: int) -> bool:
    return bool(PATTERNS.execute(_IS_KNOWN, {"witness": witness, "memory": memory}))


def remove(witness: str) -> None:
    PATTERNS.execute(_REMOVE, {"witness": witness})


def existing(memories: list[int]) -> set[int]:
    """Those of these memories that a node still has."""
    return {memory for (memory,) in PATTERNS.execute(_EXISTING, {"memories": memories})}


def forget(*, days: int = 90) -> int:
    """Remove those of memories that are gone, and of files that have not been written for so long. Return how many.

    A host that lost its files leaves its witnesses behind. A file whose witness is forgotten is written again when a
    process needs it next.
    """
    return len(PATTERNS.execute(_FORGET, {"days": days}))
