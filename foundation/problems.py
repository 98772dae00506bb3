"""What is wrong with an input, as a list of problems in pydantic's form: type, loc, msg, input and sometimes ctx."""

import json
from collections.abc import Sequence
from typing import Any

Problem = dict[str, Any]

# More would help no one, and a body of ten million wrong values would get an answer of a gigabyte.
MOST_PROBLEMS = 100
_MOST_CHARACTERS = 1000

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def cut(problem: Problem) -> Problem:
    """The problem, with no text in it that is longer than a thousand characters."""
    whole = {**problem, "loc": [_cut_text(part) for part in problem["loc"]], "msg": _cut_text(problem["msg"])}
    return {**whole, "input": _excerpt(problem["input"])}


def _cut_text(value: Any) -> Any:
    return f"{value[:_MOST_CHARACTERS]}…" if isinstance(value, str) and len(value) > _MOST_CHARACTERS else value


def _excerpt(value: Any) -> Any:
    """The value; if its JSON is too long, the beginning of that as a text. Looks at no more than it returns."""
    if isinstance(value, str):
        return _cut_text(value)
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: _MOST_CHARACTERS + 1]
        if len(text) > _MOST_CHARACTERS:
            return _cut_text(text)
    return value


def explain_problems(problems: Sequence[Any]) -> str:
    """On one line: `observations.0.strings: Input should be a valid list`."""
    return "; ".join(f"{_path(problem['loc'])}: {problem['msg']}" for problem in problems[:MOST_PROBLEMS])


def _path(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location if part not in ("body", "query"))
