"""The WebSocket of session events, as iterators."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kato_client._exchange import Policy
from kato_client.errors import ConnectionFailed
from kato_client.types import SessionEvent, Snapshot

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as AsyncConnection
    from websockets.sync.client import ClientConnection

OPEN_TIMEOUT = 10.0  # seconds


def _address(base_url: str) -> str:
    return f"ws{base_url.removeprefix('http')}/ws/events"


def _failed(error: Exception) -> ConnectionFailed:
    return ConnectionFailed(f"/ws/events: {type(error).__name__}: {error}", performed=False)


class Events:
    """The events since you entered the block. The iteration ends when the service closes the connection.

    Entering waits for the snapshot, which says how many sessions there are; each later change is an event.
    Raises ConnectionFailed if the connection breaks. The service does not send missed events again.
    """

    #: How many sessions there were when the stream began.
    snapshot: Snapshot

    def __init__(self, base_url: str, policy: Policy) -> None:
        self._address = _address(base_url)
        self._headers = policy.headers
        self._connection: ClientConnection | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        try:
            # Depending on its version, websockets connects here or in the next line.
            connecting = connect(self._address, additional_headers=dict(self._headers), open_timeout=OPEN_TIMEOUT)
            self._connection = self._open.enter_context(connecting)
            self.snapshot = json.loads(self._connection.recv(OPEN_TIMEOUT))
        except (WebSocketException, OSError) as error:
            self._open.close()
            raise _failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[SessionEvent]:
        from websockets.exceptions import WebSocketException

        if self._connection is None:
            raise RuntimeError("The stream is not open: iterate over events inside `with kato.events() as events`")
        try:
            for message in self._connection:
                yield json.loads(message)
        except (WebSocketException, OSError) as error:
            raise _failed(error) from error


class AsyncEvents:
    """Like `Events`, for `async with` and `async for`."""

    snapshot: Snapshot

    def __init__(self, base_url: str, policy: Policy) -> None:
        self._address = _address(base_url)
        self._headers = policy.headers
        self._connection: AsyncConnection | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            connecting = connect(self._address, additional_headers=dict(self._headers), open_timeout=OPEN_TIMEOUT)
            self._connection = await self._open.enter_async_context(connecting)
            self.snapshot = json.loads(await asyncio.wait_for(self._connection.recv(), OPEN_TIMEOUT))
        except (WebSocketException, OSError) as error:
            await self._open.aclose()
            raise _failed(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def __aiter__(self) -> AsyncIterator[SessionEvent]:
        from websockets.exceptions import WebSocketException

        if self._connection is None:
            raise RuntimeError(
                "The stream is not open: iterate over events inside `async with kato.events() as events`"
            )
        try:
            async for message in self._connection:
                yield json.loads(message)
        except (WebSocketException, OSError) as error:
            raise _failed(error) from error
