"""How many connections a process keeps. When there are too many, those that do nothing are closed first.

Granian accepts connections where Python cannot see them. So a thread looks at the sockets of this process, as Linux
shows them below /proc. It knows which of them are in use, and the kernel knows since when the others are not.
"""

import contextlib
import logging
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from django.conf import settings

from foundation.addresses import owner_of
from katoproject.server.files import SPARE
from katoproject.server.proxies import proxies
from katoproject.server.requests import Requests
from katoproject.server.websocket import Hub

log = logging.getLogger(__name__)

# Seconds between two looks.
INTERVAL = 0.5
# Bytes that the client of a WebSocket may send between two looks. All that it has to say is `ping`.
MOST_FROM_WEBSOCKET = 64 * 1024

_OPEN_FILES = Path("/proc/self/fd")

Peer = tuple[str, str]  # address and port, as Granian names clients
Uses = dict[Peer, "Use"]


class Use(IntEnum):
    """What a connection is used for; the lowest is given up first."""

    NOTHING = 0  # it waits for a request, or for its client to read a response
    BODY = 1  # its request has not arrived
    REQUEST = 2
    WEBSOCKET = 3


@dataclass(frozen=True, slots=True)
class Connection:
    file: int
    peer: Peer
    use: Use
    idle: float  # seconds since anything was sent to the client, or since it connected
    received: int  # bytes
    owner: str
    is_shared: bool


