"""Adding to the affinities of a node's symbols, and taking back, inside the transaction of their cause.

PostgreSQL makes the products of symbols and emotives: in the process each pair would take a kilobyte and ten times as
long. It makes them in parts, each short enough for a statement, and in the order of the keys, as locks must be taken.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from foundation.postgresql.statements import Parameters
from memory_app.models import affinity_key
from memory_app.stores import PATTERNS

_LEARNED = """
    learned AS (
        SELECT symbol_key, emotive_key, sum(value) AS value
        FROM unnest(%(symbols_of)s::int[], %(symbol_keys)b::bytea[]) AS its_symbol (lesson, symbol_key)
        JOIN unnest(%(emotives_of)s::int[], %(emotive_keys)b::bytea[], %(values)s::numeric[])
            AS its_emotive (lesson, emotive_key, value) USING (lesson)
        GROUP BY symbol_key, emotive_key
    )
"""
_ADD = f"""
    WITH {_LEARNED}
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
# Where nothing is left, the row goes. Of an estimate, almost nothing is nothing.
_NOTHING_LEFT = """
    abs(known.value - learned.value) <= CASE WHEN %(estimated)s THEN 1e-12 * greatest(1, abs(learned.value)) ELSE 0 END
"""
_OF_KNOWN = """
    known.memory = %(memory)s AND known.symbol_key = learned.symbol_key AND known.emotive_key = learned.emotive_key
"""
_TAKE_BACK = f"""
    WITH {_LEARNED}, emptied AS (
        DELETE FROM memory_app_symbolaffinity AS known USING learned WHERE {_OF_KNOWN} AND {_NOTHING_LEFT}
    )
    UPDATE memory_app_symbolaffinity AS known SET value = known.value - learned.value, changed = pg_current_xact_id()
    FROM learned WHERE {_OF_KNOWN} AND NOT ({_NOTHING_LEFT})
"""

_PAIRS_AT_ONCE = 50_000
"""That one statement adds, unless so many lessons share one pair; a statement must be done within seconds."""


Number = float | Decimal
_Lessons = Sequence[tuple[list[str], Mapping[str, Number]]]


class Felt(NamedTuple):
    """aff(x, e) of each of these different symbols x grows by the number of each emotive e."""

    symbols: Iterable[str]
    emotives: Mapping[str, Number]


def add(memory: int, felt: Iterable[Felt]) -> None:
    """The sums are exact (`numeric`), so the order of adding does not matter."""
    _in_parts(_ADD, memory, felt)


def take_back(memory: int, felt: Iterable[Felt], *, estimated: bool) -> None:
    """The reverse of `add`, in a transaction that has locked the node against learns. Ignores unknown pairs.

    estimated: the numbers are not exactly what was added.
    """
    _in_parts(_TAKE_BACK, memory, felt, estimated=estimated)


def _in_parts(statement: str, memory: int, felt: Iterable[Felt], **options: bool) -> None:
    lessons = [(list(symbols), emotives) for symbols, emotives in felt if emotives]
    pairs = Counter[str]()
    for symbols, emotives in lessons:
        for symbol in symbols:
            pairs[symbol] += len(emotives)
    symbol_keys = {symbol: affinity_key(symbol) for symbol in pairs}
    emotive_keys = {emotive: affinity_key(emotive) for _, emotives in lessons for emotive in emotives}
    for part in _parts(pairs, sorted(pairs, key=symbol_keys.__getitem__)):
        keys = {symbol: symbol_keys[symbol] for symbol in part}
        for some, its_emotive_keys in _parts_of(part, pairs, lessons, emotive_keys):
            parameters = _parameters(some, keys, its_emotive_keys)
            PATTERNS.execute(statement, {"memory": memory, **parameters, **options})


def _parts_of(
    symbols: Sequence[str], pairs: Mapping[str, int], lessons: _Lessons, emotive_keys: Mapping[str, bytes]
) -> Iterator[tuple[_Lessons, Mapping[str, bytes]]]:
    """The lessons of a part, and their emotives. A symbol with too many emotives for one statement takes several."""
    if sum(pairs[symbol] for symbol in symbols) <= _PAIRS_AT_ONCE:
        yield lessons, emotive_keys
        return
    [symbol] = symbols
    own = [emotives for its_symbols, emotives in lessons if symbol in its_symbols]
    counts = Counter(chain.from_iterable(own))
    for part in _parts(counts, sorted(counts, key=emotive_keys.__getitem__)):
        keys = {emotive: emotive_keys[emotive] for emotive in part}
        yield [([symbol], {name: emotives[name] for name in part if name in emotives}) for emotives in own], keys


def _parts(pairs: Mapping[str, int], texts: Iterable[str]) -> Iterator[list[str]]:
    """The symbols, or the emotives, in parts of few pairs; a part of one text may have more."""
    part: list[str] = []
    size = 0
    for text in texts:
        if part and size + pairs[text] > _PAIRS_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(text)
        size += pairs[text]
    if part:
        yield part


def _parameters(
    lessons: _Lessons,
    symbol_keys: Mapping[str, bytes],
    emotive_keys: Mapping[str, bytes],
) -> Parameters:
    symbol_rows: list[tuple[int, bytes]] = []
    emotive_rows: list[tuple[int, str, Number]] = []
    for number, (symbols, emotives) in enumerate(lessons):
        if concerned := [(number, symbol_keys[symbol]) for symbol in symbols if symbol in symbol_keys]:
            symbol_rows += concerned
            emotive_rows += [(number, emotive, value) for emotive, value in emotives.items()]
    return {
        "symbols_of": [number for number, _ in symbol_rows],
        "symbol_keys": [key for _, key in symbol_rows],
        "emotives_of": [number for number, _, _ in emotive_rows],
        "emotive_keys": [emotive_keys[emotive] for _, emotive, _ in emotive_rows],
        "values": [exact_text(value) for _, _, value in emotive_rows],
        "symbols": list(symbol_keys),
        "known_symbol_keys": list(symbol_keys.values()),
        "emotives": list(emotive_keys),
        "known_emotive_keys": list(emotive_keys.values()),
    }


def exact_text(value: Number) -> str:
    """For PostgreSQL's `numeric`."""
    return format(Decimal(value), "f")
