"""Sessions over HTTP: the one spelling of each request and answer that many tests need."""

from collections.abc import Callable
from typing import Any, Self

import httpx


def observation(*strings: str, **parts: Any) -> dict[str, Any]:
    return {"strings": list(strings), **parts}


def observations(*events: str | list[str]) -> list[dict[str, Any]]:
    """One observation per event; a text is an event of one-letter symbols."""
    return [observation(*event) for event in events]


def percept(**parts: Any) -> dict[str, Any]:
    """The percept data of an observation that consisted of these parts."""
    return {"strings": [], "vectors": [], "emotives": {}, "path": [], "metadata": {}, **parts}


def cognition_state(symbols: list[str], **parts: Any) -> dict[str, Any]:
    """The cognition data, predictions aside, of a session whose STM has one event for each symbol."""
    empty: dict[str, Any] = {"emotives": {}, "command": "", "metadata": {}, "path": [], "strings": [], "vectors": []}
    return {**empty, "symbols": symbols, "short_term_memory": [[symbol] for symbol in symbols], **parts}


def create_session(client: httpx.Client, node_id: str = "node", **options: Any) -> str:
    """Create a session; return its id."""
    response = client.post("/sessions", json={"node_id": node_id, **options})
    assert response.status_code == 200, response.text
    session_id: str = response.json()["session_id"]
    return session_id


def observe(
    client: httpx.Client, session_id: str, *strings: str, headers: dict[str, str] | None = None, **parts: Any
) -> httpx.Response:
    """Observe without a check of the outcome."""
    return client.post(f"/sessions/{session_id}/observe", json=observation(*strings, **parts), headers=headers)


class LiveSession:
    """A session and its node. Every request must succeed."""

    def __init__(self, client: httpx.Client, session_id: str, node: str) -> None:
        self.client = client
        self.id = session_id
        self.node = node

    @classmethod
    def create(cls, client: httpx.Client, node: str, **options: Any) -> Self:
        return cls(client, create_session(client, node, **options), node)

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        response = self.client.post(f"/sessions/{self.id}/{path}", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str) -> dict[str, Any]:
        response = self.client.get(f"/sessions/{self.id}/{path}")
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def observe(self, *strings: str, **parts: Any) -> dict[str, Any]:
        return self.post("observe", observation(*strings, **parts))

    def observe_sequence(self, *items: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.post("observe-sequence", {"observations": list(items), **options})

    def learn(self) -> str:
        """Learn the STM; return the name of the pattern."""
        name: str = self.post("learn")["pattern_name"]
        return name

    def teach(self, *events: str) -> str:
        """Observe events of one-letter symbols and learn them, in one request; return the name of the pattern."""
        name: str = self.observe_sequence(*observations(*events), learn_at_end=True)["final_learned_pattern"]
        return name

    def clear_stm(self) -> None:
        assert self.post("clear-stm") == {"status": "cleared", "session_id": self.id}

    def stm(self) -> list[list[str]]:
        answer = self.get("stm")
        stm: list[list[str]] = answer["stm"]
        assert answer["length"] == len(stm)
        return stm

    def percept(self) -> dict[str, Any]:
        data: dict[str, Any] = self.get("percept-data")["percept_data"]
        return data

    def of_node(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(f"/{path}", params={"node_id": self.node}).json()
        return answer

    def pattern(self, name: str) -> dict[str, Any]:
        pattern: dict[str, Any] = self.of_node(f"pattern/{name}")["pattern"]["pattern"]
        return pattern

    def patterns(self) -> int:
        count: int = self.of_node("patterns/count")["pattern_count"]
        return count


# The fixtures `new_session`, which returns an id, and `open_session`, which returns a LiveSession.
NewSession = Callable[..., str]
OpenSession = Callable[..., LiveSession]
