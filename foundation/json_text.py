"""JSON for others to read: what leaves the service has no NaN and no Infinity, which most parsers refuse."""

import re
from typing import Any

from pydantic_core import to_json

_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class NotFinite(ValueError):
    """A computation went wrong: the ranges of numbers are chosen so that none becomes infinite (engine.md)."""

    def __init__(self) -> None:
        super().__init__("a number is not finite, so there is no JSON of it")


def written(value: Any, *, indent: int | None = None) -> bytes:
    """`value` as JSON. Raises NotFinite."""
    return checked(to_json(value, indent=indent))


def checked(text: bytes) -> bytes:
    """The same JSON. Raises NotFinite."""
    if _has_constants(text) and _has_constants(_TEXTS.sub(b"", text)):
        raise NotFinite
    return text


def _has_constants(text: bytes) -> bool:
    return b"NaN" in text or b"Infinity" in text
