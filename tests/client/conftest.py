"""Both clients behind one interface, so that each test runs with both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from benchmarks.stack import WebServer
from kato_client import AsyncKato, AsyncSession, Kato
from tests.client.relay import Relay, relay_to

NO_TIME = (0.001, 0.001, 0.001)


class Waiting:
    """An async client or session whose methods block, so that a test reads the same for both kinds."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def _wait(self, result: Any) -> Any:
        if isinstance(result, AsyncIterator):
            return iter(self._wait(_all_of(result)))
        if inspect.isawaitable(result):

            async def wait() -> Any:
                return await result

            result = self._runner.run(wait())
        return Waiting(result, self._runner) if isinstance(result, AsyncKato | AsyncSession) else result

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._wait(value(*args, **kwargs))

    def __enter__(self) -> "Waiting":
        self._wait(self._target.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._wait(self._target.__aexit__(*error))


async def _all_of(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


Connect = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """`connect(url, **options)`: a client of either kind, closed afterwards, with no delay between repeats."""
    opened: list[Any] = []
    with asyncio.Runner() as runner:

        def open_client(url: str, **options: Any) -> Any:
            options = {"delays": NO_TIME, **options}
            kato = Kato(url, **options) if request.param == "sync" else Waiting(AsyncKato(url, **options), runner)
            opened.append(kato)
            return kato

        yield open_client
        for kato in opened:
            kato.close()


@pytest.fixture
def kato(connect: Connect, server: WebServer) -> Any:
    """A client of either kind, connected to the service."""
    return connect(server.url)


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    """A node of this test's own."""
    return f"client {request.node.name}"


@pytest.fixture
def relay(server: WebServer) -> Iterator[Relay]:
    with relay_to(server.url) as running:
        yield running
