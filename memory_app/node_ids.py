"""Ids of nodes, and the display ids that clients see."""

import hashlib
from typing import Annotated

from django.conf import settings
from pydantic import Field

# Long enough for any name, short enough for an index entry.
MAX_LENGTH = 512
NodeId = Annotated[str, Field(max_length=MAX_LENGTH)]

_REPLACED = str.maketrans(dict.fromkeys('/\\."$*<>:|?- ', "_"))
_DISPLAY_LENGTH = 60


def display_id(node_id: str) -> str:
    """The storage key that the reference derives from a node id (engine.md 1.4). Only shown, never used as a key."""
    base = settings.ENV.service_name.replace("-", "_")
    sanitised = node_id.translate(_REPLACED)
    candidate = f"{sanitised}_{base}"
    if len(candidate) <= _DISPLAY_LENGTH:
        return candidate
    digest = hashlib.md5(sanitised.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{sanitised[: _DISPLAY_LENGTH - len(base) - 10]}_{digest}_{base}"
