"""The fifteen session checks of the incident (http.md 7), by a client that uses aiohttp as the original one did.

It keeps one pool of connections per check, treats every status but 200 as an error, and does not read the response to
a deletion, so that the library closes that connection.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from benchmarks.investigation.programs import APART

Result = TypeVar("Result")


class Refused(Exception):
    """The status was not 200."""


@dataclass
class Client:
    url: str
    http: aiohttp.ClientSession
    created: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, self.url + path, json=body) as response:
            text = await response.text()
            if response.status != 200:
                raise Refused(f"{response.status} {text} to {method} {path.split('/')[-1]}")
            return await response.json()

    async def create(self, node: str | None = None, **body: Any) -> str:
        answer = await self.ask("POST", "/sessions", {"node_id": node or uuid.uuid4().hex, **body})
        self.created.append(answer["session_id"])
        return str(answer["session_id"])

    async def observe(self, session: str, *strings: str, **more: Any) -> Any:
        return await self.ask("POST", f"/sessions/{session}/observe", {"strings": list(strings), **more})

    async def stm(self, session: str) -> Any:
        return (await self.ask("GET", f"/sessions/{session}/stm"))["stm"]

    async def count(self) -> int:
        return int((await self.ask("GET", "/sessions/count"))["active_session_count"])

    async def delete(self, session: str) -> None:
        self.created.remove(session)
        async with self.http.delete(f"{self.url}/sessions/{session}", headers=APART) as response:
            if response.status != 200:
                raise Refused(f"{response.status} to DELETE")


async def together(*works: Coroutine[Any, Any, Result]) -> list[Result]:
    """Return all results; when the first one fails, cancel the others, as at the end of a failed test."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def isolated_sessions(client: Client) -> None:
    left, right = await client.create(), await client.create()
    for one, other in zip("ABC", "XYZ", strict=True):
        await client.observe(left, one)
        await client.observe(right, other)
    assert await client.stm(left) == [["A"], ["B"], ["C"]]
    assert await client.stm(right) == [["X"], ["Y"], ["Z"]]


async def ten_sessions_at_once(client: Client) -> None:
    sessions = [await client.create() for _ in range(10)]

    async def observe_all(number: int) -> None:
        for event in range(5):
            await client.observe(sessions[number], f"{number}-{event}")

    await together(*(observe_all(number) for number in range(10)))
    for number, session in enumerate(sessions):
        assert await client.stm(session) == [[f"{number}-{event}"] for event in range(5)]


async def vectors_and_emotives(client: Client) -> None:
    learned = []
    for word, emotives in (("hello", {"joy": 0.9}), ("goodbye", {"sorrow": 0.8})):
        session = await client.create()
        await client.observe(session, word, vectors=[[0.25] * 768], emotives=emotives)
        await client.observe(session, "and more")
        learned.append((await client.ask("POST", f"/sessions/{session}/learn"))["pattern_name"])
        predictions = (await client.ask("GET", f"/sessions/{session}/predictions"))["predictions"]
        assert all("emotives" in prediction for prediction in predictions)
    assert learned[0] != learned[1]


async def creation(client: Client) -> None:
    await client.create()
    asked = {"node_id": "mine", "metadata": {"by": "me"}, "ttl_seconds": 7200}
    answer = await client.ask("POST", "/sessions", asked)
    client.created.append(answer["session_id"])
    assert {name: answer[name] for name in asked} == asked


async def expiry(client: Client) -> None:
    session = await client.create(ttl_seconds=2)
    assert (await client.ask("GET", f"/sessions/{session}/exists"))["exists"]
    await asyncio.sleep(3)
    assert not (await client.ask("GET", f"/sessions/{session}/exists"))["exists"]
    client.created.remove(session)


async def manual_clean_up(client: Client) -> None:
    sessions = [await client.create() for _ in range(5)]
    for session in sessions:
        await client.observe(session, "something")
    before = await client.count()
    assert before >= 5
    for session in sessions:
        await client.delete(session)
    assert await client.count() == before - 5


async def extension(client: Client) -> None:
    session = await client.create(ttl_seconds=5)
    await asyncio.sleep(2)
    await client.ask("POST", f"/sessions/{session}/extend?ttl_seconds=60")
    await asyncio.sleep(4)
    assert await client.stm(session) == []


async def growing_stm(client: Client) -> None:
    session = await client.create()
    for number in range(5):
        await client.observe(session, str(number))
        assert await client.stm(session) == [[str(one)] for one in range(number + 1)]
    await client.ask("POST", f"/sessions/{session}/clear-stm")
    assert await client.stm(session) == []
    await client.observe(session, "afterwards")
    assert await client.stm(session) == [["afterwards"]]


