"""Whole nodes: what is known about one, forgetting all of it, and the name it is shown under."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic_core import from_json

from memory_app import vectors
from memory_app.errors import NodeUnknown
from memory_app.operations.learning import key_of
from memory_app.stores import PATTERNS

_AT_ONCE = 500  # nodes
_CLEAR = """
    WITH cleared AS (SELECT node_id, memory FROM memory_app_node WHERE node_id = %(node_id)s FOR UPDATE),
    remembered AS (INSERT INTO memory_app_clearedmemory (memory) SELECT memory FROM cleared)
    UPDATE memory_app_node AS node
    SET memory = nextval('memory_app_memory'), finalized_statistics = NULL, finalized_snapshot = NULL
    FROM cleared WHERE node.node_id = cleared.node_id
"""
_REINDEX = """
    UPDATE memory_app_node SET rebuilt = rebuilt + 1 WHERE node_id = %(node_id)s RETURNING memory
"""
_PAGE = f"""
    SELECT node_id, memory, finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM memory_app_node LEFT JOIN memory_app_vectorspace USING (memory)
    WHERE node_id > %(after)s ORDER BY node_id LIMIT {_AT_ONCE}
"""
_FIND = """
    SELECT node_id, memory, finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM memory_app_node LEFT JOIN memory_app_vectorspace USING (memory) WHERE node_id = %(node_id)s
"""
_COUNT_AFFINITIES = "SELECT count(*) FROM memory_app_symbolaffinity WHERE memory = %(memory)s"
_LEFT_OVER = """
    SELECT (SELECT count(*) FROM memory_app_pattern WHERE memory = ANY(%(memories)s))
        + (SELECT count(*) FROM memory_app_symbolaffinity WHERE memory = ANY(%(memories)s))
"""
_PATTERN = """
    SELECT encode(name, 'hex'), events::text, length, frequency, emotives::text, metadata::text
    FROM memory_app_pattern JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s AND name = decode(%(name)s, 'hex')
"""
# The node by a subselect: its memory is one value then, and the index gives the rows in order without a sort.
_RECENT = """
    SELECT encode(name, 'hex'), events::text, length, frequency, emotives::text, metadata::text, changed::text
    FROM memory_app_pattern AS pattern
    WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
      AND (changed, name) < (%(changed)s::xid8, decode(%(name)s, 'hex'))
    ORDER BY pattern.changed DESC, pattern.name DESC LIMIT %(limit)s
"""
# Beyond every key.
_NOW = ("18446744073709551615", "")
_COUNT = "SELECT count(*) FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %(node_id)s"
_AFFINITIES = """
    SELECT symbol, emotive, value FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s ORDER BY symbol, emotive
"""
_AFFINITY = """
    SELECT emotive, value FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s AND symbol_key = %(symbol_key)s ORDER BY emotive
"""
_FORGOTTEN = "SELECT memory FROM memory_app_clearedmemory ORDER BY memory LIMIT 1"
_ALL_FORGOTTEN = "SELECT memory FROM memory_app_clearedmemory"
_DELETE_PATTERNS = """
    DELETE FROM memory_app_pattern WHERE memory = %(memory)s AND name = ANY(ARRAY(
        SELECT name FROM memory_app_pattern WHERE memory = %(memory)s LIMIT %(limit)s)) RETURNING 1
"""
_DELETE_AFFINITIES = """
    DELETE FROM memory_app_symbolaffinity WHERE memory = %(memory)s AND symbol_key = ANY(ARRAY(
        SELECT symbol_key FROM memory_app_symbolaffinity WHERE memory = %(memory)s LIMIT %(limit)s)) RETURNING 1
