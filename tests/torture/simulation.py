"""Random clients of the simulated service, with delays and lost responses, and the history that they record."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.torture.history import Entry, Event, Listening, Operation, Recorder, Request
from tests.torture.simulated_service import Service
from tests.torture.simulated_state import Job

CONFIGURATIONS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"max_pattern_length": 3, "stm_mode": "ROLLING"},
    {"max_pattern_length": 3, "stm_mode": "CLEAR"},
)
NODES = ("unique-1", "unique-2", "words-1")
WORDS = ("ant", "bee", "cat")
# On this node, in place of what is rare and does nothing to patterns.
ACTS_NODE = "words-2"
PAIRS: dict[str, Any] = {"max_pattern_length": 2, "stm_mode": "CLEAR"}
ACTS = {"read_config": "un_retire", "configure": "retire", "read_session": "purge", "extend": "purge"}
SETTLED = 60.0  # seconds after the last request in which everything ends

# How often each operation is asked for.
MIX: dict[str, int] = {
    "observe": 30,
    "sequence": 8,
    "read_stm": 24,
    "learn": 5,
    "clear_stm": 3,
    "clear_all": 1,
    "predict": 14,
    "configure": 4,
    "read_config": 8,
    "read_session": 2,
    "extend": 2,
    "delete": 2,
    "create": 5,
    "submit": 3,
    "read_job": 6,
    "repeat": 6,
    "train": 1,
}


@dataclass
class Simulation:
    seed: int
    fault: str | None = None
    requests: int = 250
    nodes: tuple[str, ...] = NODES
    clients: int = 4
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.service = Service(self.random, fault=self.fault, announce=self._hear)
        self._numbers = count()
        self._times = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._known: list[tuple[str, str]] = []
        self._known_jobs: list[tuple[str, str | None, str]] = []
        self._keyed: list[Request] = []
        self._turn: dict[str, float] = {}
        self._left = self.requests
        self.now = 0.0

    def run(self) -> "Simulation":
        for client in range(self.clients):
            self._at(self.random.random(), partial(self._next, f"client {client}"))
        self._everything()
        self._audit("read_stm", self._known)
        # Shows the extensions that are longer than what an access grants.
        self._audit("read_session", self._known)
        # Only a session that nobody uses any more shows that an extension shortened its life.
        left = self._known[::2]
        self._audit("extend", left, {"ttl_seconds": 10})
        for _ in range(60):
            self._at(self.now + 3, lambda: None)
            self._everything()
        self._audit("read_stm", left)
        for job, owner, node in self._known_jobs:
            self._begin("auditor", "read_job", owner, node, {"job_id": job}, None, lost=False)
            self._everything()
        for listener in ("listener 1", "listener 2"):
            self.entries.append(Listening(listener, -1.0, self.now + SETTLED))
        return self

    def _audit(self, operation: Operation, sessions: list[tuple[str, str]], body: dict[str, Any] | None = None) -> None:
        for session, node in sessions:
            self._begin("auditor", operation, session, node, body or {}, None, lost=False)
            self._everything()

    def record(self, path: Path) -> Path:
        with Recorder(path) as recorder:
            for entry in sorted(self.entries, key=lambda entry: entry.at if isinstance(entry, Event) else entry.end):
                recorder.add(entry)
        return path

    def _at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time, next(self._times), action))

    def _everything(self) -> None:
        while self._agenda:
            self.now, _, action = heapq.heappop(self._agenda)
            self.service.expire(self.now)
            action()

    def _hear(self, event: dict[str, Any]) -> None:
        for listener in ("listener 1", "listener 2"):
            self.entries.append(Event(listener, self.now + 0.01, event))

    # One client.

    def _next(self, client: str) -> None:
        if self._left <= 0:
            return None
        self._left -= 1
        [operation] = self.random.choices(list(MIX), list(MIX.values()))
        if operation == "repeat":
            self._repeat(client)
        elif operation == "train":
            sequences = [[[self.random.choice(WORDS)] for _ in range(2)] for _ in range(2)]
            training = {"kind": "train", "node_id": "words-1", "sequences": sequences}
            self._begin(client, "submit", None, "words-1", training, self._key())
        elif operation == "create" or not self._known:
            node = self.random.choice(self.nodes)
            ttl = self.random.choice([None, None, 15])
            config = dict(self.random.choice(CONFIGURATIONS)) if node.startswith("unique-") else {}
            config |= PAIRS if node == ACTS_NODE else {}
            body = {"node_id": node, "ttl_seconds": ttl, "config": config}
            self._begin(client, "create", None, node, body, self._key())
        elif operation == "read_job":
            if not self._known_jobs:
                return self._at(self.now, lambda: self._next(client))
            job, owner, node = self.random.choice(self._known_jobs)
            self._begin(client, "read_job", owner, node, {"job_id": job}, None)
        else:
            hot = self.random.random() < 0.5
            session, node = self.random.choice(self._known[-3:] if hot else self._known)
            self._ask(client, operation, session, node)
        return None

    def _ask(self, client: str, operation: Any, session: str, node: str) -> None:
        number = next(self._numbers)
        body: dict[str, Any] = {}
        if node == ACTS_NODE and operation in ACTS:
            operation = ACTS[operation]
            body = {"pattern_ids": ["_".join(self.random.choices(WORDS, k=2))]}
        word = self.random.choice(WORDS) if node.startswith("words-") else f"o{number}"
        if operation == "observe":
            body = {"strings": [word]}
        elif operation in ("sequence", "submit"):
            events = [
                self.random.choice(WORDS) if node.startswith("words-") else f"o{number}.{place}"
                for place in range(self.random.randint(1, 4))
            ]
            body = {"observations": [{"strings": [event]} for event in events]}
            body |= {"learn_at_end": True} if self.random.random() < 0.3 else {}
        elif operation == "configure":
            body = {"config": {"persistence": 1 + number % 100}}
        elif operation == "extend":
            body = {"ttl_seconds": self.random.choice([self.random.randint(5, 40), self.random.randint(3700, 7200)])}
        key = self._key() if operation not in ("read_stm", "predict", "read_config", "read_session", "delete") else None
        self._begin(client, operation, session, node, body, key, number=number)

    def _key(self) -> str | None:
        return f"key {next(self._times)}" if self.random.random() < 0.4 else None

    def _repeat(self, client: str) -> None:
        if not self._keyed:
            return self._at(self.now, lambda: self._next(client))
        request = self.random.choice(self._keyed[-10:])
        body = request.arguments
        if request.operation == "observe" and self.random.random() < 0.2:
            body = {"strings": [f"other{next(self._numbers)}"]}
        return self._begin(client, request.operation, request.session, request.node, body, request.idempotency_key)

    def _begin(
        self,
        client: str,
        operation: Operation,
        session: str | None,
        node: str,
        body: dict[str, Any],
        key: str | None,
        *,
        number: int | None = None,
        lost: bool = True,
    ) -> None:
        number = next(self._numbers) if number is None else number
        start = self.now
        point = start + self.random.uniform(0.01, 0.5)
        end = point + self.random.uniform(0.01, 0.5)
        fate = self.random.random() if lost else 1.0
        late = point + self.random.uniform(0, 8) if fate < 0.03 else point
        outcome: list[Any] = [None, None, False]

        def done() -> None:
            target = session or node
            called = "train" if operation == "submit" and session is None else operation
            outcome[:] = self.service.perform(called, target, body, key, self.now)
            if operation == "submit" and outcome[0] == 202 and not outcome[2]:
                self._queue(self.service.jobs[outcome[1]["job_id"]])

        def ended() -> None:
            status, answer, replayed = outcome
            retry_after = None
            if fate < 0.06:
                status, answer, replayed = None, None, False
            elif fate < 0.08:
                status, answer, replayed, retry_after = 503, {"detail": "no"}, False, "1"
                retry_after = None if self.service.faulty("no Retry-After", chance=1) else "1"
            entry = Request(
                number, client, start, self.now, operation, session, node, body, key, status, answer,
                retry_after=retry_after, replayed=replayed,
            )  # fmt: skip
            self.entries.append(entry)
            self._learn_from(entry)
            if client != "auditor":
                self._at(self.now + self.random.expovariate(5), lambda: self._next(client))

        if not 0.03 <= fate < 0.045:  # else it never arrives
            self._at(late, done)
        self._at(end, ended)

    def _learn_from(self, entry: Request) -> None:
        if entry.idempotency_key is not None:
            self._keyed.append(entry)
        if entry.operation == "create" and entry.status == 200 and not entry.replayed:
            self._known.append((entry.answer["session_id"], entry.node))
        if entry.operation == "submit" and entry.status == 202 and not entry.replayed:
            self._known_jobs.append((entry.answer["job_id"], entry.session, entry.node))

    def _queue(self, job: Job) -> None:
        owner = job.session or job.id
        self._turn[owner] = max(self._turn.get(owner, 0), self.now) + self.random.uniform(0.1, 3)
        self._at(self._turn[owner], lambda: self.service.run(job, self.now))
