"""`/ws/events`: who listens, and what they are told (http.md 3; docs/events.md)."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from django.db import close_old_connections

from foundation import logs
from foundation.postgresql.trouble import STORE_TROUBLE
from katoproject.upkeep import chores
from sessions_app.reads import event_feed

log = logging.getLogger(__name__)

PATH = "/ws/events"

# How often the database is asked while anybody listens; seconds.
INTERVAL = 0.1
EXPIRY_INTERVAL = 1.0
RETRY_INTERVAL = 0.5

# Messages that may wait for one client. They are texts that all clients share: what each costs is a pointer.
MOST_WAITING = 10_000
# How long a client that is told good-bye may take to read what was sent before; seconds.
PATIENCE, PATIENCE_AT_STOP = 30.0, 1.0

NORMAL, GOING_AWAY, FAILED, TOO_SLOW = 1000, 1001, 1011, 1013


class Client:
    """One connection. What it is told is sent in order, as fast as it reads; nobody waits for it."""

    def __init__(self, proto: Any) -> None:
        self._proto = proto
        self._outgoing: deque[str] = deque()
        self._something_to_do = asyncio.Event()
        self._leaving = asyncio.Event()
        self._close_code = NORMAL
        # The moment of its snapshot; None before.
        self.informed_at: datetime | None = None

    def tell(self, messages: Iterable[str]) -> None:
        """Have them sent, all or none. What has been waiting counts, so no burst is too large for a quick client."""
        if self._leaving.is_set():
            return
        if len(self._outgoing) >= MOST_WAITING:
            self._outgoing.clear()
            self.dismiss(TOO_SLOW)
            return
        self._outgoing.extend(messages)
        self._something_to_do.set()

    def inform(self, look: event_feed.Batch) -> None:
        """The first message of every connection."""
        self.informed_at = look.at
        self.tell([look.message])

    def tell_news(self, news: list[tuple[event_feed.Event, str]]) -> None:
        self.tell(message for event, message in news if not self._knows(event))

    def _knows(self, event: event_feed.Event) -> bool:
        """A session that had run out was not in the number that the client was told, though its row was there."""
        assert self.informed_at is not None
        return event.kind == event_feed.Kind.EXPIRED and event.happened_at <= self.informed_at

    def dismiss(self, code: int) -> None:
        """End the connection, after what is waiting was sent."""
        if not self._leaving.is_set():
            self._close_code = code
            self._leaving.set()
            self._something_to_do.set()

    async def serve(self) -> None:
        """Until the client is gone, or dismissed and told so."""
        async with _cancelled_at_the_end() as start:
            sending, receiving, leaving = start(self._send()), start(self._receive()), start(self._leaving.wait())
            await asyncio.wait({sending, receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            # Granian's close waits for a receive that is under way.
            receiving.cancel()
            if self._leaving.is_set():
                await asyncio.wait({sending}, timeout=PATIENCE)

    async def _send(self) -> None:
        while True:
            while self._outgoing:
                await self._proto.send({"type": "websocket.send", "text": self._outgoing.popleft()})
            if self._leaving.is_set():
                await self._proto.send({"type": "websocket.close", "code": self._close_code})
                return
            self._something_to_do.clear()
            await self._something_to_do.wait()

    async def _receive(self) -> None:
        while (message := await self._proto.receive())["type"] == "websocket.receive":
            if message.get("text") == "ping":
                self.tell(["pong"])
            elif message.get("bytes") is not None:
                self.dismiss(NORMAL)


@contextlib.asynccontextmanager
async def _cancelled_at_the_end() -> Any:
    tasks: list[asyncio.Task[Any]] = []

    def start(work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        tasks.append(task)
        return task

    try:
        yield start
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Hub:
    """The clients of this process, and the one reader that asks the database for all of them while there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[asyncio.Task[None]] = set()
        self._clients: set[Client] = set()
        self._following: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")
        self._next_expiry = 0.0

    def accept(self, watcher: Any) -> None:
        """Take a connection; returns at once. `watcher`: Granian's, with the handshake's `scope` and `proto`."""
        task = self._loop.create_task(self._serve(watcher))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """Tell all clients that the server goes away."""
        self._closed = True
        for client in self._clients:
            client.dismiss(GOING_AWAY)
        if self._connections:
            await asyncio.wait(self._connections, timeout=PATIENCE_AT_STOP)

    async def _serve(self, watcher: Any) -> None:
        proto, begun, status = watcher.proto, time.monotonic(), 403
        try:
            await proto.receive()  # the handshake
            if self._closed or watcher.scope["path"] != PATH:
                await proto.send({"type": "websocket.close"})  # before it was accepted: HTTP 403
                return
            await proto.send({"type": "websocket.accept"})
            status = 101
            client = Client(proto)
            self._join(client)
            try:
                await client.serve()
            finally:
                self._clients.discard(client)
        except Exception:
            log.exception("A connection to %s failed", PATH)
        finally:
            watcher.done()
            self._log_connection(watcher.scope, status, time.monotonic() - begun)

    def _log_connection(self, scope: Any, status: int, seconds: float) -> None:
        [*_, given] = [None, *(value.decode("latin-1") for name, value in scope["headers"] if name == b"x-trace-id")]
        with logs.context(trace_id=logs.trace_id_of(given)):
            logs.request_answered(
                method="GET", path=scope["path"], status=status, seconds=seconds, client=scope["client"][0]
            )

    def _join(self, client: Client) -> None:
        self._clients.add(client)
        self._joined.set()
        if self._following is None or self._following.done():
            self._following = self._loop.create_task(self._follow_or_say_so())

    async def _follow_or_say_so(self) -> None:
        try:
            await self._follow()
        except Exception:
            log.exception("The events cannot be followed")
            for client in self._clients:
                client.dismiss(FAILED)

    async def _follow(self) -> None:
        position, in_trouble = None, False
        while self._clients:
            self._joined.clear()
            newcomers = [client for client in self._clients if client.informed_at is None]
            try:
                look, news = await self._loop.run_in_executor(self._thread, self._look, position, bool(newcomers))
            except STORE_TROUBLE as error:
                if not in_trouble:
                    log.warning("Events wait for PostgreSQL: %s", error)
                in_trouble = True
                await asyncio.sleep(RETRY_INTERVAL)
                continue
            position, in_trouble = look.checkpoint, False
            self._tell(look, news, newcomers)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), INTERVAL)

    def _look(
        self, position: event_feed.Checkpoint | None, counting: bool
    ) -> tuple[event_feed.Batch, list[tuple[event_feed.Event, str]]]:
        """In the hub's thread. The events with their messages, which all clients share."""
        close_old_connections()  # Django does this before a request, but this thread sees no requests
        # The chore is scheduled as well. But who listens is to hear of it soon, and without Redis, which carries tasks.
        if time.monotonic() >= self._next_expiry:
            chores.perform("expire-sessions", seconds=INTERVAL)
            self._next_expiry = time.monotonic() + EXPIRY_INTERVAL
        look = event_feed.poll(since=position, counting=counting)
        return look, [(event, event.message) for event in look.events]

    def _tell(self, look: event_feed.Batch, news: list[tuple[event_feed.Event, str]], newcomers: list[Client]) -> None:
        if news:
            for client in self._clients:
                if client.informed_at is not None:
                    client.tell_news(news)
        # What this look brought is part of their snapshot; what it did not see is not, and comes with the next.
        for client in newcomers:
            client.inform(look)
