"""A TCP address that leads to a PostgreSQL of this machine, and can be made to lead to another one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from katoproject.configuration.locations import run_dir


class Forwarder:
    """Connections that exist stay where they are when it is switched."""

    def __init__(self, data: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lead_to(data)

    def lead_to(self, data: Path) -> None:
        self._target = run_dir(data) / ".s.PGSQL.5432"

    @property
    def url(self) -> str:
        return f"postgresql://kato@127.0.0.1:{self.port}/kato"

    def serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=_connect, args=(client, self._target), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _connect(client: socket.socket, target: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        server.connect(str(target))
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            destination.sendall(data)
    for one in (source, destination):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def forwarding(data: Path) -> Iterator[Forwarder]:
    forwarder = Forwarder(data)
    thread = threading.Thread(target=forwarder.serve)
    thread.start()
    try:
        yield forwarder
    finally:
        forwarder.close()
        thread.join()
