"""What a node knows: its patterns, its affinities, and their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydantic_core import from_json

from memory_app import vector_table
from memory_app.errors import NodeUnknown
from memory_app.models import affinity_key
from memory_app.stores import PATTERNS

_NODES_AT_ONCE = 500
_PAGE = f"""
    SELECT node_id, memory, finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM memory_app_node LEFT JOIN memory_app_vectorspace USING (memory)
    WHERE node_id > %(after)s ORDER BY node_id LIMIT {_NODES_AT_ONCE}
"""
_FIND = """
    SELECT node_id, memory, finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM memory_app_node LEFT JOIN memory_app_vectorspace USING (memory) WHERE node_id = %(node_id)s
"""
_COUNT_PATTERNS = """
    SELECT count(*) FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %(node_id)s
"""
_COUNT_NEW_PATTERNS = """
    SELECT count(*) FROM memory_app_pattern
    WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
      AND changed = pg_current_xact_id() AND created = changed
"""
_COUNT_AFFINITIES = "SELECT count(*) FROM memory_app_symbolaffinity WHERE memory = %(memory)s"
_CLEARED = "SELECT memory FROM memory_app_clearedmemory"
_COUNT_ROWS = """
    SELECT (SELECT count(*) FROM memory_app_pattern WHERE memory = ANY(%(memories)s))
        + (SELECT count(*) FROM memory_app_symbolaffinity WHERE memory = ANY(%(memories)s))
"""
_PATTERN = """
    SELECT encode(name, 'hex'), events::text, length, frequency, emotives::text, metadata::text
    FROM memory_app_pattern JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s AND name = decode(%(name)s, 'hex')
"""
# The node by a subselect: so its memory is one value, and the index returns the rows in order, without a sort.
_RECENT = """
    SELECT encode(name, 'hex'), events::text, length, frequency, emotives::text, metadata::text, changed::text
    FROM memory_app_pattern AS pattern
    WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
      AND (changed, name) < (%(changed)s::xid8, decode(%(name)s, 'hex'))
    ORDER BY pattern.changed DESC, pattern.name DESC LIMIT %(limit)s
"""
_AFFINITIES = """
    SELECT symbol, emotive, value FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s ORDER BY symbol, emotive
"""
_AFFINITY = """
    SELECT emotive, value FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s AND symbol_key = %(symbol_key)s ORDER BY emotive
"""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """`memory`: the number of its memory. `dimension`: of its vectors, None where it has none."""

    node_id: str
    memory: int
    finalized: bool
    dimension: int | None
    vectors_indexed: bool


@dataclass(frozen=True, slots=True)
class StoredPattern:
    """`name`: 40 hexadecimal digits."""

    name: str
    events: list[list[str]]
    length: int
    frequency: int
    emotives: list[dict[str, float]]
    metadata: dict[str, list[str]]


class Cursor(NamedTuple):
    """Where a pattern stands in the order of learning: the transaction that last learned it, and its name."""

    changed: str
    name: str


NEWEST = Cursor("18446744073709551615", "")
"""Above all patterns."""


def find(node_id: str) -> NodeInfo:
    """Raises NodeUnknown."""
    row = PATTERNS.execute_one(_FIND, {"node_id": node_id})
    if row is None:
        raise NodeUnknown(node_id)
    return NodeInfo(*row)


def all_nodes(*, after: str = "") -> Iterator[NodeInfo]:
    """Nodes with ids above `after`, by id, in bounded memory."""
    while page := [NodeInfo(*row) for row in PATTERNS.execute(_PAGE, {"after": after})]:
        yield from page
        after = page[-1].node_id


def pattern(node_id: str, name: str) -> StoredPattern | None:
    """The pattern with this name, 40 hexadecimal digits, or None."""
    row = PATTERNS.execute_one(_PATTERN, {"node_id": node_id, "name": name})
    return None if row is None else _stored_pattern(*row)


def recent_patterns(node_id: str, *, before: Cursor = NEWEST, limit: int) -> list[tuple[StoredPattern, Cursor]]:
    """The patterns that were learned last. The cursor of one is the `before` of the page that begins after it."""
    parameters = {"node_id": node_id, "changed": before.changed, "name": before.name, "limit": limit}
    found = []
    for *columns, changed in PATTERNS.execute(_RECENT, parameters):
        one = _stored_pattern(*columns)
        found.append((one, Cursor(changed, one.name)))
    return found


def _stored_pattern(name: str, events: str, length: int, frequency: int, emotives: str, metadata: str) -> StoredPattern:
    return StoredPattern(
        name=name,
        events=from_json(events),
        length=length,
        frequency=frequency,
        emotives=from_json(emotives),
        metadata=from_json(metadata),
    )


def count_patterns(node_id: str) -> int:
    [(number,)] = PATTERNS.execute(_COUNT_PATTERNS, {"node_id": node_id})
    return int(number)


def count_new_patterns(node_id: str) -> int:
    """How many patterns the running transaction has created."""
    [(number,)] = PATTERNS.execute(_COUNT_NEW_PATTERNS, {"node_id": node_id})
    return int(number)


def count_affinities(memory: int) -> int:
    """Pairs of a symbol and an emotive."""
    [(number,)] = PATTERNS.execute(_COUNT_AFFINITIES, {"memory": memory})
    return int(number)


def rows_to_delete() -> int:
    """Rows of cleared memories: no client sees them, and the background deletes them."""
    memories = [memory for (memory,) in PATTERNS.execute(_CLEARED, {})]
    [(rows,)] = PATTERNS.execute(_COUNT_ROWS, {"memories": memories})
    return int(rows) + sum(map(vector_table.count, memories))


def affinities(node_id: str) -> dict[str, dict[str, float]]:
    """aff(x, e) of all symbols, sorted by symbol and emotive."""
    result: dict[str, dict[str, float]] = {}
    for symbol, emotive, value in PATTERNS.execute(_AFFINITIES, {"node_id": node_id}):
        result.setdefault(symbol, {})[emotive] = float(value)
    return result


def affinity(node_id: str, symbol: str) -> dict[str, float]:
    """aff(x, e) of one symbol; empty for an unknown one."""
    rows = PATTERNS.execute(_AFFINITY, {"node_id": node_id, "symbol_key": affinity_key(symbol)})
    return {emotive: float(value) for emotive, value in rows}
