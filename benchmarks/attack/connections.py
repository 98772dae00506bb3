"""Attacks with connections: many, slow, idle, broken off."""

import base64
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from benchmarks.attack import honest
from benchmarks.attack.attack import Attack, attack
from benchmarks.attack.attacker import ADDRESS, Attacker, Seen, send

SLOW = 500
IDLE = 2200
WEBSOCKETS = 300
# The benchmark sets the service's deadlines to 5 seconds; by then all must be closed.
PATIENCE = 12.0
CLOSING = 3.0  # seconds that the service has to close WebSockets


def _open(opened: ExitStack, count: int, connect: Callable[[], socket.socket]) -> list[socket.socket]:
    """As many as the service accepts."""
    connections = []
    for _ in range(count):
        with suppress(OSError):
            connections.append(opened.enter_context(connect()))
    return connections


def _hold(connections: list[socket.socket], part: bytes) -> tuple[float, int]:
    """Send `part` on each once a second until the service has closed all; when that was, and how many are left."""
    begun = time.monotonic()
    left = list(connections)
    while left and time.monotonic() - begun < PATIENCE:
        time.sleep(1)
        left = [connection for connection in left if _is_open(connection, part)]
    return time.monotonic() - begun, len(left)


def _is_open(connection: socket.socket, part: bytes) -> bool:
    connection.setblocking(False)
    try:
        if part:
            connection.send(part)
        connection.recv(4096)
        return False  # an answer ends the request
    except BlockingIOError:
        return True
    except OSError:
        return False


def _seen(opened: int, left: int, seconds: float) -> Seen:
    broken = [f"{left} of {opened} still open after {seconds:.0f} s"] if left else []
    return Seen(note=f"{opened} opened, {left} left after {seconds:.0f} s", broken=broken)


class Slow(Attack):
    """Requests that never arrive completely."""

    most_p99_ms = None
    first: bytes

    def attack(self, attacker: Attacker) -> Seen:
        def connect() -> socket.socket:
            connection = attacker.connect(patience=5)
            connection.sendall(self.first)
            return connection

        with ExitStack() as opened:
            connections = _open(opened, SLOW, connect)
            seconds, left = _hold(connections, b"x")
        return _seen(len(connections), left, seconds)


@attack
class SlowBodies(Slow):
    name = "500 slow bodies"
    limit = "others wait at most 2× p99; a deadline closes them"
    first = (
        b"POST /sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 200000\r\n\r\n{"
    )


@attack
class SlowHeads(Slow):
    name = "500 slow heads"
    limit = "others wait at most 2× p99; a deadline closes them"
    first = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@attack
class IdleConnections(Attack):
    name = "2200 idle connections"
    limit = "others wait at most 2× p99; idle ones are closed"
    most_p99_ms = None

    def attack(self, attacker: Attacker) -> Seen:
        with ExitStack() as opened:
            connections = _open(opened, IDLE, lambda: attacker.connect(patience=5))
            seconds, left = _hold(connections, b"")
        return _seen(len(connections), left, seconds)


def handshake(attacker: Attacker, address: str, **headers: str) -> tuple[socket.socket, int]:
    """Ask for a WebSocket; the connection, and the status."""
    connection = attacker.connect(patience=5, address=address)
    given = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **headers,
    }
    connection.sendall(attacker.head("GET", "/ws/events", given))
    first = connection.recv(4096).split(b" ", 2)
    return connection, int(first[1]) if len(first) > 1 else 0


@attack
class IdleWebSockets(Attack):
    name = f"{WEBSOCKETS} idle WebSockets"
    limit = "100 of an address stay in each process; another address gets in"
    # Chance decides how many each of the two processes gets.
    least_kept, most_kept = 100, 200

    def attack(self, attacker: Attacker) -> Seen:
        with ExitStack() as opened:
            connections = []
            for _ in range(WEBSOCKETS):
                connection, status = handshake(attacker, ADDRESS)
                opened.enter_context(connection)
                if status == 101:
                    connections.append(connection)
            other, status = handshake(attacker, honest.ADDRESS)
            opened.enter_context(other)
            time.sleep(CLOSING)
            kept = sum(not _has_ended(connection) for connection in connections)
            other_stays = not _has_ended(other)
        broken = [] if status == 101 else [f"another address gets {status}"]
        if not other_stays:
            broken.append("the one of another address is closed")
        if len(connections) < WEBSOCKETS:
            broken.append(f"only {len(connections)} of {WEBSOCKETS} were accepted")
        if not self.least_kept <= kept <= self.most_kept:
            broken.append(f"{kept} stay")
        return Seen(note=f"{kept} of {len(connections)} stay", broken=broken)


def _has_ended(connection: socket.socket) -> bool:
    """Whether the service has closed it, after all that it has sent."""
    connection.setblocking(False)
    try:
        while connection.recv(64 * 1024):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@attack
class TruncatedBodies(Attack):
    name = "100 bodies that end early"
    limit = "a 400, or no answer"
    statuses = frozenset({0, 400})

    def attack(self, attacker: Attacker) -> Seen:
        answers = []
        for _ in range(100):
            begun = time.perf_counter()
            with attacker.connect() as connection:
                head = {"Content-Type": "application/json", "Content-Length": "1000", "Connection": "close"}
                connection.sendall(attacker.head("POST", "/sessions", head) + b'{"node_id"')
                connection.shutdown(socket.SHUT_WR)
                answers.append(send(connection, b"", begun))
        return Seen(answers)
