"""A session as a client may know it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a client is told about a session. `metadata` is JSON as the client wrote it, `config` the session's own."""

    session_id: str
    node_id: str
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    metadata: bytes
    config: dict[str, Any]
