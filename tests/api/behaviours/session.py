"""A session as a client program uses it. Every request here must succeed."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.support.clients import Answer, Client
from tests.support.sessions import observation


def ok(answer: Answer) -> Any:
    """The body of a response, which must be a success."""
    assert answer.status == 200, f"{answer.status}: {answer.body}"
    return answer.body


def new_node() -> str:
    return f"node-{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Session:
    client: Client
    id: str

    @property
    def path(self) -> str:
        return f"/sessions/{self.id}"

    def observe(self, *strings: str, **more: Any) -> Any:
        """One event: `observe("a", "b", emotives={"joy": 0.5})`."""
        return ok(self.client.request("POST", f"{self.path}/observe", json=observation(*strings, **more)))

    def stm(self) -> Any:
        return ok(self.client.request("GET", f"{self.path}/stm"))["stm"]

    def percept(self) -> Any:
        return ok(self.client.request("GET", f"{self.path}/percept-data"))["percept_data"]

    def learn(self) -> str:
        """Learn the STM; return the name of the pattern."""
        name: str = ok(self.client.request("POST", f"{self.path}/learn"))["pattern_name"]
        return name

    def predictions(self) -> Any:
        return ok(self.client.request("GET", f"{self.path}/predictions"))["predictions"]

    def cognition(self) -> Any:
        return ok(self.client.request("GET", f"{self.path}/cognition-data"))["cognition_data"]

    def clear_stm(self) -> None:
        ok(self.client.request("POST", f"{self.path}/clear-stm"))

    def extend(self, seconds: int) -> None:
        ok(self.client.request("POST", f"{self.path}/extend?ttl_seconds={seconds}"))

    def exists(self) -> bool:
        """This is no access: it does not renew the session."""
        exists: bool = ok(self.client.request("GET", f"{self.path}/exists"))["exists"]
        return exists

    def delete(self) -> None:
        ok(self.client.request("DELETE", self.path))


def create(client: Client, node_id: str | None = None, **body: Any) -> Session:
    """Create a session, on a node of its own unless one is given."""
    body = {"node_id": new_node() if node_id is None else node_id, **body}
    return Session(client, ok(client.request("POST", "/sessions", json=body))["session_id"])
