"""Sessions of both contracts, and requests that ask for one."""

from typing import Any

import httpx

from foundation.contracts import HEADER
from tests.support.sessions import LiveSession

OLD, NEW = "3.10", "6.3"


def asking(contract: str) -> dict[str, str]:
    return {HEADER: contract}


def create(client: httpx.Client, contract: str, node_id: str = "contracts", **options: Any) -> LiveSession:
    response = client.post("/sessions", json={"node_id": node_id, **options}, headers=asking(contract))
    assert response.status_code == 200, response.text
    return LiveSession(client, response.json()["session_id"], node_id)


def config_of(session: LiveSession, contract: str | None = None) -> dict[str, Any]:
    headers = asking(contract) if contract else None
    config: dict[str, Any] = session.client.get(f"/sessions/{session.id}/config", headers=headers).json()["config"]
    return config
