"""Browsing the patterns of a node: pages in the order of learning or of frequency, which take the same time however
many patterns there are.

A page begins after the last row of the page before, and reads on in the order of an index. What few patterns have is
looked up and sorted. For what many have, the rows are examined in order: a page ends after `MOST_EXAMINED` of them,
also when it has found few, and says where the next one begins.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from django.conf import settings
from pydantic_core import from_json, to_json

from foundation.errors import no_cursor, unfit_cursor
from memory_app.patience import PREDICTION_SECONDS, Bounded
from memory_app.reads import nodes
from memory_app.stores import PATTERNS

# Fewer patterns than this are looked up by their names and sorted.
MOST_SORTED = 5_000
# Rows that one page reads otherwise. With more than MOST_SORTED matches among a million patterns it finds fifty.
MOST_EXAMINED = 10_000

_NAME_DIGITS = 40


class Order(StrEnum):
    """`newest`: the pattern that was learned last, whether for the first time or again, comes first."""

    NEWEST = "newest"
    FREQUENCY = "frequency"


class Cursor(NamedTuple):
    """After which pattern a page begins. `key`: the transaction that last learned it, or its frequency."""

    order: Order
    memory: int
    key: int
    name: str

    def __str__(self) -> str:
        return f"{self.order}.{self.memory}.{self.key}.{self.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`symbol`: one that the patterns have in any event. `prefix`: the first hexadecimal digits of their names.

    `retired`: only those that are retired, or only the others.
    """

    symbol: str | None = None
    prefix: str = ""
    min_frequency: int = 1
    retired: bool | None = None
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class ListedPattern:
    """`size`: bytes of its events, emotives and metadata, which are None where that is more than a page may have."""

    name: str
    events: list[list[str]]
    length: int
    frequency: int
    is_retired: bool
    emotives: list[dict[str, float]] | None
    metadata: dict[str, list[str]] | None
    size: int


class PatternPage(NamedTuple):
    """`following`: where the next page begins; None on the last one."""

    patterns: list[ListedPattern]
    following: Cursor | None


CURSOR_PATTERN = r"(newest|frequency)\.([0-9]{1,18})\.([0-9]{1,18})\.([0-9a-f]{40})"
_CURSOR = re.compile(CURSOR_PATTERN)
_KEYS = {Order.NEWEST: ("changed", "xid8"), Order.FREQUENCY: ("frequency", "bigint")}
# As the index of the order has it (`models.Pattern`).
_MEMORY = {Order.NEWEST: "memory", Order.FREQUENCY: "memory + 0"}
_HIGHEST = {Order.NEWEST: 2**63, Order.FREQUENCY: 2**62}

