"""What a node knows: its patterns, its affinities, and their numbers."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from django.conf import settings
from pydantic_core import from_json

from engine.naming import PATTERN_PREFIX
from engine.ranges import clamped
from memory_app import vector_table
from memory_app.errors import NodeUnknown, TooLargeToShow
from memory_app.models import affinity_key
from memory_app.stores import PATTERNS

_NODES_AT_ONCE = 500
_REST_OF_AFFINITY = 30  # bytes in a response: a number, quotes and brackets
# A page of each range of ids, of which the first rows are the page of all: however many nodes lie in between.
_PAGE = """
    SELECT node.node_id, node.memory, node.finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM unnest(%(prefixes)b::text[]) AS prefix, LATERAL (
        SELECT node_id, memory, finalized_snapshot FROM memory_app_node
        WHERE node_id >= GREATEST(prefix, COALESCE(%(after)s, '') COLLATE "C")
            AND node_id < prefix || U&'\\+10FFFF' AND node_id IS DISTINCT FROM %(after)s
        ORDER BY node_id LIMIT %(limit)s
    ) AS node LEFT JOIN memory_app_vectorspace AS space ON space.memory = node.memory
    ORDER BY node.node_id LIMIT %(limit)s
"""
_FIND = """
    SELECT node_id, memory, finalized_snapshot IS NOT NULL, dimension, COALESCE(indexed, false)
    FROM memory_app_node LEFT JOIN memory_app_vectorspace USING (memory) WHERE node_id = %(node_id)s
"""
_COUNT_PATTERNS = """
    SELECT count(*) FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE node_id = %(node_id)s
"""
# One subquery for each table: a node that knows something has a row in most of them.
_KNOWS_SOMETHING = "SELECT " + " OR ".join(
    f"EXISTS (SELECT FROM {table} WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s))"
    for table in ("memory_app_pattern", "memory_app_symbolaffinity", "memory_app_retirement")
)
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
# The size first: what is too large for a response stays where it is.
_PATTERN = """
    SELECT size, encode(name, 'hex'), events::text, length, frequency,
        CASE WHEN size <= %(budget)s THEN emotives::text END, CASE WHEN size <= %(budget)s THEN metadata::text END
    FROM (
        SELECT *, octet_length(emotives::text) + octet_length(metadata::text) AS size
        FROM memory_app_pattern JOIN memory_app_node USING (memory)
        WHERE node_id = %(node_id)s AND name = decode(%(name)s, 'hex')
    ) AS pattern
"""
_AFFINITIES = """
    SELECT symbol, emotive, value FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)
    WHERE node_id = %(node_id)s AND (%(after)s::text IS NULL OR symbol > %(after)s) ORDER BY symbol, emotive
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


class AffinityPage(NamedTuple):
    """`following`: the last symbol where there are more, else None."""

    affinities: dict[str, dict[str, float]]
    following: str | None


def find(node_id: str) -> NodeInfo:
    """Raises NodeUnknown."""
    row = PATTERNS.execute_one(_FIND, {"node_id": node_id})
    if row is None:
        raise NodeUnknown(node_id)
    return NodeInfo(*row)


def page(*, after: str | None = None, prefixes: Iterable[str] = ("",), limit: int) -> list[NodeInfo]:
    """Nodes with ids that begin with one of the prefixes, by id, those after `after`."""
    parameters = {"after": after, "prefixes": _disjoint(prefixes), "limit": limit}
    return [NodeInfo(*row) for row in PATTERNS.execute(_PAGE, parameters)]


def _disjoint(prefixes: Iterable[str]) -> list[str]:
    """Without those that begin with another one: no id then begins with two of them."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept


def all_nodes(*, after: str | None = None) -> Iterator[NodeInfo]:
    """Nodes with ids above `after`, by id, in bounded memory."""
    while found := page(after=after, limit=_NODES_AT_ONCE):
        yield from found
        after = found[-1].node_id


def pattern(node_id: str, name: str) -> StoredPattern | None:
    """The pattern with this name, 40 hexadecimal digits, or None. Raises TooLargeToShow."""
    budget: int = settings.ENV.limit_page
    row = PATTERNS.execute_one(_PATTERN, {"node_id": node_id, "name": name, "budget": budget})
    if row is None:
        return None
    size, *columns = row
    if size > budget:
        what = f"The emotives and metadata of pattern {PATTERN_PREFIX}{name}"
        raise TooLargeToShow(what, parameter="pattern_id", limit=budget)
    return _stored_pattern(*columns)


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


def knows_something(node_id: str) -> bool:
    """Whether it has patterns, affinities, or retired names."""
    return PATTERNS.execute(_KNOWS_SOMETHING, {"node_id": node_id}) == [(True,)]


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


def affinities(node_id: str, *, after: str | None = None) -> AffinityPage:
    """aff(x, e) of the symbols after one, or from the first on, sorted by symbol and emotive. Raises TooLargeToShow."""
    found: dict[str, dict[str, float]] = {}
    room: int = settings.ENV.limit_page
    with closing(PATTERNS.fetch_in_batches(_AFFINITIES, {"node_id": node_id, "after": after})) as batches:
        for symbol, emotive, value in chain.from_iterable(batches):
            if room < 0 and symbol not in found:
                return AffinityPage(found, next(reversed(found)))
            if room < 0:
                return _without_last(found)
            found.setdefault(symbol, {})[emotive] = clamped(float(value))
            room -= len(symbol.encode()) + len(emotive.encode()) + _REST_OF_AFFINITY
    return AffinityPage(found, None)


def _without_last(found: dict[str, dict[str, float]]) -> AffinityPage:
    """The page before a symbol that does not fit onto it. Raises TooLargeToShow where it fits onto none."""
    symbol, _ = found.popitem()
    if not found:
        raise _too_many_emotives(symbol)
    return AffinityPage(found, next(reversed(found)))


def affinity(node_id: str, symbol: str) -> dict[str, float]:
    """aff(x, e) of one symbol; empty for an unknown one. Raises TooLargeToShow."""
    found: dict[str, float] = {}
    room: int = settings.ENV.limit_page
    parameters = {"node_id": node_id, "symbol_key": affinity_key(symbol)}
    with closing(PATTERNS.fetch_in_batches(_AFFINITY, parameters)) as batches:
        for emotive, value in chain.from_iterable(batches):
            found[emotive] = clamped(float(value))
            room -= len(emotive.encode()) + _REST_OF_AFFINITY
            if room < 0:
                raise _too_many_emotives(symbol)
    return found


def _too_many_emotives(symbol: str) -> TooLargeToShow:
    what = f"The affinities of symbol {symbol!r}"
    return TooLargeToShow(what, parameter="symbol", limit=settings.ENV.limit_page)
