"""Clients of nodes: they teach the same few sentences again and again, and predict what others taught."""

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks.torture.history import Operation
from benchmarks.torture.workload import requests
from benchmarks.torture.workload.client import Client, Session
from engine.naming import pattern_name

LIFE = 45.0  # seconds after which a node is left
BEGINNING = ["once", "upon"]
SENTENCES = [[*BEGINNING, f"end{number}"] for number in range(8)]
JOB_LIMIT = 60.0  # seconds that a client looks at a job
LAST_LIMIT = 160.0  # seconds after the last fault; the checker knows how long a job may take at most
ACTS: tuple[Operation, ...] = ("retire", "un_retire", "un_retire", "purge")
FINAL = ("done", "failed", "cancelled")


@dataclass
class Node:
    """A node that several clients teach and ask, and leave for another after a while."""

    name: str
    _born: float = field(default_factory=time.monotonic)
    _generation: int = 0

    @property
    def id(self) -> str:
        if time.monotonic() - self._born > LIFE:
            self._generation += 1
            self._born = time.monotonic()
        return f"words-{self.name}-{self._generation}"


async def _asking(client: Client, node: str) -> Session | None:
    """A session that has observed how every sentence begins."""
    session = await requests.create(client, node)
    if session is None:
        return None
    for word in BEGINNING:
        if not requests.succeeded(await requests.observe(client, session, words=[word])):
            return None
    return session


async def use_words(client: Client, node: Node, *, clears: float = 0.0, retires: float = 0.0) -> None:
    """Teach, and predict: often what others have just taught, through another process.

    clears: how often the node is made to forget all. retires: how often a sentence is retired, un-retired or purged.
    """
    teacher: Session | None = None
    asking: Session | None = None
    while client.run.goes_on():
        current = node.id
        if teacher is None or teacher.node != current:
            teacher = await requests.create(client, current)
            asking = None
        if asking is None:
            asking = await _asking(client, current)
        if teacher is None or asking is None:
            await client.pause()
            continue
        kind = client.random.random()
        if kind < clears:
            await requests.clear_all(client, teacher)
        elif kind < clears + retires:
            name = pattern_name([[word] for word in client.random.choice(SENTENCES)])
            await requests.act_on_pattern(client, teacher, client.random.choice(ACTS), name)
        elif kind < 0.12:
            await requests.teach(client, teacher, client.random.choice(SENTENCES))
        elif kind < 0.15:
            await _teach_in_steps(client, teacher)
        else:
            await requests.predict(client, asking)
        await client.pause()
    if asking is not None:
        await requests.predict(client, asking)


async def _teach_in_steps(client: Client, session: Session) -> None:
    for word in client.random.choice(SENTENCES):
        if not requests.succeeded(await requests.observe(client, session, words=[word])):
            await requests.clear_stm(client, session)
            return
    learned = await requests.learn(client, session)
    if learned is not None and learned.status == 409:  # it is retired
        await requests.clear_stm(client, session)


async def _watch(client: Client, node: str, job: str, session: Session | None = None) -> None:
    """Look at a job until it ends; one that takes too long is looked at once more when the clients have ended."""

    async def look(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = await requests.read_job(client, node, job, session)
            if seen is not None and seen.status == 200 and seen.answer["state"] in FINAL:
                return True
            await asyncio.sleep(client.random.uniform(0.1, 0.5))
        return False

    if not await look(JOB_LIMIT):
        client.run.unfinished.append(lambda: look(LAST_LIMIT))


async def use_sequence_jobs(client: Client) -> None:
    generation = 0
    while client.run.goes_on():
        generation += 1
        session = await requests.create(client, f"unique-{client.name}-{generation % 50}")
        if session is None:
            continue
        for _ in range(client.random.randint(1, 6)):
            await requests.observe(client, session)
            accepted = await requests.submit_sequence(client, session, client.random.randint(2, 40))
            await requests.observe(client, session)
            if accepted is not None and accepted.status == 202:
                await _watch(client, session.node, accepted.answer["job_id"], session)
            await requests.read_stm(client, session)
            await client.pause()
            if not client.run.goes_on():
                break


async def use_training_jobs(client: Client, node: Node) -> None:
    while client.run.goes_on():
        current = node.id
        asking = await _asking(client, current)
        if asking is None:
            continue
        for _ in range(5):
            sentences = client.random.choices(SENTENCES, k=client.random.randint(1, 20))
            accepted = await requests.submit_training(client, current, sentences)
            await requests.predict(client, asking)
            if accepted is not None and accepted.status == 202:
                await _watch(client, current, accepted.answer["job_id"])
            await requests.predict(client, asking)
            await client.pause()
            if not client.run.goes_on():
                break
