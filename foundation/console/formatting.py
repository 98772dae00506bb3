"""Values as text for people."""

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html

NO_BREAK = "\u00a0"
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_MOST_IN_LIST = 40  # characters
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


def node_url(node_id: str) -> str:
    """The page of a node, which exists once the node has learned something."""
    return reverse("admin:memory_app_node_change", args=[quote(node_id)])


def pattern_url(node_id: str, name: str) -> str:
    return reverse("admin:memory_app_node_pattern", args=[quote(node_id), name])


def node_filter_link(node_id: str) -> str:
    """A node in a list, as a link that filters this list by the node."""
    shown = node_id if len(node_id) <= _MOST_IN_LIST else f"{node_id[:_MOST_IN_LIST]}…"
    return format_html('<a class="plain" href="?{}" title="{}">{}</a>', urlencode({"node": node_id}), node_id, shown)


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