# JSON writes a symbol in one way. This finds its text, or one that a longer text contains: cheap, and rarely wrong.
_HAS_TEXT = "strpos(events::text, %(symbol_json)s) > 0"
_HAS_SYMBOL = f"""
    CASE WHEN {_HAS_TEXT} THEN EXISTS (
        SELECT FROM json_array_elements(events) AS event, json_array_elements_text(event) AS symbol
        WHERE symbol = %(symbol)s
    ) ELSE false END
"""
_IN_RANGE = "name BETWEEN decode(%(lowest)s, 'hex') AND decode(%(highest)s, 'hex')"
_IS_FREQUENT = "frequency >= %(min_frequency)s"
# OFFSET 0: one lookup for each row. Otherwise PostgreSQL might read all retirements to answer for a single page.
_IS_RETIRED = """
    EXISTS (SELECT FROM memory_app_retirement AS one WHERE one.memory = %(memory)s AND one.name = {name} OFFSET 0)
"""
_IS_AMONG_RETIRED = """
    name = ANY(ARRAY(SELECT name FROM memory_app_retirement WHERE memory = %(memory)s AND NOT purged))
"""
_FIND_RETIREMENT = """
    SELECT EXISTS (
        SELECT FROM memory_app_retirement
        WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
            AND name = decode(%(name)s, 'hex'))
"""
_COUNT = f"""
    SELECT count(*) FROM (
        SELECT FROM {{table}} WHERE memory = %(memory)s AND {{condition}} LIMIT {MOST_SORTED + 1}
    ) AS found
"""
_COUNT_IN_RANGE = _COUNT.format(table="memory_app_pattern", condition=_IN_RANGE)
_COUNT_RETIRED = _COUNT.format(table="memory_app_retirement", condition="NOT purged")
# OFFSET 0: the index of the names finds these rows. With the LIMIT further out PostgreSQL might read all others, too.
_LOOK_UP = """
    SELECT *, 0 AS number, true AS matches FROM (
        SELECT * FROM memory_app_pattern AS pattern WHERE memory = %(memory)s AND {conditions} OFFSET 0
    ) AS found
    WHERE ({key}, name) < (%(key)s::{type}, decode(%(name)s, 'hex'))
"""
_EXAMINE = f"""
    SELECT *, row_number() OVER (ORDER BY {{key}} DESC, name DESC) AS number, {{conditions}} AS matches FROM (
        SELECT * FROM memory_app_pattern AS pattern
        WHERE {{memory}} = %(memory)s AND ({{key}}, name) < (%(key)s::{{type}}, decode(%(name)s, 'hex')) {{bound}}
        ORDER BY pattern.{{key}} DESC, pattern.name DESC LIMIT {MOST_EXAMINED}
    ) AS pattern
"""
# The last row that is examined comes along, whatever it is: the next page begins after it.
_PAGE = f"""
    SELECT encode(name, 'hex'), events::text, length, frequency, {_IS_RETIRED.format(name="counted.name")},
        CASE WHEN size <= %(budget)s THEN emotives::text END, CASE WHEN size <= %(budget)s THEN metadata::text END,
        size, {{key}}::text, number = {MOST_EXAMINED}, matches, rows
    FROM (
        SELECT *, count(*) OVER () AS rows,
            sum(size) OVER (ORDER BY {{key}} DESC, name DESC ROWS UNBOUNDED PRECEDING) AS used
        FROM (
            SELECT *, octet_length(events::text) + octet_length(emotives::text) + octet_length(metadata::text) AS size
            FROM ({{rows}}) AS given WHERE matches OR number = {MOST_EXAMINED}
            ORDER BY {{key}} DESC, name DESC LIMIT %(limit)s + 1
        ) AS wanted
    ) AS counted
    WHERE used <= %(budget)s OR used = size ORDER BY counted.{{key}} DESC, counted.name DESC LIMIT %(limit)s
"""


class _Row(NamedTuple):
    """`is_last`: of those that were examined. `rows`: how many there are, of which a page may leave out some."""

    name: str
    events: str
    length: int
    frequency: int
    is_retired: bool
    emotives: str | None
    metadata: str | None
    size: int
    key: str
    is_last: bool
    matches: bool
    rows: int


