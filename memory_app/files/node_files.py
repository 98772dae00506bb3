"""Files of what a node knows: lines of JSON, to be added to a node (docs/migrating.md).

{"kato": "node", "version": 1, "node_id": "kitchen"}
{"name": "…", "events": [["a"], ["b"]], "frequency": 2, "emotives": [{"joy": 1.0}], "felt": {"joy": "2.0"}}
{"symbol": "a", "affinity": {"joy": 2.0}}
{"retired": "…", "purged": true}
{"end": true, "patterns": 1, "affinities": 1, "retirements": 1}
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Annotated, Literal, Self

from django.db import transaction
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError, from_json

from engine.lesson import Lesson, distinct
from engine.naming import bare_name, pattern_name
from engine.ranges import LARGEST_FREQUENCY
from foundation.json_lines import Line, WrongLine, of_a_kind, parsed
from memory_app.files.exact_numbers import exact, exact_of_text
from memory_app.node_ids import MAX_LENGTH
from memory_app.operations import retiring
from memory_app.operations.affinities import Felt
from memory_app.operations.patterns import Counted, add_affinities, learn
from memory_app.pattern_ids import PatternName

BATCH = 1000  # lines in one transaction


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("U+0000 cannot be stored")
    return text


Text = Annotated[str, AfterValidator(_storable)]


class Head(Line):
    kato: Literal["node"]
    version: Literal[1]
    node_id: Annotated[Text, Field(max_length=MAX_LENGTH)]
    # Of an export by this service; the parts of an interrupted one have the same where nothing changed in between.
    moment: str | None = None


class Pattern(Line):
    events: Annotated[list[Annotated[list[Text], Field(min_length=1)]], Field(min_length=1)]
    name: str | None = None
    frequency: Annotated[int, Field(ge=1, le=LARGEST_FREQUENCY)] = 1
    # By factories: pydantic would make a deep copy of a default for every line.
    emotives: list[dict[Text, float]] = Field(default_factory=list)
    metadata: dict[Text, list[Text]] = Field(default_factory=dict)
    # What its learns added to the affinity of each of its symbols, as texts: most programs round numbers.
    felt: dict[Text, Annotated[Decimal, BeforeValidator(exact_of_text)]] | None = None

    @model_validator(mode="after")
    def _has_its_name(self) -> Self:
        if self.lesson.length < 2:
            raise ValueError("a pattern has at least two symbols")
        if self.name is not None and bare_name(self.name) != self.lesson.name:
            raise ValueError(f"the name of these events is {self.lesson.name}, not {bare_name(self.name)}")
        return self

    @cached_property
    def lesson(self) -> Lesson:
        """Without affinities, which have lines of their own."""
        return Lesson(
            name=pattern_name(self.events),
            events=self.events,
            length=sum(map(len, self.events)),
            emotives=self.emotives,
            metadata={key: distinct(texts) for key, texts in self.metadata.items()},
            affinities={},
        )


def _number(value: object) -> Decimal:
    if not isinstance(value, Decimal):
        raise PydanticCustomError("decimal_type", "Input should be a valid number")
    return value


class Affinity(Line):
    symbol: Text
    affinity: dict[Text, Annotated[Decimal, BeforeValidator(_number)]]


class Retired(Line):
    """`purged`: the node has nothing of the pattern any more."""

    retired: PatternName
    purged: bool = False


class End(Line):
    end: Literal[True]
    patterns: int
    affinities: int
    # Older files have no such lines.
    retirements: int = 0


_KINDS: dict[str, type[Line]] = {
    "kato": Head,
    "events": Pattern,
    "symbol": Affinity,
    "retired": Retired,
    "end": End,
}


@dataclass(slots=True)
class Content:
    """What a file holds. window: the largest number of emotives of a pattern. complete: whether it has a last line.

    moment: of its first line. A file of several parts, one after the other, must be of one.
    """

    node_id: str | None = None
    moment: str | None = None
    lines: int = 0
    patterns: int = 0
    affinities: int = 0
    retirements: int = 0
    window: int = 0
    complete: bool = False


def check(lines: Iterable[bytes], is_fit: Callable[[Line], None] = lambda line: None) -> Content:
    """Check every line of a file; `is_fit` raises ValueError for one that is not. Raises WrongLine."""

    def parse(text: bytes) -> Line:
        line = _line(text)
        is_fit(line)
        return line

    content = Content()
    for number, line in parsed(lines, parse):
        if content.complete:
            raise WrongLine(number, "there are more lines after the last one")
        content.lines = number
        match line:
            case Head():
                _check_part(content, line, number)
                content.node_id, content.moment = line.node_id, line.moment
            case Pattern() if content.retirements:
                raise WrongLine(number, "a pattern comes before what is retired")
            case Pattern():
                content.patterns += 1
                content.window = max(content.window, len(line.emotives))
            case Affinity():
                content.affinities += 1
            case Retired():
                content.retirements += 1
            case End():
                if (line.patterns, line.affinities) != (content.patterns, content.affinities):
                    raise WrongLine(
                        number,
                        f"{line.patterns} patterns and {line.affinities} affinities were exported, "
                        f"here are {content.patterns} and {content.affinities}",
                    )
                if line.retirements != content.retirements:
                    raise WrongLine(
                        number, f"{line.retirements} retirements were exported, here are {content.retirements}"
                    )
                content.complete = True
    return content


def _check_part(content: Content, head: Head, number: int) -> None:
    """Raises WrongLine where a further part is not of the same export."""
    if content.lines > 1 and (head.node_id, head.moment) != (content.node_id, content.moment):
        raise WrongLine(number, "this part was exported from another node or at another moment than the part before")


def add(*, node_id: str, lines: Iterable[bytes], window: int, from_line: int = 1) -> Iterator[int]:
    """Add what a checked file holds to a node; yields the number of the last line of each batch once it is committed.

    Frequencies and affinities are added to those in the node; each pattern keeps its last `window` emotives.
    """
    numbered = ((number, line) for number, line in read(lines) if number >= from_line)
    while batch := list(islice(numbered, BATCH)):
        with transaction.atomic():
            add_lines(node_id, [line for _, line in batch], window)
        last_number, _ = batch[-1]
        yield last_number


def add_lines(node_id: str, lines: Iterable[Line], window: int, *, largest: int | None = None) -> None:
    """Add checked lines to a node, in the transaction of their cause; `largest` as in `learn`."""
    patterns: list[Pattern] = []
    affinities: list[Felt] = []
    retired: list[Retired] = []
    for line in lines:
        match line:
            case Pattern():
                patterns.append(line)
            case Affinity():
                affinities.append(Felt([line.symbol], line.affinity))
            case Retired():
                retired.append(line)
    if retired:
        # First of all: a learn would take this lock shared, and two of those would then wait for each other.
        retiring.lock_or_make(node_id)
    learn(
        node_id=node_id,
        lessons=[line.lesson for line in patterns],
        persistence=window,
        counted=[Counted(line.frequency, line.felt) for line in patterns],
        largest=largest,
    )
    add_affinities(node_id=node_id, felt=affinities)
    if retired:
        names = [line.retired for line in retired]
        purged = [line.retired for line in retired if line.purged]
        retiring.retire(node_id=node_id, names=names, purged=purged, why="from a file")


def read(lines: Iterable[bytes]) -> Iterator[tuple[int, Line]]:
    """The lines with their numbers. Raises WrongLine."""
    return parsed(lines, _line)


def _line(text: bytes) -> Line:
    value = from_json(text)
    if isinstance(value, dict) and "affinity" in value:
        # pydantic's parser would round the numbers to doubles.
        value = json.loads(text, parse_float=exact, parse_int=exact)
    return of_a_kind(value, _KINDS)
