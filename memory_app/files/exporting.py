"""Exporting a node: the lines of its file (`node_files.py`), all from one moment, in constant memory.

Patterns come in the order of their names, then affinities in the order of the digests of their symbols, then what is
retired in the order of names. So an interrupted export can go on after the last line that arrived.
"""

from collections.abc import Generator, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import NamedTuple

from django.db import transaction
from pydantic_core import to_json

from memory_app.errors import NodeUnknown
from memory_app.files import export_moments
from memory_app.files.export_moments import ExportMoment
from memory_app.models import affinity_key
from memory_app.stores import PATTERNS

_ROWS = 500
_RETIREMENTS_AT_ONCE = 5000
_BYTES = 512 * 1024  # of one part, unless a single row has more

# In the order of an index: PostgreSQL plans for a node of average size, and would sort all rows of a large one.
_BEGIN = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET LOCAL enable_sort = off")
_PATTERNS = f"""
    SELECT name, '{{"name":"' || name || '","events":' || events || ',"frequency":' || frequency
        || ',"emotives":' || emotives || ',"metadata":' || metadata || COALESCE(',"felt":' || felt, '') || '}}'
    FROM (
        SELECT encode(name, 'hex') AS name, events::text, frequency, emotives::text, metadata::text, size,
            CASE WHEN emotives::text <> '[]' OR felt::text <> '{{}}' THEN felt::text END AS felt,
            sum(size) OVER (ORDER BY name ROWS UNBOUNDED PRECEDING) AS used
        FROM (
            SELECT *, octet_length(events::text) + octet_length(emotives::text) + octet_length(metadata::text)
                + COALESCE(octet_length(felt::text), 0) AS size
            FROM memory_app_pattern WHERE memory = %(memory)s AND name > decode(%(after)s, 'hex')
            ORDER BY name LIMIT {_ROWS}
        ) AS next
    ) AS counted WHERE used <= {_BYTES} OR used = size ORDER BY name
"""
_AFFINITIES = f"""
    SELECT symbol_key, emotive_key, symbol, emotive, value::text FROM memory_app_symbolaffinity
    WHERE memory = %(memory)s AND (symbol_key, emotive_key) > (%(symbol_key)s::bytea, %(emotive_key)s::bytea)
    ORDER BY symbol_key, emotive_key LIMIT {_ROWS}
"""
_RETIREMENTS = f"""
    SELECT encode(name, 'hex'),
        '{{"retired":"' || encode(name, 'hex') || '"' || CASE WHEN purged THEN ',"purged":true' ELSE '' END || '}}'
    FROM memory_app_retirement WHERE memory = %(memory)s AND name > decode(%(after)s, 'hex')
    ORDER BY name LIMIT {_RETIREMENTS_AT_ONCE}
"""
_COUNT = "SELECT count(*) FROM {table} WHERE memory = %(memory)s AND name <= decode(%(last)s, 'hex')"
_COUNT_PATTERNS = _COUNT.format(table="memory_app_pattern")
_COUNT_RETIREMENTS = _COUNT.format(table="memory_app_retirement")
_COUNT_SYMBOLS = """
    SELECT count(DISTINCT symbol_key) FROM memory_app_symbolaffinity
    WHERE memory = %(memory)s AND symbol_key <= %(symbol_key)s
"""
# Above all digests.
_LAST = b"\xff" * 21


class Position(NamedTuple):
    """After which line an export goes on: that of this pattern, of the affinities of this symbol, or of this name."""

    pattern: str = ""
    symbol: str | None = None
    retired: str = ""


START = Position()


def check(node_id: str, since: ExportMoment | None) -> ExportMoment:
    """The moment of the running transaction.

    Raises NodeUnknown, and NodeChanged where the node is not what it was at the moment `since`.
    """
    now = export_moments.of_now(node_id)
    if now is None:
        raise NodeUnknown(node_id)
    if since is not None and not export_moments.is_unchanged(since, now):
        raise export_moments.NodeChanged
    return now


def parts(node_id: str, *, after: Position = START, since: ExportMoment | None = None) -> Generator[bytes]:
    """The file, in parts of whole lines; what comes after a line, as it is since a moment. Raises as `check`.

    Holds a transaction open until all parts but the last are read: close it, or exhaust it.
    """
    with transaction.atomic(durable=True):
        for statement in _BEGIN:
            PATTERNS.execute(statement, {})
        moment = check(node_id, since)
        yield _line({"kato": "node", "version": 1, "node_id": node_id, "moment": str(since or moment)})
        last_name, last_key, last_retired = _done(after)
        counts = _counts(moment.memory, last_name, last_key, last_retired)
        for lines in _in_order_of_names(_PATTERNS, moment.memory, last_name):
            counts["patterns"] += len(lines)
            yield b"".join(lines)
        for lines in _batches(_affinities(moment.memory, last_key)):
            counts["affinities"] += len(lines)
            yield b"".join(lines)
        for lines in _in_order_of_names(_RETIREMENTS, moment.memory, last_retired):
            counts["retirements"] += len(lines)
            yield b"".join(lines)
    # A transaction that ends badly has no last line.
    yield _line({"end": True, **counts})


def _done(after: Position) -> tuple[str, bytes, str]:
    """After which name of a pattern, key of a symbol, and name of a retirement the rest of the file is."""
    if after.retired:
        return _LAST.hex(), _LAST, after.retired
    if after.symbol is not None:
        return _LAST.hex(), affinity_key(after.symbol), ""
    return after.pattern, b"", ""


def _counts(memory: int, name: str, key: bytes, retired: str) -> dict[str, int]:
    """How many lines of each kind there are up to there."""
    parameters = {"memory": memory, "symbol_key": key}
    return {
        "patterns": _number(_COUNT_PATTERNS, {**parameters, "last": name}) if name else 0,
        "affinities": _number(_COUNT_SYMBOLS, parameters) if key else 0,
        "retirements": _number(_COUNT_RETIREMENTS, {**parameters, "last": retired}) if retired else 0,
    }


def _number(count: str, parameters: dict[str, object]) -> int:
    [(number,)] = PATTERNS.execute(count, parameters)
    return int(number)


def _line(value: dict[str, object]) -> bytes:
    return to_json(value) + b"\n"


def _in_order_of_names(page: str, memory: int, after: str) -> Iterator[list[bytes]]:
    while rows := PATTERNS.execute(page, {"memory": memory, "after": after}):
        after = rows[-1][0]
        yield [f"{line}\n".encode() for _, line in rows]


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if size > _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _affinities(memory: int, after: bytes) -> Iterator[bytes]:
    """The affinities of one symbol after the other. Numbers with all their digits: `numeric` is exact, a double not."""
    rows = chain.from_iterable(_affinity_rows(memory, after))
    for symbol, of_symbol in groupby(rows, itemgetter(0)):
        values = b",".join(to_json(emotive) + b":" + value.encode() for _, emotive, value in of_symbol)
        yield b'{"symbol":' + to_json(symbol) + b',"affinity":{' + values + b"}}\n"


def _affinity_rows(memory: int, after: bytes) -> Iterator[list[tuple[str, str, str]]]:
    keys = (after, _LAST if after else b"")
    while True:
        parameters = {"memory": memory, "symbol_key": keys[0], "emotive_key": keys[1]}
        rows = PATTERNS.execute(_AFFINITIES, parameters)
        if not rows:
            return
        keys = (bytes(rows[-1][0]), bytes(rows[-1][1]))
        yield [(symbol, emotive, value) for _, _, symbol, emotive, value in rows]
