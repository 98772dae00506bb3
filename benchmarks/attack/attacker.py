"""What an attacker uses: sockets from an address of its own, and requests written by hand."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

ADDRESS = "127.0.0.9"
_PATIENCE = 60.0  # seconds; an answer that takes longer counts as none
_KEPT = 64 * 1024  # bytes of an answer that are kept to look at

CLOSED = 0
"""The status of a request whose connection the service closed without an answer."""


class NotPossible(Exception):
    """What an attack needs first cannot be done."""


@dataclass(frozen=True)
class Answer:
    """`size`: of the whole answer, in bytes; `text`: its beginning."""

    status: int
    seconds: float
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Seen:
    """What the attacker got. `note`: what else is to be shown; `broken`: what it saw that must not be."""

    answers: list[Answer] = field(default_factory=list)
    note: str = ""
    broken: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    @property
    def slowest(self) -> float:
        return max((answer.seconds for answer in self.answers), default=0.0)

    @property
    def largest(self) -> int:
        return max((answer.size for answer in self.answers), default=0)


class Attacker:
    """Talks to one port. `token`: an access key, where the service wants one."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token

    def connect(self, *, patience: float = _PATIENCE, address: str = ADDRESS) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=patience, source_address=(address, 0))

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        given = {"Host": "127.0.0.1", **headers}
        if self.token and "Authorization" not in given:
            given["Authorization"] = f"Bearer {self.token}"
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Any = b"",
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> Answer:
        """One request on a connection of its own. `body`: bytes, or what to send as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Connection": "close", **(headers or {})}
        if content or method == "POST":
            given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **given}
        begun = time.perf_counter()
        try:
            with self.connect(patience=patience) as connection:
                return send(connection, self.head(method, path, given) + content, begun)
        except OSError:
            return Answer(CLOSED, time.perf_counter() - begun, 0)

    def ask_at_once(self, threads: int, requests: Iterable[Callable[[], Answer]]) -> list[Answer]:
        with ThreadPoolExecutor(threads) as pool:
            return [asked.result() for asked in [pool.submit(request) for request in requests]]

    def session(self, node_id: str, **options: Any) -> str:
        """Create a session as anybody can; its id."""
        answer = self.ask("POST", "/sessions", {"node_id": node_id, **options})
        if answer.status != 200:
            raise NotPossible(f"no session: {answer.status} {answer.text[:200]}")
        return str(answer.json()["session_id"])


def send(connection: socket.socket, request: bytes, begun: float) -> Answer:
    """Send, and read until the service closes the connection. It may answer before it has read everything."""
    received, size = b"", 0
    with suppress(BrokenPipeError, ConnectionResetError):  # what it answered is still there to read
        connection.sendall(request)
    with suppress(ConnectionResetError):
        while part := connection.recv(256 * 1024):
            size += len(part)
            received = (received + part)[:_KEPT]
    return parse(received, size, time.perf_counter() - begun)


def parse(received: bytes, size: int, seconds: float) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/"):
        return Answer(CLOSED, seconds, size)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), seconds, size - len(head) - 4, headers, body.decode("utf-8", "replace"))
