"""Create, use and delete many sessions at once, on any server, and record which program answered.

This is the scenario of the incident (docs/investigation.md). Connections are pooled as in the library of the incident:
a request takes the connection that has been idle longest, and a new connection goes to the next address of the name.
So a second program behind the same name is found.
"""

import http.client
import json
import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from katoproject.diagnosis.remote import Answer, BaseUrl, Connection

# A failed cycle leaves its session behind; it expires after this many seconds.
TTL = 60
SHOWN = 120  # characters of a response in a report
_NEEDED = "the scopes read and write, for nodes that begin with stress-"


@dataclass
class Server:
    """A program that answered at one address."""

    address: str
    program: str
    processes: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    without_the_route: int = 0

    @property
    def requests(self) -> int:
        return self.statuses.total()


@dataclass
class Report:
    url: BaseUrl
    cycles: int
    at_once: int
    succeeded: int = 0
    seconds: float = 0.0
    servers: list[Server] = field(default_factory=list)
    # Step, what was wrong, at which address → count.
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    # Addresses of the name at which no program listens.
    silent: list[str] = field(default_factory=list)

    @property
    def success_ratio(self) -> float:
        return self.succeeded / self.cycles

    @property
    def warnings(self) -> list[str]:
        """What is wrong behind this name, even if no cycle failed because of it."""
        strangers = [one for one in self.servers if one.without_the_route]
        warnings = [
            f"{one.program} at {one.address} does not know the routes of KATO: it is another program on the same port. "
            "Stop it, or use an address instead of the name."
            for one in strangers
        ]
        if any("SESSION_NOT_FOUND" in what for _, what, _ in self.failures):
            warnings.append(
                "A session that had just been created was not found. Either several services without a common "
                "database answer here, or this service loses sessions."
            )
        return warnings

    @property
    def is_sound(self) -> bool:
        return self.succeeded == self.cycles and not any(one.without_the_route for one in self.servers)


class NoListener(Exception):
    """No program listens at any address of this name."""


class StepFailed(Exception):
    """A step of a cycle did not do what it should: the step, what was wrong, and at which address."""


class ConnectionPool:
    def __init__(self, url: BaseUrl, addresses: list[str], token: str | None) -> None:
        self._url = url
        self._token = token
        self._lock = threading.Lock()
        self._next_address = cycle(addresses)
        self._idle: deque[Connection] = deque()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Raises StepFailed if no program listens at the next address."""
        with self._lock:
            connection = self._idle.popleft() if self._idle else None
            address = "" if connection else next(self._next_address)
        if connection is None:
            try:
                connection = Connection(self._url, address, token=self._token)
            except OSError as error:
                raise StepFailed("connect", str(error), address) from error
        try:
            yield connection
        finally:
            if connection.is_open:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class Stress:
    def __init__(self, url: BaseUrl, *, cycles: int, at_once: int, token: str | None = None) -> None:
        """Raises OSError for an unknown name, NoListener if no program listens at any of its addresses."""
        self.report = Report(url, cycles, at_once)
        self._node = f"stress-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._servers: dict[tuple[str, str], Server] = {}
        listening = [address for address in url.addresses() if self._listens(address)]
        if not listening:
            raise NoListener(f"No program listens at {url} ({', '.join(self.report.silent)})")
        self._connections = ConnectionPool(url, listening, token)

    def _listens(self, address: str) -> bool:
        try:
            Connection(self.report.url, address).close()
        except OSError:
            self.report.silent.append(address)
            return False
        return True

    def run(self, progress: Callable[[int], None]) -> Report:
        """Calls `progress` for each cycle that ends. Raises AccessDenied."""
        begun = time.perf_counter()
        pool = ThreadPoolExecutor(self.report.at_once)
        try:
            for succeeded in pool.map(self._cycle, range(self.report.cycles)):
                self.report.succeeded += succeeded
                progress(1)
        finally:
            # After Ctrl-C, or without access, the running cycles are finished, the others are not started.
            pool.shutdown(cancel_futures=True)
            self._connections.close()
        self.report.seconds = time.perf_counter() - begun
        self.report.servers = sorted(self._servers.values(), key=lambda one: (one.address, one.program))
        return self.report

    def _cycle(self, number: int) -> bool:
        """Create, observe, read, delete one session. Returns whether all of it was right."""
        event = [f"stress-{number}"]
        try:
            created = self._ask("create", "POST", "/sessions", {"node_id": self._node, "ttl_seconds": TTL})
            path = f"/sessions/{self._expected('create', created, 'session_id')}"
            observed = self._ask("observe", "POST", f"{path}/observe", {"strings": event})
            self._expected("observe", observed, "stm_length", 1)
            self._expected("read", self._ask("read", "GET", f"{path}/stm"), "stm", [event])
            self._ask("delete", "DELETE", path)
        except StepFailed as failure:
            with self._lock:
                self.report.failures[failure.args] += 1
            return False
        return True

    def _ask(self, step: str, method: str, path: str, body: Any = None) -> Answer:
        with self._connections.connection() as connection:
            try:
                answer = connection.request(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                raise StepFailed(step, f"no answer ({type(error).__name__}: {error})", connection.address) from error
        self._count(answer)
        answer.require_access(_NEEDED)
        if answer.status != http.HTTPStatus.OK:
            raise StepFailed(step, f"{answer.status} {_shown(answer.body)}", answer.address)
        return answer

    def _count(self, answer: Answer) -> None:
        with self._lock:
            key = answer.address, answer.program
            server = self._servers.setdefault(key, Server(*key))
            server.processes.add(answer.identity)
            server.statuses[answer.status] += 1
            server.without_the_route += answer.has_no_such_route

    def _expected(self, step: str, answer: Answer, name: str, wanted: Any = None) -> Any:
        found = answer.body.get(name) if isinstance(answer.body, dict) else None
        if found is None or (wanted is not None and found != wanted):
            raise StepFailed(step, f"{name} is wrong in {_shown(answer.body)}", answer.address)
        return found


def _shown(body: Any) -> str:
    """A response as text, without ids, so that equal failures of different sessions count as one."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    text = re.sub(r"session-[\w-]+", "session-…", text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
