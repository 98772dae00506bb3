"""Learning: adding lessons to a node's memory, inside the transaction of their cause.

Learns always take locks in the same order, so they cannot deadlock: the caller's session, the node (shared: learns do
not wait for each other, only clear-all and acts on patterns wait for them), vectors by name, patterns by name,
affinities by key. No counter exists that all learns of a node would have to update.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from pydantic_core import from_json, to_json

from engine.lesson import EmotivesWindow, Lesson, merge_emotives, merge_metadata
from engine.ranges import LARGEST_FREQUENCY
from memory_app.errors import PatternTooLarge, RetiredPattern
from memory_app.operations import affinities, journal
from memory_app.operations.affinities import Felt, Number
from memory_app.stores import PATTERNS
from memory_app.vectors import NodeVectors

_INSERT_NODE = """
    INSERT INTO memory_app_node (node_id, memory)
    VALUES (%(node_id)s, nextval('memory_app_memory')) ON CONFLICT (node_id) DO NOTHING
"""
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE"
_UPSERT_PATTERNS = f"""
    WITH node AS (
        SELECT memory, acts_version FROM memory_app_node WHERE node_id = %(node_id)s FOR KEY SHARE
    ), learned AS (
        INSERT INTO memory_app_pattern AS pattern
            (memory, name, events, length, frequency, emotives, metadata, created, changed, felt)
        SELECT node.memory, decode(name, 'hex'), events::json, length, least(frequency, {LARGEST_FREQUENCY}), '[]',
               '{{}}', pg_current_xact_id(), pg_current_xact_id(), '{{}}'
        FROM node, unnest(%(names)b::text[], %(events)b::text[], %(lengths)s::int[], %(frequencies)s::bigint[])
            AS lesson (name, events, length, frequency)
        ORDER BY name
        ON CONFLICT (memory, name) DO UPDATE
        SET frequency = least(pattern.frequency + EXCLUDED.frequency, {LARGEST_FREQUENCY}), changed = EXCLUDED.changed
    )
    SELECT memory, acts_version FROM node
"""
# After the node was locked: a statement that waited for the lock does not see what was retired meanwhile.
_RETIRED = """
    SELECT encode(name, 'hex') FROM memory_app_retirement
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex))
    ORDER BY name LIMIT 1
"""
_READ_EMOTIVES_AND_METADATA = """
    SELECT encode(name, 'hex'), emotives::text, metadata::text, felt::text FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex))
"""
_SET_EMOTIVES_AND_METADATA = """
    UPDATE memory_app_pattern AS pattern
    SET emotives = given.emotives::json, metadata = given.metadata::json, felt = given.felt::json
    FROM unnest(%(names)b::text[], %(emotives)b::text[], %(metadata)b::text[], %(felt)b::text[])
        AS given (name, emotives, metadata, felt)
    WHERE pattern.memory = %(memory)s AND pattern.name = decode(given.name, 'hex')
"""


class Counted(NamedTuple):
    """How often a lesson was learned, and what that has added to the affinity of its symbols: None where not known."""

    frequency: int
    felt: Mapping[str, Number] | None = None


def learn(
    *,
    node_id: str,
    lessons: list[Lesson],
    persistence: int,
    counted: Sequence[Counted] | None = None,
    vectors: NodeVectors | None = None,
    largest: int | None = settings.ENV.limit_pattern,
) -> None:
    """Add lessons, in this order, to the node's memory; each pattern keeps its last `persistence` maps of emotives.

    counted: of lessons from a file, what each stands for; without it, for one learn. largest: to how many bytes of JSON
    the emotives and metadata of a pattern may grow. Must run in the transaction of its cause, and last in it. Raises
    VectorDimensionError, VectorsNotAvailable, PatternTooLarge, and RetiredPattern.
    """
    if vectors:
        vectors.store(_lock_node(node_id))
    if not lessons:
        return
    if counted is None:
        counted = [Counted(1, one.affinities) for one in lessons]
    frequencies = Counter[str]()
    for one, its in zip(lessons, counted, strict=True):
        frequencies[one.name] += its.frequency
    memory = _upsert_patterns(node_id, lessons, frequencies)
    each = zip(lessons, counted, strict=True)
    merged = [(one, its.felt) for one, its in each if one.emotives or one.metadata or its.felt]
    _merge_emotives_and_metadata(memory, merged, persistence, largest)
    affinities.add(memory, (Felt(one.symbol_counts, one.affinities) for one in lessons if one.affinities))


def add_affinities(*, node_id: str, felt: list[Felt]) -> None:
    """Add to the affinities of a node's symbols. Must run in the transaction of its cause, and last in it."""
    if felt:
        affinities.add(_lock_node(node_id), felt)