"""
_DELETED = "DELETE FROM memory_app_clearedmemory WHERE memory = %(memory)s"


@dataclass(frozen=True, slots=True)
class StoredPattern:
    name: str
    events: list[list[str]]
    length: int
    frequency: int
    emotives: list[dict[str, float]]
    metadata: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """`memory`: the number of what it knows now; `dimension`: of its vectors, None where it has none."""

    node_id: str
    memory: int
    finalized: bool
    dimension: int | None
    vectors_indexed: bool


def clear(*, node_id: str) -> None:
    """Forget everything the node learned. Waits for learns that are under way; later ones start from nothing."""
    PATTERNS.execute(_CLEAR, {"node_id": node_id})


def find(node_id: str) -> NodeInfo:
    """Raises NodeUnknown."""
    row = PATTERNS.execute_one(_FIND, {"node_id": node_id})
    if row is None:
        raise NodeUnknown(node_id)
    return NodeInfo(*row)


def all_nodes(*, after: str = "") -> Iterator[NodeInfo]:
    """By id, those beyond `after`, in bounded memory."""
    while rows := PATTERNS.execute(_PAGE, {"after": after}):
        for row in rows:
            yield NodeInfo(*row)
        after = rows[-1][0]


def reindex(*, node_id: str) -> int:
    """Let every process build its index of the node anew, and predict anew, before its next prediction.

    Indexes follow what is learned by themselves. This is for rows that were changed past the service: by hand, or by a
    back-up that was restored while processes ran. Answers the node's memory. Raises NodeUnknown.
    """
    row = PATTERNS.execute_one(_REINDEX, {"node_id": node_id})
    if row is None:
        raise NodeUnknown(node_id)
    return int(row[0])


def rows_to_delete() -> int:
    """Rows of all memories that were cleared: nobody sees them, the background deletes them."""
    memories = [memory for (memory,) in PATTERNS.execute(_ALL_FORGOTTEN, {})]
    [(rows,)] = PATTERNS.execute(_LEFT_OVER, {"memories": memories})
    return int(rows) + sum(vectors.count(memory)[0] for memory in memories)


def pattern(node_id: str, name: str) -> StoredPattern | None:
    """The pattern with this name, 40 hexadecimal digits, or None."""
    row = PATTERNS.execute_one(_PATTERN, {"node_id": node_id, "name": name})
    return None if row is None else _stored(row)


def recent_patterns(
    node_id: str, *, before: tuple[str, str] = _NOW, limit: int
) -> list[tuple[StoredPattern, tuple[str, str]]]:
    """The patterns that were learned last, each with its place in time: `before` of the page that begins after it."""
    changed, name = before
    rows = PATTERNS.execute(_RECENT, {"node_id": node_id, "changed": changed, "name": name, "limit": limit})
    return [(_stored(row[:6]), (row[6], row[0])) for row in rows]


def _stored(row: tuple[Any, ...]) -> StoredPattern:
    name, events, length, frequency, emotives, metadata = row
    return StoredPattern(name, from_json(events), length, frequency, from_json(emotives), from_json(metadata))


def count_patterns(node_id: str) -> int:
    [(number,)] = PATTERNS.execute(_COUNT, {"node_id": node_id})
    return int(number)


def count_affinities(memory: int) -> int:
    """Pairs of a symbol and an emotive."""
    [(number,)] = PATTERNS.execute(_COUNT_AFFINITIES, {"memory": memory})
    return int(number)


def affinities(node_id: str) -> dict[str, dict[str, float]]:
    """aff(x, e) of all symbols, sorted by symbol and emotive."""
    result: dict[str, dict[str, float]] = {}
    for symbol, emotive, value in PATTERNS.execute(_AFFINITIES, {"node_id": node_id}):
        result.setdefault(symbol, {})[emotive] = float(value)
    return result


def affinity(node_id: str, symbol: str) -> dict[str, float]:
    """aff(x, e) of one symbol; empty for an unknown one."""
    rows: list[tuple[Any, ...]] = PATTERNS.execute(_AFFINITY, {"node_id": node_id, "symbol_key": key_of(symbol)})
    return {emotive: float(value) for emotive, value in rows}


@transaction.atomic
def delete_cleared(*, limit: int = 10_000) -> bool:
    """Delete up to `limit` rows that belong to a memory that was cleared; answers whether there may be more."""
    row = PATTERNS.execute_one(_FORGOTTEN, {})
    if row is None:
        return False
    parameters = {"memory": row[0], "limit": limit}
    if (
        not PATTERNS.execute(_DELETE_PATTERNS, parameters)
        and not PATTERNS.execute(_DELETE_AFFINITIES, parameters)
        and not vectors.delete(row[0], limit=limit)
    ):
        PATTERNS.execute(_DELETED, parameters)
    return True
