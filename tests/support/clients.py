"""Three HTTP libraries behind one interface: the behaviour of the service must not depend on the client.

httpx and requests share one pool of connections among threads. aiohttp runs in an event loop of its own, to which the
threads pass their requests. Scenarios read the same for all three, and concurrent requests have a connection each.
"""

import asyncio
import json as json_text
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import httpx
import requests
from requests.adapters import HTTPAdapter

Result = TypeVar("Result")

TIMEOUT = 30.0
MOST_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `body` is parsed if it is JSON, the names of `headers` are lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def answered_by(self) -> str:
        """The program, instance and process that wrote the response."""
        return self.headers["x-kato-instance"]


def _answer(status: int, content: bytes, headers: Mapping[str, str]) -> Answer:
    names = {name.lower(): value for name, value in headers.items()}
    is_json = names.get("content-type", "").startswith("application/json")
    return Answer(status, json_text.loads(content) if is_json else content.decode(), names)


class Client(ABC):
    """One client program; use it in a `with` block. Its methods may be called from any number of threads."""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def request(
        self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer: ...

    @abstractmethod
    def close(self) -> None: ...

    def gather(self, jobs: Sequence[Callable[[], Result]], *, at_most: int | None = None) -> list[Result]:
        """Run all jobs, `at_most` (or all) at the same time; return the results in the order of the jobs."""
        threads = min(at_most or len(jobs), len(jobs))
        # Without the barrier the first job may end before the last thread has started.
        start = threading.Barrier(threads)
        with ThreadPoolExecutor(threads, initializer=start.wait, initargs=(TIMEOUT,)) as pool:
            return [future.result() for future in [pool.submit(job) for job in jobs]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpxClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
        self._client = httpx.Client(base_url=url, limits=limits, timeout=TIMEOUT, trust_env=False)

    def request(self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        response = self._client.request(method, path, json=json, headers=headers)
        return _answer(response.status_code, response.content, response.headers)

    def close(self) -> None:
        self._client.close()


class RequestsClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=MOST_CONNECTIONS))

    def request(self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        response = self._session.request(method, self.url + path, json=json, headers=headers, timeout=TIMEOUT)
        return _answer(response.status_code, response.content, response.headers)

    def close(self) -> None:
        self._session.close()


class AiohttpClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aiohttp")
        self._thread.start()
        self._session = self._in_loop(self._open())

    async def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT))

    def _in_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def request(self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self._in_loop(self._send(method, path, json, headers))

    async def _send(self, method: str, path: str, json: Any, headers: Mapping[str, str] | None) -> Answer:
        async with self._session.request(method, path, json=json, headers=headers) as response:
            return _answer(response.status, await response.read(), response.headers)

    def close(self) -> None:
        self._in_loop(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


LIBRARIES: dict[str, Callable[[str], Client]] = {
    "httpx": HttpxClient,
    "requests": RequestsClient,
    "aiohttp": AiohttpClient,
}
