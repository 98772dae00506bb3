"""Fifty concurrent observations with each of three HTTP libraries, used as their documentation shows."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import requests

from benchmarks.investigation.programs import APART

SESSIONS, REQUESTS = 10, 50
OBSERVATION = {"strings": ["a"]}


@dataclass(frozen=True)
class Sent:
    """A request with a trace id of its own, and the response."""

    trace: str
    status: int
    body: str


def create_sessions(url: str) -> list[str]:
    """Create sessions one after another; return their paths."""
    with requests.Session() as client:
        client.trust_env = False
        answers = [client.post(f"{url}/sessions", json={"node_id": "incident"}).json() for _ in range(SESSIONS)]
        return [f"/sessions/{answer['session_id']}" for answer in answers]


def _paths(sessions: Sequence[str]) -> list[str]:
    return [f"{sessions[number % SESSIONS]}/observe" for number in range(REQUESTS)]


def _trace() -> dict[str, str]:
    return {"X-Trace-ID": uuid.uuid4().hex}


def by_aiohttp(url: str, sessions: Sequence[str], **connector: Any) -> list[Sent]:
    async def send(client: aiohttp.ClientSession, path: str) -> Sent:
        headers = _trace()
        async with client.post(url + path, json=OBSERVATION, headers=headers) as response:
            return Sent(headers["X-Trace-ID"], response.status, await response.text())

    async def all_at_once() -> list[Sent]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**connector)) as client:
            return await asyncio.gather(*(send(client, path) for path in _paths(sessions)))

    return asyncio.run(all_at_once())


def by_httpx(url: str, sessions: Sequence[str]) -> list[Sent]:
    async def send(client: httpx.AsyncClient, path: str) -> Sent:
        headers = _trace()
        response = await client.post(url + path, json=OBSERVATION, headers=headers)
        return Sent(headers["X-Trace-ID"], response.status_code, response.text)

    async def all_at_once() -> list[Sent]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await asyncio.gather(*(send(client, path) for path in _paths(sessions)))

    return asyncio.run(all_at_once())


def by_requests(url: str, sessions: Sequence[str]) -> list[Sent]:
    def send(path: str) -> Sent:
        headers = _trace()
        response = client.post(url + path, json=OBSERVATION, headers=headers)
        return Sent(headers["X-Trace-ID"], response.status_code, response.text)

    with requests.Session() as client, ThreadPoolExecutor(REQUESTS) as pool:
        client.trust_env = False
        client.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=REQUESTS))
        return list(pool.map(send, _paths(sessions)))


Wave = Callable[[str, Sequence[str]], list[Sent]]
WAVES: dict[str, Wave] = {"aiohttp": by_aiohttp, "httpx": by_httpx, "requests": by_requests}


def recovered_by_attempt(url: str, sessions: Sequence[str], *, reads_successes: bool) -> list[int]:
    """How many of the fifty succeed at the first attempt, and how many of the rest at the second and third.

    `reads_successes`: a script that needs only the status leaves the body of a success unread; then the library closes
    the connection, unless the body has already arrived. The body of a failure is read, because the script shows it.
    """

    async def succeeds(client: aiohttp.ClientSession, path: str) -> bool:
        async with client.post(url + path, json=OBSERVATION, headers=APART) as response:
            if response.status != 200 or reads_successes:
                await response.read()
            return response.status == 200

    async def attempts() -> list[int]:
        counts, left = [], _paths(sessions)
        async with aiohttp.ClientSession() as client:
            for pause in (0.05, 0.1, 0):
                succeeded = await asyncio.gather(*(succeeds(client, path) for path in left))
                counts.append(sum(succeeded))
                left = [path for path, fine in zip(left, succeeded, strict=True) if not fine]
                await asyncio.sleep(pause)
        return counts

    return asyncio.run(attempts())


def ten_health_checks(url: str) -> list[str]:
    """Send ten health checks at once; return the name of the service in each response, or its status."""

    async def ask(client: aiohttp.ClientSession) -> str:
        async with client.get(f"{url}/health") as response:
            return str((await response.json())["service_name"]) if response.status == 200 else str(response.status)

    async def all_at_once() -> list[str]:
        async with aiohttp.ClientSession() as client:
            return await asyncio.gather(*(ask(client) for _ in range(10)))

    return asyncio.run(all_at_once())
