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
        """The port at the listener's end of the connection."""
        port: int = self.connection.local_address[1]
        return port

    def next(self) -> Message:
        try:
            message: Message = json.loads(self.connection.recv(timeout=DEADLINE))
        except TimeoutError:
            raise AssertionError(f"no message within {DEADLINE} s") from None
        return message

    def next_of(self, session_id: str) -> Message:
        """The next event of this session; skips those of other sessions."""
        while (message := self.next())["data"]["session_id"] != session_id:
            pass
        return message

    def take(self, number: int) -> list[Message]:
        return [self.next() for _ in range(number)]

    def close_code(self) -> int | None:
        """Wait until the server closes the connection; return its close code. Skips earlier messages."""
        try:
            while True:
                self.connection.recv(timeout=DEADLINE)
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else None


def events_url(url: str) -> str:
    return f"{url.replace('http', 'ws', 1)}/ws/events"


@contextmanager
def listening(server: WebServer | str, **options: Any) -> Iterator[Listener]:
    """A client that has received its snapshot. `server`: a server or its URL."""
    url = server if isinstance(server, str) else server.url
    with connect_to(events_url(url), **options) as connection:
        yield Listener(connection)


# Without the pings of the library: a listener that does not read would miss the reply and close the connection.
connect_to = partial(connect, proxy=None, ping_interval=None)
