"""Reading training sequences from files of any size in bounded memory (docs/commands.md).

text: a line is a sequence, each of its words an event of one symbol.
csv: a row is an event of the sequence that its `case` column names; without such a column a row is a sequence, whose
events are the words of its `symbols` column.
ndjson: a line is a list of events, each a list of symbols or an observation as in `observe`.
"""

import csv
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby, islice
from math import isfinite
from operator import itemgetter
from typing import IO, Any

from django.conf import settings
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from foundation.errors import InvalidRequest
from foundation.http.bodies import check_storable
from foundation.json_lines import WrongLine
from memory_app.errors import VectorDimensionError
from sessions_app.limits import MAX_TEXT
from sessions_app.observations import Observation
from sessions_app.shapes import bodies
from sessions_app.shapes.observation_input import make_training_observation

FORMATS = ("text", "csv", "ndjson")
SUFFIXES = {".txt": "text", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}

# Of a line, and of a sequence, in bytes: the limit of a request.
LONGEST: int = settings.ENV.max_request_size

_EVENTS = TypeAdapter(list[bodies.TrainingEvent])


@dataclass(frozen=True, slots=True)
class Sequence:
    """`line`: where it begins, from 1; `size`: its approximate size in the file, in bytes."""

    line: int
    size: int
    observations: list[Observation]


class WrongHeader(Exception):
    """The table lacks a requested column, or has it twice."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a table's columns. Without `case` each row is a sequence."""

    symbols: list[str]
    case: str | None = None
    emotives: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    delimiter: str = ","


def read_text(file: IO[bytes], *, skip: int) -> Iterator[Sequence]:
    """Raises WrongLine."""
    for number, line in islice(_filled(file), skip, None):
        words = _bounded(number, _decoded(number, line).split())
        yield Sequence(number, len(line), [make_training_observation([word]) for word in words])


def read_ndjson(file: IO[bytes], *, skip: int, dimension: Callable[[], int | None]) -> Iterator[Sequence]:
    """`dimension`: called at the first vector; the dimension that vectors must have. Raises WrongLine."""
    expected: int | None = None
    for number, line in islice(_filled(file), skip, None):
        try:
            events = _EVENTS.validate_json(line)
            check_storable(line)
            observations = [make_training_observation(event) for event in events]
        except ValidationError as error:
            raise WrongLine(number, _described(error.errors(include_url=False, include_input=False)[0])) from None
        except InvalidRequest as error:
            raise WrongLine(number, _described(error.problems[0])) from None
        except VectorDimensionError as error:
            raise WrongLine(number, str(error).partition(";")[0]) from None
        for vector in (one.vector for one in observations if one.vector):
            expected = expected or dimension() or vector.dimension
            if vector.dimension != expected:
                problem = VectorDimensionError(vector, expected=expected)
                raise WrongLine(number, str(problem).partition(";")[0])
        yield Sequence(number, len(line), observations)


def read_csv(file: IO[bytes], *, skip: int, columns: Columns) -> Iterator[Sequence]:
    """Sequences in the order in which they begin, their events in the order of the rows. Raises WrongLine, WrongHeader.

    The rows of a sequence may be anywhere in the file, so a temporary file collects all rows before this yields the
    first sequence.
    """
    rows = _rows(file, columns)
    return islice(_sequences_of_rows(rows) if columns.case is None else _sequences_of_cases(rows), skip, None)


def _numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise WrongLine(number, f"it has more than {LONGEST} bytes")
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _filled(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in _numbered(file) if not line.isspace())


def _decoded(number: int, line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise WrongLine(number, f"it is not UTF-8: {error.reason} at byte {error.start + 1}") from None
    if "\0" in text:
        raise WrongLine(number, "U+0000 cannot be stored")
    return text


def _bounded(number: int, symbols: list[str]) -> list[str]:
    longest = max(map(len, symbols), default=0)
    if longest > MAX_TEXT:
        raise WrongLine(number, f"a symbol has {longest} characters, at most {MAX_TEXT} are allowed")
    return symbols


def _described(problem: Mapping[str, Any]) -> str:
    """`1.0.strings: Input should be a valid list`; events and symbols count from 0."""
    tags = ("body", "symbols", "observation")
    place = ".".join(str(part) for part in problem["loc"] if part not in tags)
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])


