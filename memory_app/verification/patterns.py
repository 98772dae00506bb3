"""Patterns and affinities: what is stored twice, or follows from what is stored, is consistent."""

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from engine.naming import pattern_name
from foundation.verification import OF_NODE, Check, Connection, Fault, rows
from memory_app.models import affinity_key

_READ_PATTERNS = f"""
    SELECT memory, name, node_id, events::text, length, frequency, emotives::text, metadata::text, felt::text
    FROM memory_app_pattern JOIN memory_app_node USING (memory) WHERE {OF_NODE}
"""
_LOCK_PATTERNS = """
    SELECT memory, name, events::text, metadata::text, felt::text FROM memory_app_pattern
    WHERE (memory, name) IN (SELECT * FROM unnest(%(memories)s::bigint[], %(names)s::bytea[]))
    ORDER BY memory, name FOR UPDATE
"""
# Changed by this transaction, as by a learn, so that the indexes follow it.
_REPAIR_PATTERN = """
    UPDATE memory_app_pattern SET length = %(length)s, metadata = %(metadata)s::json, felt = %(felt)s::json,
        changed = pg_current_xact_id()
    WHERE memory = %(memory)s AND name = %(name)s
"""
_EVENTS = TypeAdapter(list[list[str]])
_EMOTIVES = TypeAdapter(list[dict[str, float]])
_METADATA = TypeAdapter(dict[str, list[str]])
_FELT = TypeAdapter(dict[str, Annotated[Decimal, Field(allow_inf_nan=False)]])


class _PatternRow(NamedTuple):
    memory: int
    name: bytes
    node_id: str
    events: str
    length: int
    frequency: int
    emotives: str
    metadata: str
    felt: str | None


def _find_wrong_patterns(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for row in map(_PatternRow._make, rows(snapshot, _READ_PATTERNS, node=node_id)):
        name = bytes(row.name)
        for problem, repairable in _problems_of_pattern(row, name.hex()):
            yield Fault((row.memory, name), f"node {row.node_id!r}, pattern {name.hex()}: {problem}", repairable)


def _problems_of_pattern(row: _PatternRow, name: str) -> Iterator[tuple[str, bool]]:
    """Each with whether it can be repaired."""
    try:
        events = _EVENTS.validate_json(row.events, strict=True)
        emotives = _EMOTIVES.validate_json(row.emotives, strict=True)
        metadata = _METADATA.validate_json(row.metadata, strict=True)
    except ValidationError as error:
        yield f"it cannot be read: {error.errors()[0]['msg']}", False
        return
    symbols = sum(map(len, events))
    if pattern_name(events) != name:
        # Either of the two may be the right one.
        yield "its name is not that of its events", False
    elif symbols != row.length:
        yield f"its length is {row.length}, its events have {symbols} symbols", True
    if row.length < 2 and symbols < 2:
        yield "it has fewer than two symbols", False
    if row.frequency < 1:
        yield f"its frequency is {row.frequency}", False
    if not all(isfinite(value) for one in emotives for value in one.values()):
        yield "an emotive is not finite", False
    if metadata != _in_order(metadata):
        yield "its metadata is not sorted, or has a value twice", True
    if row.felt is not None and not _is_felt(row.felt):
        yield "what it added to affinities cannot be read", True


def _is_felt(text: str) -> bool:
    try:
        _FELT.validate_json(text)
    except ValidationError:
        return False
    return True


def _in_order(metadata: dict[str, list[str]]) -> dict[str, list[str]]:
    return {key: sorted(set(texts)) for key, texts in metadata.items()}


def _repair_patterns(connection: Connection, faults: list[Fault]) -> None:
    keys: dict[str, list[Any]] = {
        "memories": [fault.key[0] for fault in faults],
        "names": [fault.key[1] for fault in faults],
    }
    for memory, name, events, metadata, felt in connection.execute(_LOCK_PATTERNS, keys).fetchall():
        connection.execute(
            _REPAIR_PATTERN,
            {
                "memory": memory,
                "name": name,
                "length": sum(map(len, from_json(events))),
                "metadata": to_json(_in_order(from_json(metadata))).decode(),
                "felt": felt if felt is not None and _is_felt(felt) else None,
            },
        )


_READ_AFFINITIES = f"""
    SELECT memory, symbol_key, emotive_key, node_id, symbol, emotive, value::text
    FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory) WHERE {OF_NODE}
"""
# In the order of the keys, as learns write them.
_MOVE_AFFINITIES = """
    WITH misplaced AS (
        DELETE FROM memory_app_symbolaffinity
        WHERE (memory, symbol_key, emotive_key) IN (
            SELECT * FROM unnest(%(memories)s::bigint[], %(symbol_keys)s::bytea[], %(emotive_keys)s::bytea[]))
        RETURNING memory, symbol, emotive, value
    ), placed AS (
        SELECT misplaced.memory, right_symbol_key, right_emotive_key, symbol, emotive, sum(value) AS value
        FROM misplaced JOIN (
            SELECT DISTINCT * FROM unnest(%(symbols)s::text[], %(right_symbol_keys)s::bytea[])
        ) AS symbols (symbol, right_symbol_key) USING (symbol) JOIN (
            SELECT DISTINCT * FROM unnest(%(emotives)s::text[], %(right_emotive_keys)s::bytea[])
        ) AS emotives (emotive, right_emotive_key) USING (emotive)
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3
    )
    INSERT INTO memory_app_symbolaffinity AS known (memory, symbol_key, emotive_key, symbol, emotive, value, changed)
    SELECT *, pg_current_xact_id() FROM placed
    ON CONFLICT (memory, symbol_key, emotive_key) DO UPDATE
    SET value = known.value + EXCLUDED.value, changed = EXCLUDED.changed
"""


class _AffinityRow(NamedTuple):
    memory: int
    symbol_key: bytes
    emotive_key: bytes
    node_id: str
    symbol: str
    emotive: str
    value: str


def _find_wrong_affinities(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    for row in map(_AffinityRow._make, rows(snapshot, _READ_AFFINITIES, node=node_id)):
        where = f"node {row.node_id!r}, affinity of {row.symbol!r} to {row.emotive!r}"
        keys = bytes(row.symbol_key), bytes(row.emotive_key)
        if keys != (affinity_key(row.symbol), affinity_key(row.emotive)):
            yield Fault((row.memory, *keys, row.symbol, row.emotive), f"{where}: under wrong keys")
        if not Decimal(row.value).is_finite():
            yield Fault((), f"{where}: it is {row.value}", repairable=False)


def _move_affinities(connection: Connection, faults: list[Fault]) -> None:
    memories, symbol_keys, emotive_keys, symbols, emotives = zip(*(fault.key for fault in faults), strict=True)
    connection.execute(
        _MOVE_AFFINITIES,
        {
            "memories": list(memories),
            "symbol_keys": list(symbol_keys),
            "emotive_keys": list(emotive_keys),
            "symbols": list(symbols),
            "emotives": list(emotives),
            "right_symbol_keys": [affinity_key(symbol) for symbol in symbols],
            "right_emotive_keys": [affinity_key(emotive) for emotive in emotives],
        },
    )


CHECKS = [
    Check(
        "patterns",
        "a pattern has the name, the length and the order that follow from it",
        _find_wrong_patterns,
        _repair_patterns,
    ),
    Check(
        "affinities", "an affinity is found under its symbol and its emotive", _find_wrong_affinities, _move_affinities
    ),
]
