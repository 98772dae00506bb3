"""A node with a pattern and sessions, to call every operation with."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.contract.reference import Operation
from tests.support.contracts import asking
from tests.support.sessions import create_session, observation, observe

# The bodies of the operations that take one; all others are sent without.
BODIES: dict[str, dict[str, Any]] = {
    "POST /sessions": {"node_id": "contract", "metadata": {"k": 1}, "ttl_seconds": 120},
    "POST /sessions/{session_id}/config": {"config": {"recall_threshold": 0.3}},
    "POST /sessions/{session_id}/observe": observation("c", emotives={"joy": 0.5}, metadata={"by": "me"}),
    "POST /sessions/{session_id}/observe-sequence": {
        "observations": [observation("c", unique_id="u1"), observation("d")],
        "learn_at_end": True,
    },
    "POST /sessions/{session_id}/patterns/retire": {"pattern_ids": ["0" * 40]},
    "POST /sessions/{session_id}/patterns/un-retire": {"pattern_ids": ["0" * 40]},
    "POST /sessions/{session_id}/patterns/purge": {"pattern_ids": ["0" * 40]},
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
        session_id = create_session(client, node_id)
        for symbol in "abc":
            observe(client, session_id, symbol, emotives={"joy": 0.5}, metadata={"by": "me"})
        name = client.post(f"/sessions/{session_id}/learn").json()["pattern_name"]
        return cls(client, node_id, name)

    def session(self) -> str:
        """A session of the node that has observed a and b, so that it predicts c."""
        session_id = create_session(self.client, self.node_id)
        for symbol in "ab":
            assert observe(self.client, session_id, symbol, emotives={"joy": 0.5}).status_code == 200
        return session_id

    def path(self, operation: Operation, **parameters: str) -> str:
        """The path of the operation, with a new session unless `parameters` names one."""
        if "{session_id}" in operation.path and "session_id" not in parameters:
            forgets = operation.path.endswith("/clear-all")
            parameters["session_id"] = create_session(self.client, "forgets") if forgets else self.session()
        known = {
            "pattern_id": self.pattern_name,
            "symbol": "a",
            "test_id": "x",
            "metric_name": "kato_memory_usage_percent",
        }
        return operation.path.format(**{**known, **parameters})

    def call(self, operation: Operation, contract: str | None = None, **parameters: str) -> httpx.Response:
        """The operation with everything it needs to succeed, answered by this contract, else as the client asks."""
        return self.client.request(
            operation.method,
            self.path(operation, **parameters),
            json=BODIES.get(operation.name),
            headers={"X-Node-ID": self.node_id, **(asking(contract) if contract else {})},
        )
