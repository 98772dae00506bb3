"""Types of arguments, for argparse."""

import argparse
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json


def utf8(text: str) -> str:
    """A type of arguments: text in UTF-8. An argument may be any bytes. Raises ArgumentTypeError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is not UTF-8") from None
    return text


def json_object(text: str) -> dict[str, Any]:
    """A type of arguments: a JSON object. Raises ArgumentTypeError."""
    try:
        value = from_json(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def add_json_argument(parser: argparse.ArgumentParser, *, lines: bool = False) -> None:
    text = "print JSON, one object per line" if lines else "print the result as one JSON document"
    parser.add_argument("--json", action="store_true", help=text)


def at_least(minimum: int) -> Callable[[str], int]:
    """A type of arguments: whole numbers, at least `minimum`. Raises ArgumentTypeError."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if found < minimum:
            raise argparse.ArgumentTypeError(f"{found} is less than {minimum}")
        return found

    return number
