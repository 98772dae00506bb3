"""Learning: adding lessons to a node's memory, inside the transaction of their cause.

Learns always take locks in the same order, so they cannot deadlock: the caller's session, the node (shared: learns do
not wait for each other, only clear-all waits for them), vectors by name, patterns by name, affinities by key. No
counter exists that all learns of a node would have to update.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from functools import reduce
from typing import Any

from pydantic_core import from_json, to_json

from engine.lesson import EmotivesWindow, Lesson, merge_emotives, merge_metadata
from engine.ranges import LARGEST_FREQUENCY
from memory_app.models import affinity_key
from memory_app.stores import PATTERNS
from memory_app.vectors import NodeVectors

_INSERT_NODE = """
    INSERT INTO memory_app_node (node_id, memory)
    VALUES (%(node_id)s, nextval('memory_app_memory')) ON CONFLICT (node_id) DO NOTHING
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE"
_UPSERT_PATTERNS = f"""
    WITH node AS (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE), learned AS (
        INSERT INTO memory_app_pattern AS pattern
            (memory, name, events, length, frequency, emotives, metadata, created, changed)
        SELECT node.memory, decode(name, 'hex'), events::json, length, least(frequency, {LARGEST_FREQUENCY}), '[]',
               '{{}}', pg_current_xact_id(), pg_current_xact_id()
        FROM node, unnest(%(names)s::text[], %(events)b::text[], %(lengths)s::int[], %(frequencies)s::bigint[])
            AS lesson (name, events, length, frequency)
        ORDER BY name
        ON CONFLICT (memory, name) DO UPDATE
        SET frequency = least(pattern.frequency + EXCLUDED.frequency, {LARGEST_FREQUENCY}), changed = EXCLUDED.changed
    )
    SELECT memory FROM node
"""
_READ_EMOTIVES_AND_METADATA = """
    SELECT encode(name, 'hex'), emotives::text, metadata::text FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
"""
_SET_EMOTIVES_AND_METADATA = """
    UPDATE memory_app_pattern AS pattern SET emotives = given.emotives::json, metadata = given.metadata::json
    FROM unnest(%(names)s::text[], %(emotives)s::text[], %(metadata)s::text[]) AS given (name, emotives, metadata)
    WHERE pattern.memory = %(memory)s AND pattern.name = decode(given.name, 'hex')
"""
_UPSERT_AFFINITIES = """
    INSERT INTO memory_app_symbolaffinity AS known
        (memory, symbol_key, emotive_key, symbol, emotive, value, changed)
    SELECT %(memory)s, symbol_key, emotive_key, symbol, emotive, value, pg_current_xact_id()
    FROM unnest(%(symbol_keys)s::bytea[], %(emotive_keys)s::bytea[], %(symbols)s::text[], %(emotives)s::text[],
                %(values)s::numeric[]) AS learned (symbol_key, emotive_key, symbol, emotive, value)
    ORDER BY symbol_key, emotive_key
    ON CONFLICT (memory, symbol_key, emotive_key) DO UPDATE
    SET value = known.value + EXCLUDED.value, changed = EXCLUDED.changed
"""

# Wide enough for the sum of any two doubles, so that adding is exact and its order does not matter.
_EXACT = Context(prec=2200)


def learn(
    *,
    node_id: str,
    lessons: list[Lesson],
    persistence: int,
    frequencies: Counter[str] | None = None,
    vectors: NodeVectors | None = None,
) -> None:
    """Add lessons, in this order, to the node's memory; each pattern keeps its last `persistence` maps of emotives.

    frequencies: how often each name counts; without them, as often as it occurs among the lessons. Must run in the
    transaction of its cause, and last in it. Raises VectorDimensionError, VectorsNotAvailable.
    """
    if vectors:
        vectors.store(_lock_node(node_id))
    if not lessons:
        return
    memory = _upsert_patterns(node_id, lessons, frequencies or Counter(lesson.name for lesson in lessons))
    _merge_emotives_and_metadata(memory, [one for one in lessons if one.emotives or one.metadata], persistence)
    _add_affinities(memory, lessons)


