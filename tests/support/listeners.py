"""Clients of `/ws/events`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from benchmarks.stack import DEADLINE, WebServer

Message = dict[str, Any]


class Listener:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.snapshot = self.next()

    @property
    def port(self) -> int:
        """Its own."""
        port: int = self.connection.local_address[1]
        return port

    def next(self) -> Message:
        message: Message = json.loads(self.connection.recv(timeout=DEADLINE))
        return message

    def next_of(self, session_id: str) -> Message:
        """Its next event; those of other sessions are passed over."""
        while (message := self.next())["data"]["session_id"] != session_id:
            pass
        return message

    def take(self, number: int) -> list[Message]:
        return [self.next() for _ in range(number)]

    def close_code(self) -> int | None:
        """With which the server ends the connection; what it still says before is passed over."""
        try:
            while True:
                self.connection.recv(timeout=DEADLINE)
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else None


def events_url(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/ws/events"


@contextmanager
def listening(server: WebServer | str, **options: Any) -> Iterator[Listener]:
    """A client that has its snapshot. `server`: ours, or its address."""
    url = server if isinstance(server, str) else server.url
    with connect_to(events_url(url), **options) as connection:
        yield Listener(connection)


# Without the pings of the library: a listener that is not read from would take the answer for missing.
connect_to = partial(connect, proxy=None, ping_interval=None)
