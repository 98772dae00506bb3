"""Learning: one or more lessons become part of a node's memory, inside the transaction of their cause.

Locks are always taken in the same order, so learns cannot deadlock: the caller's session, the node (shared: learners
do not wait for each other, only clear-all waits for them), vectors by name, patterns by name, affinities by key. There
is no counter that all learns of a node would have to update.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from pydantic_core import from_json, to_json

from engine.lesson import EmotivesWindow, Lesson, merge_emotives, merge_metadata
from memory_app.stores import PATTERNS
from memory_app.vectors import NodeVectors

_NEW_NODE = """
    INSERT INTO memory_app_node (node_id, memory)
    VALUES (%(node_id)s, nextval('memory_app_memory')) ON CONFLICT (node_id) DO NOTHING
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE"
_LEARN = """
    WITH node AS (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE), learned AS (
        INSERT INTO memory_app_pattern AS pattern
            (memory, name, events, length, frequency, emotives, metadata, created, changed)
        SELECT node.memory, decode(name, 'hex'), events::json, length, frequency, '[]', '{}',
               pg_current_xact_id(), pg_current_xact_id()
        FROM node, unnest(%(names)s::text[], %(events)b::text[], %(lengths)s::int[], %(frequencies)s::bigint[])
            AS lesson (name, events, length, frequency)
        ORDER BY name
        ON CONFLICT (memory, name) DO UPDATE
        SET frequency = pattern.frequency + EXCLUDED.frequency, changed = EXCLUDED.changed
    )
    SELECT memory FROM node
"""
_EXPERIENCE = """
    SELECT encode(name, 'hex'), emotives::text, metadata::text FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
"""
_SET_EXPERIENCE = """
    UPDATE memory_app_pattern AS pattern SET emotives = given.emotives::json, metadata = given.metadata::json
    FROM unnest(%(names)s::text[], %(emotives)s::text[], %(metadata)s::text[]) AS given (name, emotives, metadata)
    WHERE pattern.memory = %(memory)s AND pattern.name = decode(given.name, 'hex')
"""
_FEEL = """
    INSERT INTO memory_app_symbolaffinity AS known
        (memory, symbol_key, emotive_key, symbol, emotive, value, changed)
    SELECT %(memory)s, symbol_key, emotive_key, symbol, emotive, value, pg_current_xact_id()
    FROM unnest(%(symbol_keys)s::bytea[], %(emotive_keys)s::bytea[], %(symbols)s::text[], %(emotives)s::text[],
                %(values)s::numeric[]) AS felt (symbol_key, emotive_key, symbol, emotive, value)
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
    """Add lessons, in this order, to the node's memory; `persistence` maps of emotives are kept per pattern.

    frequencies: by name, how often each counts; without them, as often as it is there. Must run in the transaction of
    its cause, and last in it. Raises VectorDimensionError, VectorsNotAvailable.
    """
    if vectors:
        vectors.store(_lock(node_id))
    if not lessons:
        return
    memory = _learn_patterns(node_id, lessons, frequencies or Counter(lesson.name for lesson in lessons))
    _merge_experience(memory, [one for one in lessons if one.emotives or one.metadata], persistence)
    _add_affinities(memory, lessons)


def add_affinities(*, node_id: str, affinities: Mapping[tuple[str, str], Decimal]) -> None:
    """Add to aff(x, e) of symbols x and emotives e. Must run in the transaction of its cause, and last in it."""
    if affinities:
        _feel(_lock(node_id), affinities)


def _json(value: Any) -> str:
    return to_json(value).decode()


def _lock(node_id: str) -> int:
    """The node's memory, which stays the node's until this transaction ends."""
    parameters = {"node_id": node_id}
    row = PATTERNS.execute_one(_LOCK_NODE, parameters)
    if row is None:
        PATTERNS.execute(_NEW_NODE, parameters)
        [row] = PATTERNS.execute(_LOCK_NODE, parameters)
    return int(row[0])


def _learn_patterns(node_id: str, lessons: list[Lesson], frequencies: Counter[str]) -> int:
    """Patterns and their frequencies; answers the memory that they went into."""
    by_name = {lesson.name: lesson for lesson in lessons}
    parameters = {
        "node_id": node_id,
        "names": list(by_name),
        "events": [_json(lesson.events) for lesson in by_name.values()],
        "lengths": [lesson.length for lesson in by_name.values()],
        "frequencies": [frequencies[name] for name in by_name],
    }
    row = PATTERNS.execute_one(_LEARN, parameters)
    if row is None:
        PATTERNS.execute(_NEW_NODE, {"node_id": node_id})
        [row] = PATTERNS.execute(_LEARN, parameters)
    return int(row[0])


def _merge_experience(memory: int, lessons: list[Lesson], persistence: int) -> None:
    """Emotives windows and metadata of patterns whose rows this transaction has locked by learning them."""
    if not lessons:
        return
    names = list({lesson.name for lesson in lessons})
    known: dict[str, tuple[EmotivesWindow, dict[str, list[str]]]] = {
        name: (from_json(emotives), from_json(metadata))
        for name, emotives, metadata in PATTERNS.execute(_EXPERIENCE, {"memory": memory, "names": names})
    }
    for lesson in lessons:
        emotives, metadata = known[lesson.name]
        known[lesson.name] = (
            merge_emotives(emotives, lesson.emotives, persistence=persistence),
            merge_metadata(metadata, lesson.metadata),
        )
    PATTERNS.execute(
        _SET_EXPERIENCE,
        {
            "memory": memory,
            "names": names,
            "emotives": [_json(known[name][0]) for name in names],
            "metadata": [_json(known[name][1]) for name in names],
        },
    )


def key_of(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()


def _add_affinities(memory: int, lessons: list[Lesson]) -> None:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for lesson in lessons:
        for emotive, mean in lesson.affinities.items():
            exact = Decimal(mean)
            for symbol in lesson.symbol_counts:
                sums[symbol, emotive] = _EXACT.add(sums[symbol, emotive], exact)
    if sums:
        _feel(memory, sums)


def _feel(memory: int, sums: Mapping[tuple[str, str], Decimal]) -> None:
    PATTERNS.execute(
        _FEEL,
        {
            "memory": memory,
            "symbol_keys": [key_of(symbol) for symbol, _ in sums],
            "emotive_keys": [key_of(emotive) for _, emotive in sums],
            "symbols": [symbol for symbol, _ in sums],
            "emotives": [emotive for _, emotive in sums],
            "values": [format(value, "f") for value in sums.values()],
        },
    )