def guard(requests: Requests, hub: Hub, *, most_accepted: int) -> None:
    """Look after the connections of this process from now on. Granian stops accepting at `most_accepted`."""
    if not _OPEN_FILES.exists() or not hasattr(socket, "TCP_INFO"):
        log.warning("This system does not show its connections: only their number in all is limited")
        return

    def uses() -> Uses:
        return {
            **{watcher.scope["client"]: Use.REQUEST for watcher in requests.running()},
            **{body.watcher.scope["client"]: Use.BODY for body in requests.bodies.unfinished()},
            **dict.fromkeys(hub.peers(), Use.WEBSOCKET),
        }

    environment = settings.ENV
    Guard(
        uses,
        most=min(environment.connections, max(most_accepted - SPARE, most_accepted // 2)),
        most_per_address=environment.connections_per_address,
        idle_timeout=environment.idle_timeout,
    ).start()


class Guard:
    """`uses` returns what is in use, by peer; a peer that it does not name is idle."""

    def __init__(self, uses: Callable[[], Uses], *, most: int, most_per_address: int, idle_timeout: float) -> None:
        self._uses = uses
        self._most, self._most_per_address = most, most_per_address
        self._idle_timeout = idle_timeout
        self._heard: dict[Peer, int] = {}

    def start(self) -> None:
        threading.Thread(target=self._work, name="connections", daemon=True).start()

    def _work(self) -> None:
        pause = threading.Event()
        ports: set[int] = set()
        says_why = True
        while not pause.wait(INTERVAL):
            try:
                ports = ports or _prepare_listeners()
                self._look(ports)
                says_why = True
            except OSError as error:  # no file is left to open
                if says_why:
                    log.error("The connections cannot be examined: %s", error)
                says_why = False
            except Exception:
                log.exception("The connections cannot be examined")

    def _look(self, ports: set[int]) -> None:
        connections = _connections(ports, self._uses)
        for reason, surplus, close in (
            ("more than KATO_CONNECTIONS_PER_ADDRESS", self._beyond_their_address(connections), _shut_down),
            ("more than KATO_CONNECTIONS", self._beyond_all(connections), _shut_down),
            ("responses were not read", self._stalled(connections), _abort),
            ("too much was sent to a WebSocket", self._talkative(connections), _abort),
        ):
            closed = Counter(one.owner for one in surplus if _apply(close, one))
            for owner, number in closed.items():
                log.warning("Closed %d connections of %s: %s", number, owner, reason)

    def _beyond_their_address(self, connections: list[Connection]) -> list[Connection]:
        counts = Counter(one.owner for one in connections if not one.is_shared)
        surplus: list[Connection] = []
        for owner, count in counts.items():
            if count > self._most_per_address:
                own = _expendable(one for one in connections if one.owner == owner)
                surplus += own[: count - self._most_per_address]
        return surplus

    def _beyond_all(self, connections: list[Connection]) -> list[Connection]:
        counts = Counter(one.owner for one in connections if not one.is_shared)
        # Stable: within an address those that have been idle for longest come first.
        expendable = sorted(_expendable(connections), key=lambda one: (one.use, -max(1, counts[one.owner])))
        return expendable[: max(0, len(connections) - self._most)]

    def _stalled(self, connections: list[Connection]) -> list[Connection]:
        """Granian closes connections that wait for a request, but not those whose response is not read."""
        limit = self._idle_timeout + 10 * INTERVAL
        return [one for one in connections if one.use is Use.NOTHING and one.idle > limit]

    def _talkative(self, connections: list[Connection]) -> list[Connection]:
        """Granian assembles a message of up to 64 MB before anyone can ask how large it is."""
        listening = [one for one in connections if one.use is Use.WEBSOCKET]
        before, self._heard = self._heard, {one.peer: one.received for one in listening}
        return [one for one in listening if one.received - before.get(one.peer, one.received) > MOST_FROM_WEBSOCKET]


def _expendable(connections: Iterable[Connection]) -> list[Connection]:
    """The connections that may be closed, the first ones first."""
    return sorted((one for one in connections if one.use <= Use.BODY), key=lambda one: (one.use, -one.idle))


def _sockets() -> Iterator[tuple[int, socket.socket]]:
    """The TCP sockets of this process. They belong to others, who may close them at any time."""
    for name in os.listdir(_OPEN_FILES):  # noqa: PTH208  a thousand paths are expensive
        try:
            one = socket.socket(fileno=int(name))
        except OSError:
            continue  # no socket, or gone
        try:
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM:
                yield int(name), one
        finally:
            one.detach()


def _connections(ports: set[int], uses: Callable[[], Uses]) -> list[Connection]:
    seen = []
    for file, one in _sockets():
        with contextlib.suppress(OSError):  # disconnected in the meantime
            if one.getsockname()[1] in ports and not _listens(one):
                seen.append((file, _peer_of(one), *_activity(one)))
    # Asked last: a request that arrives while the sockets are listed is then in use.
    in_use = uses()
    return [
        Connection(
            *(file, peer, in_use.get(peer, Use.NOTHING), idle, received),
            owner=owner_of(peer[0]),
            is_shared=proxies.trusts(peer[0]),
        )
        for file, peer, idle, received in seen
    ]


def _peer_of(one: socket.socket) -> Peer:
    address, port = one.getpeername()[:2]
    return address.partition("%")[0], str(port)


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


# Of struct tcp_info (linux/tcp.h): tcpi_last_data_sent in milliseconds, and tcpi_bytes_received.
_LAST_DATA_SENT = struct.Struct("44xI")
_BYTES_RECEIVED = struct.Struct("128xQ")


def _activity(one: socket.socket) -> tuple[float, int]:
    """Seconds since something was sent, or since the client connected; bytes received in all."""
    info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
    [milliseconds], [received] = _LAST_DATA_SENT.unpack_from(info), _BYTES_RECEIVED.unpack_from(info)
    return milliseconds / 1000, received


def _apply(close: Callable[[socket.socket], None], connection: Connection) -> bool:
    """Return whether the connection was still there."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.file)) as one:
        # The number of the file may be that of another connection by now. The duplicate stays what it is.
        if _peer_of(one) == connection.peer:
            close(one)
            return True
    return False


def _shut_down(one: socket.socket) -> None:
    """Granian notices the end, and closes."""
    one.shutdown(socket.SHUT_RDWR)


def _abort(one: socket.socket) -> None:
    """The same, for a client whose network is clogged: it is reset, because an orderly end would not get through."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.shutdown(socket.SHUT_RDWR)


def _prepare_listeners() -> set[int]:
    """The ports on which this process listens. From now on the kernel asks silent clients whether they still exist.

    Accepted connections inherit that. Without it the WebSocket of a client that lost its network would stay for ever.
    """
    ports = set()
    for _, one in _sockets():
        if _listens(one):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
                one.setsockopt(socket.IPPROTO_TCP, option, value)
            ports.add(one.getsockname()[1])
    return ports