async def learning(client: Client) -> None:
    session = await client.create()
    for symbol in "ABCD":
        await client.observe(session, symbol)
    assert (await client.ask("POST", f"/sessions/{session}/learn"))["pattern_name"]
    await client.ask("POST", f"/sessions/{session}/clear-stm")
    await client.observe(session, "A", "B")
    predictions = (await client.ask("GET", f"/sessions/{session}/predictions"))["predictions"]
    assert all("C" in str(prediction["future"]) or "D" in str(prediction["future"]) for prediction in predictions[:1])


async def a_hundred_sessions(client: Client) -> None:
    sessions = [await client.create() for _ in range(100)]
    turn = asyncio.Semaphore(10)

    async def use(session: str) -> None:
        async with turn:
            await client.ask("POST", f"/sessions/{session}/clear-stm")
            for number in range(10):
                await client.observe(session, str(number))
                await asyncio.sleep(0.001)
            assert await client.stm(session) == [[str(number)] for number in range(10)]

    await together(*(use(session) for session in sessions))
    await together(*(client.delete(session) for session in sessions))


async def longest_stm(client: Client) -> None:
    session = await client.create()
    for number in range(1100):
        await client.observe(session, str(number))
    assert await client.stm(session) == [[str(number)] for number in range(100, 1100)]


async def create_use_delete(client: Client) -> None:
    share = await cycles(client, 50, at_once=10)
    assert share > 0.95, f"{share * 100:.0f} % succeeded"


async def never_created(client: Client) -> None:
    refusal = ""
    try:
        await client.observe("session-never-created", "x")
    except Refused as error:
        refusal = str(error)
    assert refusal.startswith("404")
    assert "session-never-created" in refusal


async def session_limits(client: Client) -> None:
    """There is no limit; the original check was empty, too."""
    await client.create()


async def one_session_ten_writers(client: Client) -> None:
    session = await client.create()
    await together(*(client.observe(session, str(number)) for number in range(10)))
    assert sorted(await client.stm(session)) == [[str(number)] for number in range(10)]


Check = Callable[[Client], Awaitable[None]]
# By their numbers in http.md 7.
CHECKS: dict[int, Check] = {
    1: isolated_sessions,
    2: ten_sessions_at_once,
    3: vectors_and_emotives,
    4: creation,
    5: expiry,
    6: manual_clean_up,
    7: extension,
    9: growing_stm,
    10: learning,
    11: a_hundred_sessions,
    12: longest_stm,
    13: create_use_delete,
    14: never_created,
    15: session_limits,
    16: one_session_ten_writers,
}
# These are slow and independent, so they run at the same time; the others run one after another, as they did.
SLOW = (5, 7, 12)


async def cycles(client: Client, number: int, *, at_once: int) -> float:
    """Run `number` cycles of create, observe and delete; return the share that succeeds."""
    turn = asyncio.Semaphore(at_once)

    async def cycle() -> bool:
        async with turn:
            try:
                session = await client.create()
                await client.observe(session, "a", "b")
                await client.delete(session)
            except Refused:
                return False
            return True

    return sum(await together(*(cycle() for _ in range(number)))) / number


@dataclass(frozen=True)
class Verdict:
    """`refused`: why the check failed; `clean_up`: how many of its sessions could not be deleted afterwards."""

    refused: str | None
    clean_up: int
    seconds: float


async def _verdict(url: str, check: Check) -> Verdict:
    begun, refused, left = time.monotonic(), None, 0
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        client = Client(url, http)
        try:
            await check(client)
        except (Refused, AssertionError) as error:
            refused = str(error) or "wrong content"
        for session in list(client.created):
            try:
                await client.delete(session)
            except Refused:
                left += 1
    return Verdict(refused, left, time.monotonic() - begun)


async def _run(url: str, numbers: Sequence[int]) -> dict[int, Verdict]:
    slow = {number: asyncio.create_task(_verdict(url, CHECKS[number])) for number in numbers if number in SLOW}
    found = {number: await _verdict(url, CHECKS[number]) for number in numbers if number not in SLOW}
    found |= {number: await task for number, task in slow.items()}
    return dict(sorted(found.items()))


def run_checks(url: str, numbers: Sequence[int]) -> dict[int, Verdict]:
    return asyncio.run(_run(url, numbers))


def success_of_cycles(url: str, number: int, *, at_once: int) -> float:
    async def run() -> float:
        async with aiohttp.ClientSession() as http:
            return await cycles(Client(url, http), number, at_once=at_once)

    return asyncio.run(run())
