"""One client of `/ws/events`: the messages that wait for it, and how its connection ends."""

import asyncio
import contextlib
import time
from collections import deque
from datetime import datetime
from typing import Any

from foundation.addresses import owner_of
from foundation.callers import Caller
from katoproject.server.proxies import proxies
from sessions_app.reads import event_feed

# Messages that may wait for one client, and their characters. All clients share the texts, but a client that reads
# slowly keeps them.
MOST_WAITING, MOST_WAITING_CHARACTERS = 10_000, 8_000_000
# A client has nothing to say but `ping`: characters of one message, and seconds between two that are read.
MOST_SAID, BETWEEN_MESSAGES = 4096, 0.05
# Seconds that a client has to read what was sent before its connection is closed.
PATIENCE, PATIENCE_AT_STOP = 30.0, 1.0

NORMAL, GOING_AWAY, TOO_LONG, FAILED, TRY_AGAIN_LATER, UNAUTHORIZED = 1000, 1001, 1009, 1011, 1013, 4401


class Client:
    """One connection. Its messages are sent in order, as fast as it reads; no other client waits for it."""

    def __init__(self, proto: Any, caller: Caller, address: str) -> None:
        self._proto = proto
        self.caller = caller
        self.owner, self.is_of_many = owner_of(address), proxies.trusts(address)
        self.heard_at = time.monotonic()
        self._outgoing: deque[str] = deque()
        self._waiting_characters = 0
        self._something_to_do = asyncio.Event()
        self._leaving = asyncio.Event()
        self._close_code, self._patience = NORMAL, PATIENCE
        # The time of its snapshot; None before it has one.
        self.informed_at: datetime | None = None

    def tell(self, messages: list[str]) -> None:
        """Queue the messages, all or none. Only those that wait already count, so a fast client may get any burst."""
        if self.is_leaving:
            return
        if len(self._outgoing) >= MOST_WAITING or self._waiting_characters >= MOST_WAITING_CHARACTERS:
            self.dismiss(TRY_AGAIN_LATER, at_once=True)
            return
        self._outgoing.extend(messages)
        self._waiting_characters += sum(map(len, messages))
        self._something_to_do.set()

    def inform(self, look: event_feed.Batch) -> None:
        """The first message of every connection."""
        self.informed_at = look.at
        self.tell([look.message(self.caller.nodes)])

    def tell_news(self, news: list[tuple[event_feed.Event, str]]) -> None:
        sees = self.caller.sees
        self.tell([message for event, message in news if sees(event.node_id) and not self._knows(event)])

    def _knows(self, event: event_feed.Event) -> bool:
        """The count of sessions in its snapshot did not include a session that had expired but was not yet deleted."""
        assert self.informed_at is not None
        if isinstance(event, event_feed.ActOnPatterns):
            return False
        return event.kind == event_feed.Kind.EXPIRED and event.happened_at <= self.informed_at

    @property
    def is_leaving(self) -> bool:
        return self._leaving.is_set()

    def dismiss(self, code: int, *, at_once: bool = False, patience: float = PATIENCE) -> None:
        """Close the connection once the waiting messages are sent, or without them."""
        if not self.is_leaving:
            self._close_code, self._patience = code, patience
            if at_once:
                self._outgoing.clear()
            self._leaving.set()
            self._something_to_do.set()

    async def serve(self) -> None:
        """Until the client has disconnected, or is dismissed and its connection closed."""
        async with _cancelled_at_the_end() as start:
            sending, receiving, leaving = start(self._send()), start(self._receive()), start(self._leaving.wait())
            await asyncio.wait({sending, receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            # Granian's close waits for a pending receive.
            receiving.cancel()
            if self.is_leaving:
                await asyncio.wait({sending}, timeout=self._patience)

    async def _send(self) -> None:
        while True:
            while self._outgoing:
                text = self._outgoing.popleft()
                self._waiting_characters -= len(text)
                await self._proto.send({"type": "websocket.send", "text": text})
            if self.is_leaving:
                await self._proto.send({"type": "websocket.close", "code": self._close_code})
                return
            self._something_to_do.clear()
            await self._something_to_do.wait()

    async def _receive(self) -> None:
        while (message := await self._proto.receive())["type"] == "websocket.receive":
            self.heard_at = time.monotonic()
            if len(message.get("text") or message.get("bytes") or "") > MOST_SAID:
                self.dismiss(TOO_LONG, at_once=True)
            elif message.get("text") == "ping":
                self.tell(["pong"])
            elif message.get("bytes") is not None:
                self.dismiss(NORMAL)
            await asyncio.sleep(BETWEEN_MESSAGES)


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