def add_affinities(*, node_id: str, affinities: Mapping[tuple[str, str], Iterable[float]]) -> None:
    """Add to aff(x, e) of symbols x and emotives e. Must run in the transaction of its cause, and last in it."""
    if affinities:
        sums = {pair: reduce(_EXACT.add, map(Decimal, values)) for pair, values in affinities.items()}
        _upsert_affinities(_lock_node(node_id), sums)


def _json(value: Any) -> str:
    return to_json(value).decode()


def _lock_node(node_id: str) -> int:
    """The node's memory number, which stays the node's until this transaction ends."""
    parameters = {"node_id": node_id}
    row = PATTERNS.execute_one(_LOCK_NODE, parameters)
    if row is None:
        PATTERNS.execute(_INSERT_NODE, parameters)
        [row] = PATTERNS.execute(_LOCK_NODE, parameters)
    return int(row[0])


def _upsert_patterns(node_id: str, lessons: list[Lesson], frequencies: Counter[str]) -> int:
    """Add patterns and their frequencies; returns the number of the memory that they went into."""
    by_name = {lesson.name: lesson for lesson in lessons}
    parameters = {
        "node_id": node_id,
        "names": list(by_name),
        "events": [_json(lesson.events) for lesson in by_name.values()],
        "lengths": [lesson.length for lesson in by_name.values()],
        "frequencies": [frequencies[name] for name in by_name],
    }
    row = PATTERNS.execute_one(_UPSERT_PATTERNS, parameters)
    if row is None:
        PATTERNS.execute(_INSERT_NODE, {"node_id": node_id})
        [row] = PATTERNS.execute(_UPSERT_PATTERNS, parameters)
    return int(row[0])


def _merge_emotives_and_metadata(memory: int, lessons: list[Lesson], persistence: int) -> None:
    """For patterns whose rows this transaction has locked by learning them."""
    if not lessons:
        return
    names = list({lesson.name for lesson in lessons})
    rows = PATTERNS.execute(_READ_EMOTIVES_AND_METADATA, {"memory": memory, "names": names})
    known: dict[str, tuple[EmotivesWindow, dict[str, list[str]]]] = {
        name: (from_json(emotives), from_json(metadata)) for name, emotives, metadata in rows
    }
    for lesson in lessons:
        emotives, metadata = known[lesson.name]
        known[lesson.name] = (
            merge_emotives(emotives, lesson.emotives, persistence=persistence),
            merge_metadata(metadata, lesson.metadata),
        )
    PATTERNS.execute(
        _SET_EMOTIVES_AND_METADATA,
        {
            "memory": memory,
            "names": list(known),
            "emotives": [_json(emotives) for emotives, _ in known.values()],
            "metadata": [_json(metadata) for _, metadata in known.values()],
        },
    )


def _add_affinities(memory: int, lessons: list[Lesson]) -> None:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for lesson in lessons:
        for emotive, mean in lesson.affinities.items():
            exact = Decimal(mean)
            for symbol in lesson.symbol_counts:
                sums[symbol, emotive] = _EXACT.add(sums[symbol, emotive], exact)
    if sums:
        _upsert_affinities(memory, sums)


def _upsert_affinities(memory: int, sums: Mapping[tuple[str, str], Decimal]) -> None:
    PATTERNS.execute(
        _UPSERT_AFFINITIES,
        {
            "memory": memory,
            "symbol_keys": [affinity_key(symbol) for symbol, _ in sums],
            "emotive_keys": [affinity_key(emotive) for _, emotive in sums],
            "symbols": [symbol for symbol, _ in sums],
            "emotives": [emotive for _, emotive in sums],
            "values": [format(value, "f") for value in sums.values()],
        },
    )
