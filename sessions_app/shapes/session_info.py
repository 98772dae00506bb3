"""The public facts of a session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """`metadata`: JSON as the client wrote it; `config`: the session's own settings; `contract`: as stored."""

    session_id: str
    node_id: str
    created_at: datetime
    expires_at: datetime
    ttl_seconds: int
    metadata: bytes
    config: dict[str, Any]
    contract: str | None
