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

from typing import NamedTuple

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
PATTERNS_AT_ONCE = 10_000
_NEXT_PATTERNS = f"""
    SELECT encode(name, 'hex'), events::text, frequency, emotives::text <> '[]'
    FROM memory_app_pattern WHERE memory = %(memory)s AND name > decode(%(after)s, 'hex')
    ORDER BY name LIMIT {PATTERNS_AT_ONCE}
"""
# By their names: between two patterns there may be any number of names that are retired and were never learned.
_RETIRED = """
    SELECT encode(name, 'hex') FROM memory_app_retirement
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex))
"""


# Name, events as JSON, frequency, whether it has emotives. Plain tuples: an index reads up to a million at once.
PatternRow = tuple[str, str, int, bool]


class Changes(NamedTuple):
    """One read of the change feed: what a node is at the moment of `snapshot`, and the patterns that changed."""

    memory: int
    rebuilt: int
    finalized_version: int
    acts_version: int
    snapshot: str
    patterns: list[PatternRow]


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
    patterns = [
        (name, events, frequency, has_emotives)
        for _, _, _, _, _, name, events, frequency, has_emotives in rows
        if name is not None
    ]
    return Changes(memory, rebuilt, finalized_version, acts_version, snapshot, patterns)


def read_acts(*, memory: int, horizon: str) -> Acts | None:
    """None if no node has this memory any more."""
    rows = PATTERNS.execute(_ACTS, {"memory": memory, "horizon": horizon, "most": MOST_ACTS})
    if not rows:
        return None
    version, are_forgotten, *_ = rows[0]
    if len(rows) > MOST_ACTS or are_forgotten:
        return Acts(version, None)
    return Acts(version, {name: ActedOn(known, retired) for _, _, name, known, retired in rows if name is not None})


def next_patterns(memory: int, *, after: str) -> list[PatternRow]:
    """The page of patterns after a name; a page of fewer than PATTERNS_AT_ONCE is the last."""
    return PATTERNS.execute_in_order(_NEXT_PATTERNS, {"memory": memory, "after": after})


def retired_among(memory: int, names: list[str]) -> list[str]:
    """The retired ones of a page of patterns."""
    return [name for (name,) in PATTERNS.execute(_RETIRED, {"memory": memory, "names": names})]
