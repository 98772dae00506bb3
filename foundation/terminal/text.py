"""Values and names as text for people. Without rich, which takes a tenth of a command's start."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

MOST_NAMED = 20


def readable(value: Any) -> str:
    """A value on one line, without characters that could confuse a terminal."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.3f}"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = value if isinstance(value, str) else to_json(value).decode()
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text.replace("\u00a0", " "))


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 pattern`, `2 patterns`. nouns: of several, if that is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def named(ids: Sequence[str]) -> str:
    """The first ids, for a message of bounded length."""
    shown = ", ".join(ids[:MOST_NAMED])
    return f"{shown} and others" if len(ids) > MOST_NAMED else shown