def insert_node(node_id: str) -> None:
    """Give the node a row, with an empty memory, if it has none."""
    PATTERNS.execute(_INSERT_NODE, {"node_id": node_id})


def _json(value: Any) -> str:
    return to_json(value).decode()


def _lock_node(node_id: str) -> int:
    """The node's memory number, which stays the node's until this transaction ends."""
    parameters = {"node_id": node_id}
    row = PATTERNS.execute_one(_LOCK_NODE, parameters)
    if row is None:
        insert_node(node_id)
        [row] = PATTERNS.execute(_LOCK_NODE, parameters)
    return int(row[0])


def _upsert_patterns(node_id: str, lessons: list[Lesson], frequencies: Counter[str]) -> int:
    """Add patterns and their frequencies; returns the number of the memory that they went into.

    Raises RetiredPattern.
    """
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
        insert_node(node_id)
        [row] = PATTERNS.execute(_UPSERT_PATTERNS, parameters)
    memory, acts_version = row
    if acts_version and (retired := PATTERNS.execute_one(_RETIRED, {"memory": memory, "names": list(by_name)})):
        raise RetiredPattern(retired[0], node_id=node_id)
    return int(memory)


def _merge_emotives_and_metadata(
    memory: int, lessons: list[tuple[Lesson, Mapping[str, Number] | None]], persistence: int, largest: int | None
) -> None:
    """For patterns whose rows this transaction has locked by learning them. Of each lesson, what it has added."""
    if not lessons:
        return
    names = list({lesson.name for lesson, _ in lessons})
    rows = PATTERNS.execute(_READ_EMOTIVES_AND_METADATA, {"memory": memory, "names": names})
    known: dict[str, tuple[EmotivesWindow, dict[str, list[str]]]] = {
        name: (from_json(emotives), from_json(metadata)) for name, emotives, metadata, _ in rows
    }
    felt = {name: journal.read(text, emotives=emotives) for name, emotives, _, text in rows}
    # What is larger already, from a file or under another limit, can be learned as long as it does not grow.
    most = {name: max(largest, _size(emotives, metadata)) for name, emotives, metadata, _ in rows} if largest else {}
    for lesson, added in lessons:
        emotives, metadata = known[lesson.name]
        known[lesson.name] = (
            merge_emotives(emotives, lesson.emotives, persistence=persistence),
            merge_metadata(metadata, lesson.metadata),
        )
        if lesson.emotives or added:
            felt[lesson.name] = journal.add(felt[lesson.name], added)
    merged = {name: (_json(emotives), _json(metadata)) for name, (emotives, metadata) in known.items()}
    for name, limit in most.items():
        if (size := _size(*merged[name])) > limit:
            raise PatternTooLarge(name, limit=limit, size=size)
    written = [(name, *texts, journal.text(felt[name])) for name, texts in merged.items()]
    as_before = set(rows)  # the same metadata again is usual, and may be megabytes
    if changed := [row for row in written if row not in as_before]:
        columns = zip(("names", "emotives", "metadata", "felt"), map(list, zip(*changed, strict=True)), strict=True)
        PATTERNS.execute(_SET_EMOTIVES_AND_METADATA, {"memory": memory, **dict(columns)})


def _size(emotives: str, metadata: str) -> int:
    return len(emotives.encode()) + len(metadata.encode())
