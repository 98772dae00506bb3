"""A client: sends requests one after another, and records what it saw of each."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.torture.history import Operation, Recorder, Request
from benchmarks.torture.workload.http import Connection, NoResponse, NotSent, Response, encode

PATIENCE = 60.0  # seconds that a client waits for a response
ATTEMPTS = 6  # to get an answer to a request with a key
REPEATED = 0.1  # of the requests with a key that were answered, how many are sent once more
BACK_OFF = (0.05, 0.4)  # seconds after a request that failed

Arguments = dict[str, Any]
Body = Callable[[int], Arguments]  # made from the number of the request


@dataclass
class Run:
    """What the clients of one run share."""

    ports: list[int]
    recorder: Recorder
    seed: int
    pace: float
    """Mean seconds between two requests of a client."""
    vanishing: float
    """Share of the requests whose client leaves as soon as it has sent them."""
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when no client but the listeners has anything left to do."""
    counts: Counter[str] = field(default_factory=Counter)
    unfinished: list[Callable[[], Awaitable[bool]]] = field(default_factory=list)
    """Jobs that were not seen to end; calling one looks at it until it ends."""

    def goes_on(self) -> bool:
        return not self.ends.is_set()


@dataclass(slots=True)
class Session:
    id: str
    node: str


def empty(_: int) -> Arguments:
    return {}


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is to be made. `body`: also what the history has as its arguments where no body is sent."""

    operation: Operation
    method: str
    path: str
    node: str
    session: Session | None = None
    body: Body = empty
    sends_body: bool = True


class Client:
    def __init__(self, run: Run, name: str) -> None:
        self.run = run
        self.name = name
        self.random = random.Random(f"{run.seed} {name}")
        self._connections = [Connection(port) for port in run.ports]
        self._keys = itertools.count()

    async def pause(self) -> None:
        await asyncio.sleep(self.random.expovariate(1 / self.run.pace))

    def new_key(self) -> str:
        return f"{self.name}-{next(self._keys)}"

    async def send(self, call: Call, key: str | None) -> Request | None:
        """None if there was no connection, so that nothing was sent."""
        number = next(self.run.numbers)
        arguments = call.body(number)
        content = json.dumps(arguments).encode() if arguments and call.sends_body else b""
        request = encode(call.method, call.path, content, key)
        connection = self.random.choice(self._connections)
        response: Response | None = None
        error: str | None = None
        start = time.monotonic()
        try:
            if self.random.random() < self.run.vanishing:
                await connection.vanish(request)
                error = "the client left"
            else:
                response = await connection.ask(request, seconds=PATIENCE)
        except NotSent:
            self.run.counts["not sent"] += 1
            return None
        except NoResponse as reason:
            error = str(reason)
        seen = Request(
            number=number,
            client=self.name,
            start=start,
            end=time.monotonic(),
            operation=call.operation,
            session=call.session.id if call.session else None,
            node=call.node,
            arguments=arguments,
            idempotency_key=key,
            status=response.status if response else None,
            answer=_parsed(response),
            instance=response.instance if response else None,
            retry_after=response.retry_after if response else None,
            replayed=response.replayed if response else False,
            error=error,
        )
        self.run.recorder.add(seen)
        self._count(seen, is_write=call.method != "GET")
        return seen

    def _count(self, seen: Request, *, is_write: bool) -> None:
        counts = self.run.counts
        counts["requests"] += 1
        if seen.status is not None and seen.status < 300:
            counts["writes" if is_write else "reads"] += 1
        elif seen.status is None or seen.status == 503:
            counts["failed"] += 1
        elif seen.status not in (400, 404, 409):
            counts["odd"] += 1

    async def ask(self, call: Call, *, keyed: float = 0.0) -> Request | None:
        """Send a request; with a key (in a share of `keyed`), again until it is answered.

        Returns None where it is not known what happened.
        """
        key = self.new_key() if self.random.random() < keyed else None
        arguments: Arguments | None = None

        def same(number: int) -> Arguments:
            nonlocal arguments
            if arguments is None:
                arguments = call.body(number)
            return arguments

        repeatable = replace(call, body=same)
        for _ in range(ATTEMPTS if key else 1):
            seen = await self.send(repeatable, key)
            if seen is not None and seen.status is not None and seen.status != 503:
                if key is not None and self.random.random() < REPEATED:
                    await self.send(repeatable, key)
                return seen
            await asyncio.sleep(self.random.uniform(*BACK_OFF))
            if not self.run.goes_on():
                break
        return None

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def _parsed(response: Response | None) -> Any:
    if response is None:
        return None
    try:
        return json.loads(response.body)
    except ValueError:
        return None
