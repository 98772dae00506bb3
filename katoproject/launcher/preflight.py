"""Checks before anything starts: no other program has this port, no other service runs on this data folder."""

import errno
import fcntl
import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from katoproject.launcher.processes import CannotStart

LOOPBACK = ("127.0.0.1", "::1")
# A client of "localhost" may use either family, so a service at one of these needs both.
COVERS_LOOPBACK = (*LOOPBACK, "localhost", "0.0.0.0", "::")


@contextmanager
def sole_owner_of(data: Path) -> Iterator[None]:
    """Hold the lock of the data folder. The kernel releases it when the process ends, however it ends."""
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"This service is already running on {data} (pid {lock.read() or 'unknown'}). "
                "Stop that one first, or set KATO_DATA_DIR (and PORT) to run a second."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_port(host: str, port: int) -> None:
    """Raise CannotStart if another program has the port at an address of this service.

    The workers of the web server share their port (SO_REUSEPORT). Without this check a second server of the same user
    would silently receive a part of the requests.
    """
    for address in dict.fromkeys((host, *LOOPBACK) if host in COVERS_LOOPBACK else (host,)):
        if _is_taken(address, port):
            raise CannotStart(
                f"Port {port} is already taken on {address}, by {_who_answers(address, port)}. "
                "Nothing was started. Stop the other one, or set PORT to another number."
            )


def _is_taken(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        pass  # no program answers, but one may hold the port all the same
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a server that has just stopped remain for a minute; they do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and address in LOOPBACK:
            return False  # a machine without this family
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"Cannot listen on {address} port {port}: {error.strerror}.") from None
        return True
    return False


def _who_answers(address: str, port: int) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return "something that is not KATO (it does not answer HTTP requests)"
    finally:
        connection.close()
    if instance := answer.headers.get("X-Kato-Instance"):
        return f"another KATO ({instance})"
    server = answer.headers.get("Server")
    return f"something that is not KATO ({f'an HTTP server named {server!r}' if server else 'a nameless HTTP server'})"
