"""The change feed of a node: what an index has to read to show what the database shows.

Every pattern row carries `changed`, the id of the transaction that last wrote it. Each read of the feed remembers the
*horizon*: the id of the oldest transaction that was still running. The next read asks for rows changed at or above that
horizon. A transaction that takes its id early and commits late was running at every read before its commit, so no
horizon has passed it, and it is never skipped. Rows between the horizon and now may be read twice, which does no harm:
a row states a frequency, it does not add to one.

Retired patterns have records of their own, and a purged pattern has no row left that could say so. Each act on patterns
leaves a row in `PatternAct`, which the feed follows in the same way, and changes `acts_version` of the node: only then
are acts read. Where acts since the horizon may have been forgotten (`acts_forgotten`), the index is built again.
"""

from typing import Any, NamedTuple

import numpy as np

from engine.arrays import Ints
from memory_app.stores import PATTERNS

# Ids at or above the next one to be assigned are left over from another life of the database (a restored back-up): an
# index reads such rows when it is built; if it followed them, it would read them again and again.
_CHANGES = """
    SELECT node.memory, node.rebuilt, node.finalized_version, node.acts_version, pg_current_snapshot()::text,
        encode(pattern.name, 'hex'), pattern.events::text, pattern.frequency, pattern.emotives::text <> '[]'
    FROM memory_app_node AS node
    LEFT JOIN memory_app_pattern AS pattern
        ON pattern.memory = %(memory)s AND node.memory = %(memory)s
        AND pattern.changed >= %(horizon)s::xid8 AND pattern.changed < pg_snapshot_xmax(pg_current_snapshot())
    WHERE node.node_id = %(node_id)s
"""
MOST_ACTS = 50_000
"""Of which one statement reads what the patterns are now. An index that is further behind is built again."""
# What the patterns are now that were acted on since the horizon.
_ACTS = """
    SELECT node.acts_version, node.acts_forgotten >= %(horizon)s::xid8, encode(act.name, 'hex'),
        EXISTS (SELECT FROM memory_app_pattern AS one WHERE one.memory = node.memory AND one.name = act.name),
        EXISTS (SELECT FROM memory_app_retirement AS one WHERE one.memory = node.memory AND one.name = act.name)
    FROM memory_app_node AS node LEFT JOIN (
        SELECT name FROM memory_app_patternact JOIN memory_app_patternofact AS one
            ON one.act = memory_app_patternact.number
        WHERE memory = %(memory)s AND changed >= %(horizon)s::xid8
            AND changed < pg_snapshot_xmax(pg_current_snapshot()) LIMIT %(most)s + 1
    ) AS act ON true
    WHERE node.memory = %(memory)s
"""
PATTERNS_AT_ONCE, BYTES_AT_ONCE = 10_000, 32 * 1024 * 1024
# A few long values instead of a row for each pattern: PostgreSQL makes them with less work than it sends rows, and an
# index reads them as they are. The page ends early before they are as long as PostgreSQL can make no value any more.
_NEXT_PATTERNS = """
    SELECT string_agg(name, ''::bytea) FILTER (WHERE fits),
        string_agg(events, ',') FILTER (WHERE fits),
        string_agg(int8send(frequency), ''::bytea) FILTER (WHERE fits),
        bool_or(has_emotives) FILTER (WHERE fits), count(*) < %(patterns)s AND bool_and(fits)
    FROM (
        SELECT *, coalesce(sum(octet_length(events)) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            < %(bytes)s AS fits
        FROM (
            SELECT name, events::text, frequency, emotives::text <> '[]' AS has_emotives
            FROM memory_app_pattern WHERE memory = %(memory)s AND name > %(after)s ORDER BY name LIMIT %(patterns)s
        ) AS next
    ) AS page
"""
# By their names: between two patterns there may be any number of names that are retired and were never learned.
_RETIRED = """
    SELECT encode(name, 'hex') FROM memory_app_retirement
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex))
"""


class Patterns(NamedTuple):
    """Patterns as `Index.upsert_json` takes them, and whether any of them has emotives."""

    names: bytes
    events: str
    frequencies: Ints
    have_emotives: bool

    def hex_names(self) -> list[str]:
        digits = self.names.hex()
        return [digits[start : start + 40] for start in range(0, len(digits), 40)]


NO_PATTERNS = Patterns(b"", "", np.zeros(0, dtype=np.int64), False)


class Page(NamedTuple):
    patterns: Patterns
    is_last: bool


class Changes(NamedTuple):
    """One read of the change feed: what a node is at the moment of `snapshot`, and the patterns that changed."""

    memory: int
    rebuilt: int
    finalized_version: int
    acts_version: int
    snapshot: str
    patterns: Patterns


class ActedOn(NamedTuple):
    """What a pattern is now: whether it has a row, and whether it is retired."""

    is_known: bool
    is_retired: bool


class Acts(NamedTuple):
    """What the patterns are, as of `version`, that were acted on since the horizon.

    None where there are too many, or where it is not known any more which they are.
    """

    version: int
    patterns: dict[str, ActedOn] | None


def read_changes(node_id: str, *, memory: int, horizon: str) -> Changes | None:
    """`memory`, `horizon`: as of the read before. None if there is no such node."""
    rows = PATTERNS.execute(_CHANGES, {"node_id": node_id, "memory": memory, "horizon": horizon})
    if not rows:
        return None
    # The node's columns are the same in each row; those of a pattern are NULL where none has changed.
    memory, rebuilt, finalized_version, acts_version, snapshot, *_ = rows[0]
    patterns = NO_PATTERNS if rows[0][5] is None else _patterns([row[5:] for row in rows])
    return Changes(memory, rebuilt, finalized_version, acts_version, snapshot, patterns)


def _patterns(rows: list[tuple[Any, ...]]) -> Patterns:
    names, events, frequencies, with_emotives = zip(*rows, strict=True)
    return Patterns(
        bytes.fromhex("".join(names)),
        ",".join(events),
        np.array(frequencies, dtype=np.int64),
        any(with_emotives),
    )


def read_acts(*, memory: int, horizon: str) -> Acts | None:
    """None if no node has this memory any more."""
    rows = PATTERNS.execute(_ACTS, {"memory": memory, "horizon": horizon, "most": MOST_ACTS})
    if not rows:
        return None
    version, are_forgotten, *_ = rows[0]
    if len(rows) > MOST_ACTS or are_forgotten:
        return Acts(version, None)
    return Acts(version, {name: ActedOn(known, retired) for _, _, name, known, retired in rows if name is not None})


def next_patterns(memory: int, *, after: bytes) -> Page:
    """The page of patterns after a name."""
    parameters = {"memory": memory, "after": after, "patterns": PATTERNS_AT_ONCE, "bytes": BYTES_AT_ONCE}
    [row] = PATTERNS.execute_in_order(_NEXT_PATTERNS, parameters, binary=True)
    names, events, frequencies, have_emotives, is_last = row
    if names is None:
        return Page(NO_PATTERNS, is_last=True)
    return Page(Patterns(names, events, np.frombuffer(frequencies, ">i8").astype(np.int64), have_emotives), is_last)


def retired_among(memory: int, patterns: Patterns) -> list[str]:
    """The names of the retired ones."""
    return [name for (name,) in PATTERNS.execute(_RETIRED, {"memory": memory, "names": patterns.hex_names()})]
