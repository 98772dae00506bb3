"""The actual deadline of a session, not the promised one that its own responses show."""

from datetime import UTC, datetime, timedelta

import httpx


def deadline(client: httpx.Client, session_id: str, *, node_id: str) -> datetime:
    """The deadline in the list of sessions: listing is no access, so this does not move it."""
    listed = client.get("/sessions", params={"node_id": node_id, "limit": 1000}).json()["sessions"]
    [expires_at] = [one["expires_at"] for one in listed if one["session_id"] == session_id]
    return datetime.fromisoformat(expires_at)


def time_left(client: httpx.Client, session_id: str, *, node_id: str) -> timedelta:
    return deadline(client, session_id, node_id=node_id) - datetime.now(UTC)
