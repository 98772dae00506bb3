"""Sessions that teach and ask, over HTTP, in few words."""

from typing import Any

import httpx


class Mind:
    """A session and the node it teaches. Every request is a new connection, so any process may answer."""

    def __init__(self, client: httpx.Client, node: str, **session: Any) -> None:
        self.client = client
        self.node = node
        response = client.post("/sessions", json={"node_id": node, **session})
        assert response.status_code == 200, response.text
        self.id = response.json()["session_id"]

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        response = self.client.post(f"/sessions/{self.id}/{path}", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def observe(self, *strings: str, **parts: Any) -> dict[str, Any]:
        return self.post("observe", {"strings": list(strings), **parts})

    def learn(self) -> str:
        name: str = self.post("learn")["pattern_name"]
        return name

    def teach(self, *events: str) -> str:
        """Observe events of one-letter symbols and learn them, in one request."""
        observations = [{"strings": list(event)} for event in events]
        answer = self.post("observe-sequence", {"observations": observations, "learn_at_end": True})
        name: str = answer["final_learned_pattern"]
        return name

    def get(self, path: str) -> dict[str, Any]:
        response = self.client.get(f"/sessions/{self.id}/{path}")
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def stm(self) -> list[list[str]]:
        stm: list[list[str]] = self.get("stm")["stm"]
        return stm

    def of_node(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(f"/{path}", params={"node_id": self.node}).json()
        return answer

    def pattern(self, name: str) -> dict[str, Any]:
        pattern: dict[str, Any] = self.of_node(f"pattern/{name}")["pattern"]["pattern"]
        return pattern

    def patterns(self) -> int:
        count: int = self.of_node("patterns/count")["pattern_count"]
        return count
