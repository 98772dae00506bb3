"""Clients that speak HTTP byte by byte, and badly."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from benchmarks.stack import DEADLINE, WebServer

# Loopback addresses besides 127.0.0.1: to the server they are different clients.
OTHERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6")


@contextmanager
def connected(server: WebServer, sending: bytes = b"", *, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE, source_address=(source, 0)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(sending)
        yield one


@contextmanager
def many_connected(
    number: int, server: WebServer, sending: bytes = b"", *, source: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        yield [opened.enter_context(connected(server, sending, source=source)) for _ in range(number)]


def request(method: str, path: str, *headers: str, body: bytes = b"", announced: int | None = None) -> bytes:
    """`announced`: the Content-Length, whatever the length of the body. By default there is none."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    if announced is not None:
        lines.append(f"Content-Length: {announced}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def everything_from(one: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := one.recv(100_000):
            received += piece
    return received


def is_open(one: socket.socket) -> bool:
    """Whether the server has left the connection open. It must not have sent anything."""
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False
    finally:
        one.settimeout(DEADLINE)
