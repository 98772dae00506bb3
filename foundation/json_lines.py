"""Files of JSON lines, each of a declared shape: the format of exported nodes and sessions (docs/migrating.md)."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from foundation.errors import InvalidRequest

_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_NOT_JSON = "Invalid JSON: "  # as pydantic begins


class WrongLine(Exception):
    """`number` counts from 1."""

    def __init__(self, number: int, problem: str) -> None:
        self.number, self.problem = number, _of_its_line(problem)
        super().__init__(f"line {number}: {self.problem}")


class Line(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, strict=True)


def parsed(lines: Iterable[bytes], parse: Callable[[bytes], Line]) -> Iterator[tuple[int, Line]]:
    """The lines with their numbers, parsed. Raises WrongLine when `parse` raises ValueError or InvalidRequest."""
    for number, text in enumerate(lines, start=1):
        try:
            yield number, parse(text.removeprefix(BOM_UTF8) if number == 1 else text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise WrongLine(number, _located(first["loc"], first["msg"].removeprefix("Value error, "))) from None
        except InvalidRequest as error:
            raise WrongLine(number, _located(error.problems[0]["loc"][1:], error.problems[0]["msg"])) from None
        except ValueError as error:
            raise WrongLine(number, str(error)) from None


def of_a_kind(value: Any, kinds: Mapping[str, type[Line]]) -> Line:
    """A value of one of `kinds`, which maps the key that only lines of a kind have to its shape. Raises ValueError."""
    found = kinds.keys() & value.keys() if isinstance(value, dict) else ()
    if len(found) != 1:
        raise ValueError(f"a line is a JSON object with one of {', '.join(kinds)}")
    [key] = found
    return kinds[key].model_validate(value)


def _of_its_line(problem: str) -> str:
    """A problem of one line, for which the parser of JSON says line 1, or 2 behind its end, whatever its number is."""
    place = _PLACE.search(problem)
    if place is None:
        return problem
    where = f"at character {place[2]}" if place[1] == "1" else "at its end"
    return f"{_NOT_JSON}{problem[: place.start()].removeprefix(_NOT_JSON)} {where}"


def _located(place: Sequence[str | int], message: str) -> str:
    return ": ".join(filter(None, [".".join(map(str, place)), message]))
