"""Ids of nodes, and the display ids that clients see."""

import hashlib
import re
from typing import Annotated

from django.conf import settings
from pydantic import Field

# Long enough for any name, short enough for an index entry.
MAX_LENGTH = 512
NodeId = Annotated[str, Field(max_length=MAX_LENGTH)]
NODE_ID_SCHEMA = {"type": "string", "maxLength": MAX_LENGTH}

_REPLACED = str.maketrans(dict.fromkeys('/\\."$*<>:|?- ', "_"))
_REPLACED_6_3 = re.compile(r"[^A-Za-z0-9_]")
_DISPLAY_LENGTH = 60


def display_id(node_id: str) -> str:
    """The storage key that KATO 3.10 derives from a node id (engine.md 1.4). Only shown, never used as a key."""
    return _with_base(node_id.translate(_REPLACED), settings.ENV.service_name.replace("-", "_"))


def display_id_6_3(node_id: str) -> str:
    """The same for KATO 6.3 (kato-6.md 6)."""
    return _with_base(_REPLACED_6_3.sub("_", node_id), _REPLACED_6_3.sub("_", settings.ENV.service_name))


def _with_base(sanitised: str, base: str) -> str:
    candidate = f"{sanitised}_{base}"
    if len(candidate) <= _DISPLAY_LENGTH:
        return candidate
    digest = hashlib.md5(sanitised.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{sanitised[: _DISPLAY_LENGTH - len(base) - 10]}_{digest}_{base}"
