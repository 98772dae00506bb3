"""When a session dies if nobody touches it any more: not the promise that its own answers make, the deadline itself."""

from datetime import UTC, datetime, timedelta

import httpx


def deadline(client: httpx.Client, session_id: str, *, node_id: str) -> datetime:
    """As the list of sessions tells it: being listed is no access, so asking moves nothing."""
    listed = client.get("/sessions", params={"node_id": node_id, "limit": 1000}).json()["sessions"]
    [expires_at] = [one["expires_at"] for one in listed if one["session_id"] == session_id]
    return datetime.fromisoformat(expires_at)


def time_left(client: httpx.Client, session_id: str, *, node_id: str) -> timedelta:
    return deadline(client, session_id, node_id=node_id) - datetime.now(UTC)
