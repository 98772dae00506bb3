"""HTTP for many clients in one thread: a client library would take more processor time than the service has."""

import asyncio
import re
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_INSTANCE = re.compile(rb"\r\nx-kato-instance: *([^\r]*)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *([^\r]*)", re.IGNORECASE)
_REPLAYED = re.compile(rb"\r\nidempotency-replayed: *true", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class NoResponse(Exception):
    """The request was sent, at least in part, and no response came."""


class NotSent(Exception):
    """No connection, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    instance: str | None
    retry_after: str | None
    replayed: bool


def _text(found: "re.Match[bytes] | None") -> str | None:
    return None if found is None else found[1].decode("latin-1")


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = bytearray()
        self._awaited: asyncio.Future[Response] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0 or self._awaited is None or self._awaited.done():
            return
        head = bytes(self._received[:head_end])
        length = _LENGTH.search(head)
        body_end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < body_end:
            return
        body = bytes(self._received[head_end + 4 : body_end])
        self._received.clear()
        if _CLOSES.search(head):
            self.close()
        self._awaited.set_result(
            Response(
                int(head[9:12]),
                body,
                _text(_INSTANCE.search(head)),
                _text(_RETRY_AFTER.search(head)),
                _REPLAYED.search(head) is not None,
            )
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(NoResponse(str(error or "the connection was closed")))

    async def ask(self, request: bytes, *, seconds: float) -> Response:
        self._awaited = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(seconds):
                return await self._awaited
        except TimeoutError:
            self.close()
            raise NoResponse(f"nothing for {seconds:g} s") from None

    def vanish(self, request: bytes) -> None:
        """Send it and leave at once."""
        self._transport.write(request)
        self.close()

    def close(self) -> None:
        self.is_open = False
        self._transport.close()


class Connection:
    """One client's connection to one address, opened again when it was lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._wire: _Wire | None = None

    async def _opened(self) -> _Wire:
        if self._wire is None or not self._wire.is_open:
            loop = asyncio.get_running_loop()
            try:
                _, self._wire = await loop.create_connection(_Wire, "127.0.0.1", self.port)
            except OSError as error:
                raise NotSent(str(error)) from error
        return self._wire

    async def ask(self, request: bytes, *, seconds: float) -> Response:
        wire = await self._opened()
        return await wire.ask(request, seconds=seconds)

    async def vanish(self, request: bytes) -> None:
        wire = await self._opened()
        wire.vanish(request)

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()


def encode(method: str, path: str, body: bytes, key: str | None) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if key is not None:
        head += f"Idempotency-Key: {key}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    elif method == "POST":
        head += "Content-Length: 0\r\n"
    return head.encode() + b"\r\n" + body
