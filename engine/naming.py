"""The name of a pattern: the SHA-1 of the canonical text of its events (engine.md 4.2)."""

import re
from collections.abc import Iterable
from hashlib import sha1
from typing import Any

from engine.unicode13 import is_printable

PATTERN_PREFIX = "PTRN|"

_SPECIAL = re.compile(r"[\x00-\x1f\\\x7f-\U0010ffff]")
_SHORT_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def pattern_name(events: Iterable[Iterable[str]]) -> str:
    """The bare name of the pattern with these events: 40 lower-case hexadecimal digits.

    The events are neither sorted nor trimmed: the name reflects them as they are.
    """
    lists = ["[" + ", ".join(map(_quoted, event)) + "]" for event in events]
    return sha1(("[" + ", ".join(lists) + "]").encode()).hexdigest()


def bare_name(name: str) -> str:
    """`name` without the prefix that clients may put before it."""
    return name.removeprefix(PATTERN_PREFIX)


def canonical_text(value: Any) -> str:
    """The text form of a value inside a list or map (4.2, 4.3): strings quoted, everything else as in `text_form`."""
    return _quoted(value) if isinstance(value, str) else text_form(value)


def text_form(value: Any) -> str:
    """The text form of a metadata value (4.3): a string as it is; numbers, booleans, null, lists and maps in the
    style of the canonical text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        items = (f"{canonical_text(key)}: {canonical_text(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(canonical_text, value)) + "]"
    return repr(value)


def _quoted(text: str) -> str:
    if text.isascii():
        return repr(text)  # the same, several times faster
    quote = '"' if "'" in text and '"' not in text else "'"
    return quote + _SPECIAL.sub(_escaped, text).replace(quote, "\\" + quote) + quote


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if code >= 0x80 and is_printable(character):
        return character
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