def cursor_of(text: str, order: Order) -> Cursor:
    """Raises InvalidRequest where no page with this order has named it."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise no_cursor(text)
    cursor = Cursor(Order(found[1]), int(found[2]), int(found[3]), found[4])
    if cursor.order is not order:
        raise unfit_cursor(text, "after_of_other_order", f"This page has the order {cursor.order}, not {order}")
    return cursor


def page(node_id: str, wanted: Wanted, *, after: Cursor | None = None, limit: int) -> PatternPage:
    """At most `limit` patterns; fewer where they are long, or where few of those that were examined are wanted.

    Raises NodeUnknown, InvalidRequest for a cursor of another node or of before a clear-all, PredictionTimedOut and
    ClientLeft.
    """
    memory = nodes.find(node_id).memory
    if after is not None and after.memory != memory:
        reason = "This page is not of this node, or the node was cleared since: read from the beginning"
        raise unfit_cursor(str(after), "after_outdated", reason)
    names = None if wanted.symbol is None else _names_with(node_id, wanted.symbol)
    if names == []:
        return PatternPage([], None)
    parameters = {
        "memory": memory,
        "key": str(_HIGHEST[wanted.order] if after is None else after.key),
        "name": "" if after is None else after.name,
        "names": names,
        "symbol": wanted.symbol,
        "symbol_json": None if wanted.symbol is None else to_json(wanted.symbol).decode(),
        "lowest": wanted.prefix.ljust(_NAME_DIGITS, "0"),
        "highest": wanted.prefix.ljust(_NAME_DIGITS, "f"),
        "min_frequency": wanted.min_frequency,
        "limit": limit,
        "budget": settings.ENV.limit_page,
    }
    rows = [_Row(*row) for row in _read(wanted, names, parameters)]
    return PatternPage([_listed(row) for row in rows if row.matches], _following(rows, wanted.order, memory))


def is_retired(node_id: str, name: str) -> bool:
    """Whether the node must not learn the pattern with this name, 40 hexadecimal digits."""
    return PATTERNS.execute(_FIND_RETIREMENT, {"node_id": node_id, "name": name}) == [(True,)]


def _read(wanted: Wanted, names: list[str] | None, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    few_retired = wanted.retired is True and _are_few(_COUNT_RETIRED, parameters)
    looked_up = names is not None or few_retired or (wanted.prefix and _are_few(_COUNT_IN_RANGE, parameters))
    conditions = [_IS_FREQUENT]
    if wanted.retired is not None:
        is_retired = _IS_AMONG_RETIRED if few_retired else _IS_RETIRED.format(name="pattern.name")
        conditions.append(is_retired if wanted.retired else f"NOT {is_retired}")
    if names is not None:
        conditions.append("name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)b::text[]) AS hex))")
    elif wanted.symbol is not None:
        conditions.append(_HAS_SYMBOL)
    if wanted.prefix:
        conditions.append(_IN_RANGE)
    key, type_of_key = _KEYS[wanted.order]
    rows = (_LOOK_UP if looked_up else _EXAMINE).format(
        conditions=" AND ".join(conditions),
        memory=_MEMORY[wanted.order],
        key=key,
        type=type_of_key,
        bound=f"AND {_IS_FREQUENT}" if wanted.order is Order.FREQUENCY else "",
    )
    statement = _PAGE.format(rows=rows, key=key)
    return (PATTERNS.execute if looked_up else PATTERNS.execute_in_order)(statement, parameters)


def _are_few(count: str, parameters: dict[str, Any]) -> bool:
    [(number,)] = PATTERNS.execute(count, parameters)
    return bool(number <= MOST_SORTED)


def _names_with(node_id: str, symbol: str) -> list[str] | None:
    """The names of the patterns with this symbol, as the node's index has them; None where they are many."""
    from memory_app.index import indexes  # loads the kernels, which commands do without

    with Bounded(PREDICTION_SECONDS, "Finding the patterns of a symbol") as stop:
        view = indexes.follow(node_id, stop).view
        stop.check()
    token = view.token(symbol)
    if token is None:
        return []
    if view.statistics.membership[token] > MOST_SORTED:
        return None
    return view.hex_names(view.rows_with(token))


def _following(rows: list[_Row], order: Order, memory: int) -> Cursor | None:
    if not rows or (len(rows) == rows[-1].rows and not rows[-1].is_last):
        return None
    return Cursor(order, memory, int(rows[-1].key), rows[-1].name)


def _listed(row: _Row) -> ListedPattern:
    return ListedPattern(
        name=row.name,
        events=from_json(row.events),
        length=row.length,
        frequency=row.frequency,
        is_retired=row.is_retired,
        emotives=None if row.emotives is None else from_json(row.emotives),
        metadata=None if row.metadata is None else from_json(row.metadata),
        size=row.size,
    )
