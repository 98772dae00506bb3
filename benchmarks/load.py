"""The load generator, and the requests that it sends.

It runs in a process of its own, so that its cost is not measured. A job is a list of scripts; each script has a
connection and sends its requests one after another. HTTP is written by hand: a client library would take more CPU
than the measured servers.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from redis.asyncio import Redis

# In the path of a step: the session that the last `POST /sessions` of the script created.
CREATED = "{created}"
ID_FIELD = b'"session_id":"'
BROKEN = 0  # the status of a request whose connection the server closed without a response


@dataclass(frozen=True)
class Step:
    method: str
    path: str
    body: str = ""

    def encoded(self, created: str) -> bytes:
        head = f"{self.method} {self.path.replace(CREATED, created)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if self.body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body.encode())}\r\n"
        return f"{head}\r\n{self.body}".encode()


def create(node_id: str = "bench", **options: Any) -> Step:
    return Step("POST", "/sessions", json.dumps({"node_id": node_id, **options}))


def event(number: int) -> dict[str, Any]:
    """The observation that every scenario sends, with one symbol that depends on `number`."""
    return {"strings": ["kitchen", "kettle", f"reading-{number:05d}"], "vectors": [], "emotives": {}, "metadata": {}}


def observe(session_id: str, observation: dict[str, Any]) -> Step:
    return Step("POST", f"/sessions/{session_id}/observe", json.dumps(observation))


def observe_sequence(session_id: str, observations: list[dict[str, Any]], **options: bool) -> Step:
    body = json.dumps({"observations": observations, **options})
    return Step("POST", f"/sessions/{session_id}/observe-sequence", body)


def observe_events(session_id: str, events: list[list[str]], **options: bool) -> Step:
    """A sequence of events that consist of symbols only."""
    return observe_sequence(session_id, [{"strings": symbols} for symbols in events], **options)


def read(session_id: str, part: str) -> Step:
    """`part`: for example `stm` or `predictions`."""
    return Step("GET", f"/sessions/{session_id}/{part}")


@dataclass(frozen=True)
class Script:
    steps: list[Step]
    repeat: int = 1


@dataclass(frozen=True)
class Job:
    port: int
    scripts: list[Script]
    # After this many seconds no script sends another request.
    seconds: float = 30.0
    # The URL of a Redis to flush before each repetition, when all scripts have arrived there.
    flush: str | None = None


@dataclass
class Outcome:
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def failed(self) -> int:
        return sum(number for status, number in self.statuses.items() if status != 200)


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        if len(body) >= int(length):
            self._received = b""
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((BROKEN, b""))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self._transport.is_closing():
            return BROKEN, b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()


class Flush:
    def __init__(self, url: str, parties: int) -> None:
        self._url = url
        self._meeting = asyncio.Barrier(parties)

    async def __call__(self) -> None:
        if await self._meeting.wait() == 0:
            async with Redis.from_url(self._url) as store:
                await store.flushall()
        await self._meeting.wait()


async def _play(connection: Connection, script: Script, deadline: float, flush: Flush | None, to: Outcome) -> None:
    created = ""
    statuses = Counter(to.statuses)
    ready = [None if CREATED in step.path else step.encoded("") for step in script.steps]
    for _ in range(script.repeat):
        if flush:
            await flush()
        for step, known in zip(script.steps, ready, strict=True):
            if time.perf_counter() > deadline and flush is None:
                break
            request = known or step.encoded(created)
            began = time.perf_counter()
            status, body = await connection.ask(request)
            to.latencies.append(time.perf_counter() - began)
            statuses[status] += 1
            if status == 200 and step.path == "/sessions" and step.method == "POST":
                created = body.partition(ID_FIELD)[2].partition(b'"')[0].decode()
                to.created.append(created)
    to.statuses = dict(statuses)


async def _run(job: Job) -> Outcome:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Connection, "127.0.0.1", job.port))[1] for _ in job.scripts]
    flush = Flush(job.flush, len(connections)) if job.flush else None
    parts = [Outcome() for _ in connections]
    began, cpu_before = time.perf_counter(), time.process_time()
    deadline = began + job.seconds
    await asyncio.gather(
        *(
            _play(connection, script, deadline, flush, part)
            for connection, script, part in zip(connections, job.scripts, parts, strict=True)
        )
    )
    whole = Outcome(seconds=time.perf_counter() - began, cpu=time.process_time() - cpu_before)
    for connection, part in zip(connections, parts, strict=True):
        connection.close()
        whole.latencies += part.latencies
        whole.created += part.created
        whole.statuses = dict(Counter(whole.statuses) + Counter(part.statuses))
    return whole


class Load:
    """The load generator, seen from a benchmark."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, job: Job) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        answer["statuses"] = {int(status): number for status, number in answer["statuses"].items()}
        return Outcome(**answer)


@contextmanager
def load_generator() -> Iterator[Load]:
    command = [sys.executable, "-m", "benchmarks.load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Load(process)


def _job(line: str) -> Job:
    job = json.loads(line)
    scripts = [Script([Step(**step) for step in script["steps"]], script["repeat"]) for script in job["scripts"]]
    return Job(**{**job, "scripts": scripts})


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(asdict(asyncio.run(_run(_job(line))))), flush=True)


if __name__ == "__main__":
    main()
