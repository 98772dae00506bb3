"""The WebSocket of session events, as iterators."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from kato_client._access import HEADER
from kato_client._exchange import Policy
from kato_client._responses import error_of, parsed
from kato_client.errors import ConnectionFailed, KatoError, Unauthorized
from kato_client.types import SessionEvent, Snapshot

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as AsyncConnection
    from websockets.sync.client import ClientConnection

PATH = "/ws/events"
OPEN_TIMEOUT = 10.0  # seconds
# Statuses with which the service refuses a handshake, and says why; the code with which it ends a stream whose access
# key has been revoked or has expired.
_REFUSALS, _KEY_NO_LONGER_VALID = (401, 403, 429, 503), 4401

log = logging.getLogger(__name__)


def _hides_key(record: logging.LogRecord) -> bool:
    """websockets logs each header of the handshake if the level is DEBUG."""
    return not (record.args and isinstance(record.args, tuple) and str(record.args[0]).lower() == HEADER.lower())


log.addFilter(_hides_key)


def _address(base_url: str) -> str:
    return f"ws{base_url.removeprefix('http')}{PATH}"


def _failed(error: Exception, sent: Mapping[str, str]) -> KatoError:
    """`sent`: the headers of the handshake."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    if isinstance(error, InvalidStatus) and error.response.status_code in _REFUSALS:
        said = error.response
        request = httpx.Request("GET", f"http://service{PATH}", headers=sent)
        headers, content = [*said.headers.raw_items()], bytes(said.body or b"")
        refusal = httpx.Response(said.status_code, headers=headers, content=content, request=request)
        body = parsed(refusal)
        if isinstance(body, dict):
            return error_of(refusal, body, "GET", PATH)
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == _KEY_NO_LONGER_VALID:
        reason = f"{PATH}: the service ended the stream, because the access key is no longer valid"
        return Unauthorized(reason, status=401, body=None, headers={})
    return ConnectionFailed(f"{PATH}: {type(error).__name__}: {error}", performed=False)


class Events:
    """The events since you entered the block. The iteration ends when the service closes the connection.

    Entering waits for the snapshot, which says how many sessions there are; each later change is an event.
    Raises ConnectionFailed if the connection breaks, and Unauthorized if the access key is revoked or expires. The
    service does not send missed events again.
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
            connecting = connect(
                self._address, additional_headers=dict(self._headers), open_timeout=OPEN_TIMEOUT, logger=log
            )
            self._connection = self._open.enter_context(connecting)
            self.snapshot = json.loads(self._connection.recv(OPEN_TIMEOUT))
        except (WebSocketException, OSError) as error:
            self._open.close()
            raise _failed(error, self._headers) from error
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
            raise _failed(error, self._headers) from error


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
            connecting = connect(
                self._address, additional_headers=dict(self._headers), open_timeout=OPEN_TIMEOUT, logger=log
            )
            self._connection = await self._open.enter_async_context(connecting)
            self.snapshot = json.loads(await asyncio.wait_for(self._connection.recv(), OPEN_TIMEOUT))
        except (WebSocketException, OSError) as error:
            await self._open.aclose()
            raise _failed(error, self._headers) from error
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
            raise _failed(error, self._headers) from error
