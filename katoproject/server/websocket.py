"""`/ws/events`: the clients, and the messages that they receive (http.md 3; docs/events.md)."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from django.conf import settings
from django.db import close_old_connections

from access_app import rates
from access_app.keyring import KeyHolder, keyring
from access_app.tokens import key_id_of
from foundation import callers, contracts, logs
from foundation.callers import Caller
from foundation.errors import Refusal, Unavailable
from foundation.http.refusals import refusal_answer
from foundation.postgresql.trouble import STORE_TROUBLE, WrongSchema
from katoproject.configuration import identity
from katoproject.server.browser_headers import browser_headers
from katoproject.server.callers import caller_of
from katoproject.server.hosts_and_origins import check_handshake
from katoproject.server.requests import Environ, add_headers
from katoproject.server.websocket_client import (
    FAILED,
    GOING_AWAY,
    PATIENCE_AT_STOP,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    Client,
)
from katoproject.upkeep import chores
from sessions_app.reads import event_feed

log = logging.getLogger(__name__)

PATH = "/ws/events"

# Seconds between two reads of the database while there are clients.
INTERVAL = 0.1
EXPIRY_INTERVAL = 1.0
RETRY_INTERVAL = 0.5

# A browser cannot send an Authorization header with a handshake. It offers this protocol, and its token as another.
PROTOCOL = "kato"


def _caller_of(handshake: Environ, offers: list[str]) -> Caller:
    """Who opens the connection. Raises TooOften, Unauthorized and MissingScope."""
    address = handshake["REMOTE_ADDR"]
    rates.charge_address(address)
    header = handshake.get("HTTP_AUTHORIZATION")
    if header is None:
        header = next((f"Bearer {offer}" for offer in offers if key_id_of(offer)), None)
    # Prompt: all connections of this process wait for this thread.
    caller = caller_of(header, address, is_prompt=True)
    caller.require(callers.READ)
    return caller


class NoSuchWebSocket(Refusal):
    status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(f"Forbidden: the only WebSocket is {PATH}")


async def _refuse(proto: Any, refusal: Refusal, handshake: Environ, trace_id: str) -> None:
    response = refusal_answer(refusal)
    response["X-Trace-ID"] = trace_id
    response[identity.HEADER] = identity.describe()
    response[contracts.HEADER] = contracts.in_force()
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    headers += browser_headers(handshake)
    await proto.send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
    await proto.send({"type": "websocket.http.response.body", "body": response.content})


class Hub:
    """The clients of this process, and one reader of the database for all of them, which runs while there are any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[asyncio.Task[None]] = set()
        self._peers: dict[Any, tuple[str, str]] = {}
        self._clients: set[Client] = set()
        self._following: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")
        self._next_expiry = 0.0

    def accept(self, watcher: Any) -> None:
        """Take a connection and return at once. `watcher` is Granian's, with `scope` and `proto` of the handshake."""
        task = self._loop.create_task(self._serve(watcher))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def peers(self) -> list[tuple[str, str]]:
        """Of all connections. May be called in any thread."""
        return list(self._peers.values())

    async def close(self) -> None:
        """Tell all clients that the server stops."""
        self._closed = True
        for client in self._clients:
            client.dismiss(GOING_AWAY)
        if self._connections:
            await asyncio.wait(self._connections, timeout=PATIENCE_AT_STOP)

    async def _serve(self, watcher: Any) -> None:
        with contracts.one_request():
            await self._serve_one(watcher)

    async def _serve_one(self, watcher: Any) -> None:
        proto, begun, status = watcher.proto, time.monotonic(), 403
        handshake: Environ = {"PATH_INFO": watcher.scope["path"]}
        add_headers(handshake, watcher.scope)
        trace_id = logs.trace_id_of(handshake.get("HTTP_X_TRACE_ID"))
        offers = watcher.scope["subprotocols"]
        self._peers[watcher] = watcher.scope["client"]
        try:
            await proto.receive()  # the handshake
            try:
                check_handshake(handshake)
                contracts.ask(handshake.get("HTTP_X_KATO_CONTRACT"))
                if self._closed:
                    raise Unavailable("The service is stopping")
                if watcher.scope["path"] != PATH:
                    raise NoSuchWebSocket
                caller = await self._loop.run_in_executor(self._thread, _caller_of, handshake, offers)
            except Refusal as refusal:
                status = refusal.status
                await _refuse(proto, refusal, handshake, trace_id)
                return
            protocol = PROTOCOL if PROTOCOL in offers else None
            # Without the contract: Granian sends no headers of ours with this.
            await proto.send({"type": "websocket.accept", "subprotocol": protocol})
            status = 101
            client = Client(proto, caller, handshake["REMOTE_ADDR"])
            self._make_room_for(client)
            self._join(client)
            try:
                await client.serve()
            finally:
                self._clients.discard(client)
        except Exception:
            log.exception("A connection to %s failed", PATH)
        finally:
            watcher.done()
            del self._peers[watcher]
            with logs.context(trace_id=trace_id):
                logs.request_answered(
                    method="GET",
                    path=watcher.scope["path"],
                    status=status,
                    seconds=time.monotonic() - begun,
                    client=handshake["REMOTE_ADDR"],
                )

    def _make_room_for(self, newcomer: Client) -> None:
        """If there are too many, the client leaves that has been silent for longest; of the address that has most."""
        staying = [client for client in self._clients if not client.is_leaving]
        counts = Counter(client.owner for client in staying if not client.is_of_many)
        if counts[newcomer.owner] >= settings.ENV.websockets_per_address:
            crowd = [client for client in staying if client.owner == newcomer.owner]
        elif len(staying) >= settings.ENV.websockets:
            most = max(counts.values(), default=1)
            crowd = [client for client in staying if counts[client.owner] == most or (most == 1 and client.is_of_many)]
        else:
            return
        longest_silent = min(crowd, key=lambda client: client.heard_at)
        longest_silent.dismiss(TRY_AGAIN_LATER, at_once=True, patience=PATIENCE_AT_STOP)

    def _join(self, client: Client) -> None:
        self._clients.add(client)
        self._joined.set()
        if self._following is None or self._following.done():
            self._following = self._loop.create_task(self._follow_or_dismiss())

    async def _follow_or_dismiss(self) -> None:
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
                bindings = {client.caller.nodes for client in newcomers}
                look, news = await self._loop.run_in_executor(self._thread, self._look, position, bindings)
            except WrongSchema:
                raise  # may last; a listener that hears nothing should know
            except STORE_TROUBLE as error:
                if not in_trouble:
                    log.warning("Events wait for PostgreSQL: %s", error)
                in_trouble = True
                await asyncio.sleep(RETRY_INTERVAL)
                continue
            position, in_trouble = look.checkpoint, False
            self._dismiss_revoked()
            self._tell(look, news, newcomers)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), INTERVAL)

    def _look(
        self, position: event_feed.Checkpoint | None, bindings: set[event_feed.Binding]
    ) -> tuple[event_feed.Batch, list[tuple[event_feed.Event, str]]]:
        """Read new events, in the hub's thread; with their messages, which all clients share."""
        close_old_connections()  # Django does this before a request, but this thread has no requests
        # The scheduler does this too. But clients should see an expiry soon, and also when Redis is unavailable, which
        # carries tasks.
        if time.monotonic() >= self._next_expiry:
            chores.perform("expire-sessions", seconds=INTERVAL)
            self._next_expiry = time.monotonic() + EXPIRY_INTERVAL
        look = event_feed.poll(since=position, counting=bindings)
        if settings.ENV.needs_keys:
            keyring.follow(look.access_version)
        return look, [(event, event.message) for event in look.events]

    def _dismiss_revoked(self) -> None:
        for client in self._clients:
            if isinstance(client.caller, KeyHolder) and not keyring.is_valid(client.caller):
                client.dismiss(UNAUTHORIZED, at_once=True, patience=PATIENCE_AT_STOP)

    def _tell(self, look: event_feed.Batch, news: list[tuple[event_feed.Event, str]], newcomers: list[Client]) -> None:
        if news:
            for client in self._clients:
                if client.informed_at is not None:
                    client.tell_news(news)
        # These events are part of the snapshot of the new clients; all later ones come with the next read.
        for client in newcomers:
            client.inform(look)
