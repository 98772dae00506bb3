"""A node with memory and sessions to call every operation with."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.contract.reference import Operation

# The bodies of the operations that take one; all others are sent without.
BODIES: dict[str, dict[str, Any]] = {
    "POST /sessions": {"node_id": "contract", "metadata": {"k": 1}, "ttl_seconds": 120},
    "POST /sessions/{session_id}/config": {"config": {"recall_threshold": 0.3}},
    "POST /sessions/{session_id}/observe": {"strings": ["c"], "emotives": {"joy": 0.5}, "metadata": {"by": "me"}},
    "POST /sessions/{session_id}/observe-sequence": {
        "observations": [{"strings": ["c"], "unique_id": "u1"}, {"strings": ["d"]}],
        "learn_at_end": True,
    },
}


@dataclass(frozen=True)
class World:
    client: httpx.Client
    node_id: str
    pattern_name: str

    @classmethod
    def create(cls, client: httpx.Client) -> "World":
        """A node that knows one pattern, a·b·c with joy."""
        node_id = f"contract-{uuid.uuid4().hex}"
        session_id = _new_session(client, node_id)
        for symbol in "abc":
            body = {"strings": [symbol], "emotives": {"joy": 0.5}, "metadata": {"by": "me"}}
            client.post(f"/sessions/{session_id}/observe", json=body)
        name = client.post(f"/sessions/{session_id}/learn").json()["pattern_name"]
        return cls(client, node_id, name)

    def session(self) -> str:
        """A session of the node that has observed a and b, so that it predicts c."""
        session_id = _new_session(self.client, self.node_id)
        for symbol in "ab":
            body = {"strings": [symbol], "emotives": {"joy": 0.5}}
            assert self.client.post(f"/sessions/{session_id}/observe", json=body).status_code == 200
        return session_id

    def path(self, operation: Operation, **parameters: str) -> str:
        """The path of the operation, with a session of its own where it needs one and nothing else is said."""
        if "{session_id}" in operation.path and "session_id" not in parameters:
            forgets = operation.path.endswith("/clear-all")
            parameters["session_id"] = _new_session(self.client, "forgets") if forgets else self.session()
        known = {
            "pattern_id": self.pattern_name,
            "symbol": "a",
            "test_id": "x",
            "metric_name": "kato_memory_usage_percent",
        }
        return operation.path.format(**{**known, **parameters})

    def call(self, operation: Operation, **parameters: str) -> httpx.Response:
        """The operation with everything it needs to succeed."""
        return self.client.request(
            operation.method,
            self.path(operation, **parameters),
            json=BODIES.get(operation.name),
            headers={"X-Node-ID": self.node_id},
        )


def _new_session(client: httpx.Client, node_id: str) -> str:
    response = client.post("/sessions", json={"node_id": node_id})
    assert response.status_code == 200, response.text
    session_id: str = response.json()["session_id"]
    return session_id