_Event = tuple[list[str], dict[str, float], dict[str, str]]  # strings, emotives, metadata
# The line where it begins, its sequence's name (or the line number), its event.
_Row = tuple[int, str, _Event]


def _rows(file: IO[bytes], columns: Columns) -> Iterator[_Row]:
    csv.field_size_limit(LONGEST)
    reader = csv.reader(
        (_decoded(number, line) for number, line in _numbered(file)), strict=True, delimiter=columns.delimiter
    )
    begins = 1
    try:
        header = next(reader, [])
        place = {name: header.index(name) for name in _wanted(header, columns)}
        begins = reader.line_num + 1
        for row in reader:
            if row:
                if len(row) != len(header):
                    raise WrongLine(begins, f"it has {len(row)} columns, the header has {len(header)}")
                name = row[place[columns.case]] if columns.case else str(begins)
                strings = [row[place[one]] for one in columns.symbols if row[place[one]]]
                if columns.case:
                    _bounded(begins, strings)
                metadata = {one: row[place[one]] for one in columns.metadata if row[place[one]]}
                yield begins, name, (strings, _emotives(begins, row, columns, place), metadata)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise WrongLine(begins, str(error)) from None


def _wanted(header: list[str], columns: Columns) -> list[str]:
    case = [columns.case] if columns.case is not None else []
    wanted = [*case, *columns.symbols, *columns.emotives, *columns.metadata]
    for name in wanted:
        if header.count(name) != 1:
            has = "no column" if name not in header else "more than one column"
            raise WrongHeader(f"The file has {has} {name!r}. Its columns: {', '.join(header)}")
    return wanted


def _emotives(number: int, row: list[str], columns: Columns, place: dict[str, int]) -> dict[str, float]:
    emotives = {}
    for name in columns.emotives:
        text = row[place[name]]
        if text:
            try:
                emotives[name] = float(text)
            except ValueError:
                raise WrongLine(number, f"{name}: {text!r} is not a number") from None
            if not isfinite(emotives[name]):
                raise WrongLine(number, f"{name}: {text!r} is not finite")
    return emotives


def _sequences_of_rows(rows: Iterator[_Row]) -> Iterator[Sequence]:
    """Emotives and metadata of a row go with the last event."""
    for number, _, ([*texts], emotives, metadata) in rows:
        words = _bounded(number, " ".join(texts).split())
        events: list[_Event] = [([word], {}, {}) for word in words[:-1]] + [(words[-1:], emotives, metadata)]
        yield Sequence(number, sum(map(len, texts)), [_observation(event) for event in events])


def _sequences_of_cases(rows: Iterator[_Row]) -> Iterator[Sequence]:
    # SQLite keeps a database without a name in a temporary file, and deletes it with the connection.
    with closing(sqlite3.connect("")) as store:
        store.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE event (line INTEGER PRIMARY KEY, name TEXT, content BLOB);"
            "CREATE TABLE sequence (name TEXT PRIMARY KEY, begins INTEGER) WITHOUT ROWID"
        )
        inserted = ((number, name, to_json(event)) for number, name, event in rows)
        store.executemany("INSERT INTO event VALUES (?, ?, ?)", inserted)
        store.execute("INSERT INTO sequence SELECT name, min(line) FROM event GROUP BY name")
        ordered = store.execute(
            "SELECT begins, content FROM event JOIN sequence USING (name) ORDER BY begins, event.line"
        )
        for begins, events in groupby(ordered, key=itemgetter(0)):
            observations, size = [], 0
            for _, content in events:
                size += len(content)
                if size > LONGEST:
                    raise WrongLine(begins, f"the sequence that begins here has more than {LONGEST} bytes")
                observations.append(_observation(from_json(content)))
            yield Sequence(begins, size, observations)


def _observation(event: _Event) -> Observation:
    strings, emotives, metadata = event
    return Observation(strings=strings, vectors=[], vector=None, emotives=emotives, metadata=metadata, unique_id="")
