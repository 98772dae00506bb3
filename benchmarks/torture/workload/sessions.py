"""Clients of sessions whose events are unique: a few hot sessions that several clients use, and many cold ones."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from benchmarks.torture.workload import requests
from benchmarks.torture.workload.client import Client, Session

PLAIN: dict[str, Any] = {}
CLEARING = {"max_pattern_length": 5, "stm_mode": "CLEAR"}
ROLLING = {"max_pattern_length": 8, "stm_mode": "ROLLING"}
CONFIGURATIONS = (PLAIN, PLAIN, PLAIN, CLEARING, ROLLING)

HOT_LIFE = 30.0  # seconds after which a hot session is replaced
WINDOW_LIFE = 90.0
MOST_KEPT = 20  # sessions that a client comes back to

# What is done to a session, and how often.
ACTS = {
    "observe": 200,
    "read_stm": 1200,
    "sequence": 25,
    "learn": 8,
    "clear_stm": 8,
    "read_session": 140,
    "read_config": 120,
    "configure": 8,
    "extend": 8,
    "predict": 40,
}


async def act(client: Client, session: Session) -> bool:
    """Do something to the session; return whether it still lives, as far as is known."""
    [name] = client.random.choices(list(ACTS), list(ACTS.values()))
    match name:
        case "observe":
            seen = await requests.observe(client, session)
        case "read_stm":
            seen = await requests.read_stm(client, session)
        case "sequence":
            seen = await requests.observe_sequence(client, session, client.random.randint(2, 5))
        case "learn":
            seen = await requests.learn(client, session)
        case "clear_stm":
            seen = await requests.clear_stm(client, session)
        case "read_session":
            seen = await requests.read_session(client, session)
        case "read_config":
            seen = await requests.read_config(client, session)
        case "configure":
            seen = await requests.configure(client, session, {"persistence": client.random.randint(1, 100)})
        case "extend":
            seen = await requests.extend(client, session, client.random.randint(600, 7200))
        case _:
            seen = await requests.predict(client, session)
    await client.pause()
    return seen is None or seen.status != 404


@dataclass
class Hot:
    """A session that several clients use at the same time, and replace after a while."""

    name: str
    config: dict[str, Any]
    life: float = HOT_LIFE
    _session: Session | None = None
    _born: float = 0.0
    _generation: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def session(self, client: Client) -> Session | None:
        async with self._lock:
            if self._session is None or time.monotonic() - self._born > self.life:
                await self._replace(client)
            return self._session

    async def _replace(self, client: Client) -> None:
        old, self._session = self._session, None
        self._generation += 1
        node = f"unique-{self.name}-{self._generation}"
        self._session = await requests.create(client, node, config=self.config)
        self._born = time.monotonic()
        if old is not None:
            await requests.delete(client, old)  # others may be writing to it

    def forget(self, session: Session) -> None:
        if self._session is session:
            self._session = None


async def use_hot(client: Client, hot: Hot) -> None:
    while client.run.goes_on():
        session = await hot.session(client)
        if session is None:
            await client.pause()
        elif not await act(client, session):
            hot.forget(session)
    last = await hot.session(client)
    if last is not None:
        await requests.read_stm(client, last)


async def fill_window(client: Client, hot: Hot) -> None:
    """Long sequences, which nothing clears: the oldest events leave at 1000."""
    while client.run.goes_on():
        session = await hot.session(client)
        if session is not None:
            if client.random.random() < 0.7:
                await requests.observe_sequence(client, session, client.random.randint(10, 60))
            else:
                await requests.read_stm(client, session)
        await asyncio.sleep(client.random.uniform(0.2, 0.6))


async def use_cold(client: Client) -> None:
    """Sessions of its own, one after another: most for a short time, some come to their deadline, some stay."""
    kept: deque[Session] = deque(maxlen=MOST_KEPT)
    short: deque[tuple[float, Session]] = deque(maxlen=MOST_KEPT)
    generation = 0
    while client.run.goes_on():
        generation += 1
        node = f"unique-{client.name}-{generation % 50}"
        kind = client.random.random()
        if kind < 0.25:
            await _short_life(client, node, short)
        else:
            await _ordinary_life(client, node, kept, is_deleted=kind < 0.7)
        await _look_back(client, kept, short)
    for session in kept:
        await requests.read_stm(client, session)


async def _ordinary_life(client: Client, node: str, kept: "deque[Session]", *, is_deleted: bool) -> None:
    session = await requests.create(client, node, config=client.random.choice(CONFIGURATIONS))
    if session is None:
        return
    for _ in range(client.random.randint(10, 60)):
        if not client.run.goes_on() or not await act(client, session):
            break
    if is_deleted:
        if requests.succeeded(await requests.delete(client, session)):
            await requests.read_stm(client, session)
            await requests.observe(client, session)
    else:
        kept.append(session)


async def _short_life(client: Client, node: str, short: "deque[tuple[float, Session]]") -> None:
    ttl = client.random.randint(2, 4)
    session = await requests.create(client, node, ttl=ttl)
    if session is None:
        return
    for _ in range(client.random.randint(1, 6)):
        await requests.observe(client, session)
        await requests.read_stm(client, session)
    # Seldom near the deadline, of which a client does not know exactly when it is.
    short.append((time.monotonic() + 1.1 * ttl + client.random.uniform(0.5, 6), session))


async def _look_back(client: Client, kept: "deque[Session]", short: "deque[tuple[float, Session]]") -> None:
    if kept and client.random.random() < 0.5:
        session = client.random.choice(kept)
        await requests.read_stm(client, session)
        await requests.observe(client, session)
    while short and short[0][0] < time.monotonic():
        _, session = short.popleft()
        await requests.read_stm(client, session)
