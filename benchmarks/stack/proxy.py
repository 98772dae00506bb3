"""A TCP address that leads to a Unix socket of this machine, through a network that is as bad as it is told to be."""

import asyncio
import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import cast

from katoproject.configuration.locations import run_dir

_PATIENCE = 10.0  # seconds for what is done at once unless the machine stands still


class Direction(Enum):
    TO_SERVER = auto()
    TO_CLIENT = auto()


class Cut(Enum):
    """Where a connection is cut, at the next request that chance chooses."""

    AFTER_THE_REQUEST = auto()
    """The server gets the request whole; nobody knows whether it has answered."""
    BEFORE_THE_ANSWER = auto()
    """The server has done what was asked, and the client gets not one byte of the answer."""


@dataclass(frozen=True)
class Weather:
    """What happens to bytes that arrive while it lasts."""

    delay: float = 0.0
    """Seconds, in each direction."""
    held: frozenset[Direction] = frozenset()
    """Bytes of these directions arrive when it is over, as after lost packets; so does the end of a connection."""
    cut: Cut | None = None
    share: float = 1.0
    """Of the requests (or answers) that are cut, how many: the others get through."""


FAIR = Weather()


class Proxy:
    """Connections that exist stay where they are when it is led elsewhere. Methods may be called from any thread."""

    def __init__(self, target: Path, *, host: str = "127.0.0.1", seed: int = 0) -> None:
        self.target = target
        self.weather = FAIR
        self._chance = random.Random(seed)
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
        self._host = host
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name=f"proxy {self.port}")

    @property
    def address(self) -> str:
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    def lead_to(self, target: Path) -> None:
        self.target = target

    def forget(self) -> None:
        """As a firewall does: the connections of this moment stay open at both ends, and nothing gets through."""

        def forgotten() -> None:
            for connection in self._connections:
                connection.forget()

        self._in_loop(forgotten)

    def close_forgotten(self) -> None:
        """As keep-alives of both ends do it in the end."""

        def closed() -> None:
            for connection in list(self._connections):
                if connection.is_forgotten:
                    connection.abort()

        self._in_loop(closed)

    def change(self, weather: Weather) -> None:
        """What was held is delivered unless it is held still."""

        def changed() -> None:
            self.weather = weather
            for connection in list(self._connections):
                connection.deliver()

        self._in_loop(changed)

    def chooses_to_cut(self) -> bool:
        return self._chance.random() < self.weather.share

    # Inside -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        def ended() -> None:
            for connection in list(self._connections):
                connection.abort()
            self._loop.call_soon(self._loop.stop)  # after what the aborted connections still do

        self._loop.call_soon_threadsafe(ended)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._accepted, sock=self._listener))
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _accepted(self) -> "_End":
        connection = _Connection(self, self._connections)
        return connection.client

    def _in_loop(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def working() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(working)
        assert done.wait(_PATIENCE), "the proxy does not run"


class _Connection:
    def __init__(self, proxy: Proxy, among: set["_Connection"]) -> None:
        self.proxy = proxy
        self._among = among
        self.client = _End(self, Direction.TO_SERVER)
        self.server = _End(self, Direction.TO_CLIENT)
        self.client.other, self.server.other = self.server, self.client
        self._opening: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._among.add(self)
        self._opening = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self.server, str(self.proxy.target))
        except OSError:
            self.client.abort()
            self._among.discard(self)
        else:
            self.client.resume()
            self.client.deliver()

    @property
    def is_forgotten(self) -> bool:
        return self.client.is_silent

    def forget(self) -> None:
        for end in (self.client, self.server):
            end.go_silent()

    def deliver(self) -> None:
        for end in (self.client, self.server):
            end.deliver()

    def abort(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        for end in (self.client, self.server):
            end.abort()
        self.leave_if_over()

    def leave_if_over(self) -> None:
        if self.client.is_over and self.server.is_over:
            self._among.discard(self)


_END_OF_STREAM = b""


class _End(asyncio.Protocol):
    """One end of a connection: what it receives goes to the other end."""

    other: "_End"

    def __init__(self, connection: _Connection, direction: Direction) -> None:
        self._connection = connection
        self._direction = direction
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()  # when it is due, and what
        self._timer: asyncio.TimerHandle | None = None
        self.is_silent = False
        self._is_closed = False

    @property
    def is_connected(self) -> bool:
        """Whether it was ever open."""
        return self._transport is not None

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or was never open, and has nothing left to pass on."""
        return (self._transport is None or self._is_closed) and not self._waiting

    # Called by asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._direction is Direction.TO_SERVER:
            self._transport.pause_reading()  # until there is a server
            self._connection.open()

    def data_received(self, data: bytes) -> None:
        proxy = self._connection.proxy
        weather = proxy.weather
        if weather.cut is Cut.AFTER_THE_REQUEST and self._direction is Direction.TO_SERVER and proxy.chooses_to_cut():
            self.other.send(data)
            self.other.send(_END_OF_STREAM)
            self.abort()
            return
        if weather.cut is Cut.BEFORE_THE_ANSWER and self._direction is Direction.TO_CLIENT and proxy.chooses_to_cut():
            self._connection.abort()
            return
        is_fair = not weather.delay and self._direction not in weather.held
        if is_fair and not self._waiting and self.other.is_connected:
            self.other.send(data)
            return
        self._waiting.append((asyncio.get_running_loop().time() + weather.delay, data))
        self.deliver()

    def eof_received(self) -> bool:
        self._waiting.append((0.0, _END_OF_STREAM))
        self.deliver()
        return True  # keep it open: what the other end has sent may still be under way

    def connection_lost(self, error: Exception | None) -> None:
        self._is_closed = True
        if self.is_silent:
            self._connection.leave_if_over()
            return
        self._waiting.append((0.0, _END_OF_STREAM))
        self.deliver()

    def pause_writing(self) -> None:
        self.other.pause()

    def resume_writing(self) -> None:
        self.other.resume()

    # Called by the connection -----------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Pass on what is due, in the order in which it came."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Some versions of asyncio read from a client once although that is paused: its request waits for the server.
        is_held = self._direction in self._connection.proxy.weather.held or not self.other.is_connected
        if is_held or self.is_silent:
            return
        while self._waiting:
            due, data = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self.deliver)
                return
            self._waiting.popleft()
            self.other.send(data)
        self._connection.leave_if_over()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data == _END_OF_STREAM:
            self._transport.close()
        else:
            self._transport.write(data)

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and not self.is_silent:
            self._transport.resume_reading()

    def go_silent(self) -> None:
        self.is_silent = True
        self.pause()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def postgres_socket(data: Path) -> Path:
    return run_dir(data) / ".s.PGSQL.5432"


def redis_socket(data: Path) -> Path:
    return run_dir(data) / "redis.sock"


def database_url(proxy: Proxy) -> str:
    """Of a proxy in front of a PostgreSQL."""
    return f"postgresql://kato@{proxy.address}/kato"


@contextmanager
def proxying(target: Path, *, host: str = "127.0.0.1", seed: int = 0) -> Iterator[Proxy]:
    proxy = Proxy(target, host=host, seed=seed)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()
