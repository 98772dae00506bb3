"""Exporting a node: the lines of its file (`node_files.py`), all from one moment, in constant memory.

Patterns come in the order of their names, then affinities in the order of the digests of their symbols. So an
interrupted export can go on after the last line that arrived.
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
_BYTES = 512 * 1024  # of one part, unless a single row has more

# In the order of an index: PostgreSQL plans for a node of average size, and would sort all rows of a large one.
_BEGIN = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET LOCAL enable_sort = off")
_PATTERNS = f"""
    SELECT name, '{{"name":"' || name || '","events":' || events || ',"frequency":' || frequency
        || ',"emotives":' || emotives || ',"metadata":' || metadata || '}}'
    FROM (
        SELECT encode(name, 'hex') AS name, events::text, frequency, emotives::text, metadata::text, size,
            sum(size) OVER (ORDER BY name ROWS UNBOUNDED PRECEDING) AS used
        FROM (
            SELECT *, octet_length(events::text) + octet_length(emotives::text) + octet_length(metadata::text) AS size
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
_COUNT_PATTERNS = """
    SELECT count(*) FROM memory_app_pattern WHERE memory = %(memory)s AND name <= decode(%(after)s, 'hex')
"""
_COUNT_SYMBOLS = """
    SELECT count(DISTINCT symbol_key) FROM memory_app_symbolaffinity
    WHERE memory = %(memory)s AND symbol_key <= %(symbol_key)s
"""
# Above all digests.
_LAST = b"\xff" * 21


class Position(NamedTuple):
    """After which line an export goes on: that of this pattern, or that of the affinities of this symbol."""

    pattern: str = ""
    symbol: str | None = None


START = Position()


def check(node_id: str, since: ExportMoment | None) -> None:
    """Raises NodeUnknown, and NodeChanged where the node is not what it was at that moment."""
    now = export_moments.of_now(node_id)
    if now is None:
        raise NodeUnknown(node_id)
    if since is not None and not export_moments.is_unchanged(since, now):
        raise export_moments.NodeChanged


def parts(node_id: str, *, after: Position = START, since: ExportMoment | None = None) -> Generator[bytes]:
    """The file, in parts of whole lines; what comes after a line, as it is since a moment. Raises as `check`.

    Holds a transaction open from the first part to the last: close it, or exhaust it.
    """
    with transaction.atomic(durable=True):
        for statement in _BEGIN:
            PATTERNS.execute(statement, {})
        check(node_id, since)
        moment = export_moments.of_now(node_id)
        assert moment is not None
        yield _line({"kato": "node", "version": 1, "node_id": node_id, "moment": str(since or moment)})
        patterns = affinities = 0
        if after.symbol is None:
            patterns = _count_patterns(moment.memory, after.pattern)
            for lines in _patterns(moment.memory, after.pattern):
                patterns += len(lines)
                yield "".join(f"{line}\n" for line in lines).encode()
            symbol_key = b""
        else:
            patterns = _count_patterns(moment.memory, "ff" * 21)
            symbol_key = affinity_key(after.symbol)
            [(affinities,)] = PATTERNS.execute(_COUNT_SYMBOLS, {"memory": moment.memory, "symbol_key": symbol_key})
        for batch in _batches(_affinities(moment.memory, symbol_key)):
            affinities += len(batch)
            yield b"".join(batch)
        yield _line({"end": True, "patterns": patterns, "affinities": affinities})


def _line(value: dict[str, object]) -> bytes:
    return to_json(value) + b"\n"


def _count_patterns(memory: int, last: str) -> int:
    if not last:
        return 0
    [(number,)] = PATTERNS.execute(_COUNT_PATTERNS, {"memory": memory, "after": last})
    return int(number)


def _patterns(memory: int, after: str) -> Iterator[list[str]]:
    while rows := PATTERNS.execute(_PATTERNS, {"memory": memory, "after": after}):
        after = rows[-1][0]
        yield [line for _, line in rows]


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
