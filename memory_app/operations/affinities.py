"""Adding to the affinities of a node's symbols, inside the transaction of their cause.

PostgreSQL makes the products of symbols and emotives: in the process each pair would take a kilobyte and ten times as
long. It makes them in parts, each short enough for a statement, and in the order of the keys, as locks must be taken.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from memory_app.models import affinity_key
from memory_app.stores import PATTERNS

_ADD = """
    WITH learned AS (
        SELECT symbol_key, emotive_key, sum(value) AS value
        FROM unnest(%(symbols_of)s::int[], %(symbol_keys)b::bytea[]) AS its_symbol (lesson, symbol_key)
        JOIN unnest(%(emotives_of)s::int[], %(emotive_keys)b::bytea[], %(values)s::numeric[])
            AS its_emotive (lesson, emotive_key, value) USING (lesson)
        GROUP BY symbol_key, emotive_key
    )
    INSERT INTO memory_app_symbolaffinity AS known
        (memory, symbol_key, emotive_key, symbol, emotive, value, changed)
    SELECT %(memory)s, symbol_key, emotive_key, symbol.text, emotive.text, value, pg_current_xact_id()
    FROM learned
        JOIN unnest(%(known_symbol_keys)b::bytea[], %(symbols)b::text[]) AS symbol (symbol_key, text)
            USING (symbol_key)
        JOIN unnest(%(known_emotive_keys)b::bytea[], %(emotives)b::text[]) AS emotive (emotive_key, text)
            USING (emotive_key)
    ORDER BY symbol_key, emotive_key
    ON CONFLICT (memory, symbol_key, emotive_key) DO UPDATE
    SET value = known.value + EXCLUDED.value, changed = EXCLUDED.changed
"""

_PAIRS_AT_ONCE = 100_000
"""That one statement adds, unless a single symbol has more; a statement must be done within seconds."""


class Felt(NamedTuple):
    """aff(x, e) of each of these different symbols x grows by the number of each emotive e."""

    symbols: Iterable[str]
    emotives: Mapping[str, float | Decimal]


def add(memory: int, felt: Iterable[Felt]) -> None:
    """The sums are exact (`numeric`), so the order of adding does not matter."""
    lessons = [(list(symbols), emotives) for symbols, emotives in felt if emotives]
    pairs = Counter[str]()
    for symbols, emotives in lessons:
        for symbol in symbols:
            pairs[symbol] += len(emotives)
    symbol_keys = {symbol: affinity_key(symbol) for symbol in pairs}
    emotive_keys = {emotive: affinity_key(emotive) for _, emotives in lessons for emotive in emotives}
    for part in _parts(pairs, sorted(pairs, key=symbol_keys.__getitem__)):
        _add(memory, lessons, {symbol: symbol_keys[symbol] for symbol in part}, emotive_keys)


def _parts(pairs: Mapping[str, int], symbols: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for symbol in symbols:
        if part and size + pairs[symbol] > _PAIRS_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(symbol)
        size += pairs[symbol]
    if part:
        yield part


def _add(
    memory: int,
    lessons: Sequence[tuple[list[str], Mapping[str, float | Decimal]]],
    symbol_keys: Mapping[str, bytes],
    emotive_keys: Mapping[str, bytes],
) -> None:
    symbol_rows: list[tuple[int, bytes]] = []
    emotive_rows: list[tuple[int, str, float | Decimal]] = []
    for number, (symbols, emotives) in enumerate(lessons):
        if concerned := [(number, symbol_keys[symbol]) for symbol in symbols if symbol in symbol_keys]:
            symbol_rows += concerned
            emotive_rows += [(number, emotive, value) for emotive, value in emotives.items()]
    PATTERNS.execute(
        _ADD,
        {
            "memory": memory,
            "symbols_of": [number for number, _ in symbol_rows],
            "symbol_keys": [key for _, key in symbol_rows],
            "emotives_of": [number for number, _, _ in emotive_rows],
            "emotive_keys": [emotive_keys[emotive] for _, emotive, _ in emotive_rows],
            "values": [format(Decimal(value), "f") for _, _, value in emotive_rows],
            "symbols": list(symbol_keys),
            "known_symbol_keys": list(symbol_keys.values()),
            "emotives": list(emotive_keys),
            "known_emotive_keys": list(emotive_keys.values()),
        },
    )
