"""Values as text for people."""

import json
from typing import Any

NO_BREAK = "\u00a0"
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
# Of a JSON value on a page; an export has all of a longer one.
_MOST_CHARACTERS = 20_000


def duration(seconds: float) -> str:
    """The two largest units, without line breaks: `2 h 5 min`, `45 s`, `0 s`."""
    rest = max(0, int(seconds))
    parts = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{NO_BREAK}{unit}")
    return NO_BREAK.join(parts[:2]) or f"0{NO_BREAK}s"


def pretty(value: Any) -> str:
    """Indented JSON, cut when it is too long for a page."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return (
        text
        if len(text) <= _MOST_CHARACTERS
        else f"{text[:_MOST_CHARACTERS]}\n… and {len(text) - _MOST_CHARACTERS} characters more"
    )


def id_range(field: str, prefix: str) -> dict[str, str]:
    """Filters for values that begin with `prefix`, in a column of collation C.

    Not LIKE: a generic plan cannot turn that into a range of the index.
    """
    return {f"{field}__gte": prefix, f"{field}__lt": f"{prefix}\U0010ffff"}
