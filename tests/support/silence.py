"""An address of this machine that leads to a Unix socket, and can forget its connections as a firewall does."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tests.support.loopback import has_ipv6

HOST = "::1" if has_ipv6() else "127.0.0.1"


class Forgetful:
    """Connections lead to `target`. Those that `forget` finds stay open at both ends, and nothing gets through."""

    def __init__(self, target: str) -> None:
        self._target = target
        family = socket.AF_INET6 if ":" in HOST else socket.AF_INET
        self._listener = socket.create_server((HOST, 0), family=family)
        self._stop = threading.Event()
        self._generation = 0
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"[{HOST}]:{self.port}" if ":" in HOST else f"{HOST}:{self.port}"

    def forget(self) -> None:
        self._generation += 1

    def serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._join, args=(client, self._generation))
                thread.start()
                self._threads.append(thread)

    def close(self) -> None:
        self._stop.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _join(self, client: socket.socket, generation: int) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._target)
            while not self._stop.is_set() and generation == self._generation:
                for one in select.select([client, server], [], [], 0.1)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (server if one is client else client).sendall(data)
            self._stop.wait()


@contextmanager
def forgetful(target: str) -> Iterator[Forgetful]:
    one = Forgetful(target)
    thread = threading.Thread(target=one.serve)
    thread.start()
    with closing(one):
        yield one
    thread.join()
