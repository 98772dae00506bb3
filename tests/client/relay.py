"""A relay between client and service that injects the faults of a script, one per request."""

import http.client
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

# Faults. The service performs the request only with LOSE_ANSWER and Cut.
LOSE_ANSWER = "lose the answer"
DROP = "close the connection without a word"


@dataclass(frozen=True)
class Cut:
    """The service performs the request; only the beginning of its response arrives, as far as `bytes_`."""

    bytes_: int


@dataclass(frozen=True)
class Say:
    """A response that the relay sends in place of the service."""

    status: int
    body: bytes = b'{"detail":"Busy"}'
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


@dataclass
class Relay:
    url: str
    faults: deque[str | Say | Cut] = field(default_factory=deque)
    #: Method, path and Idempotency-Key of every request, in order.
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)


def _handler(relay: Relay, host: str, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        lock: ClassVar[threading.Lock] = threading.Lock()

        def _relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with self.lock:
                relay.seen.append((self.command, self.path, self.headers.get("Idempotency-Key")))
                fault = relay.faults.popleft() if relay.faults else None
            if isinstance(fault, Say):
                self._write(fault.status, fault.body, [*fault.headers, ("Content-Type", fault.content_type)])
                return
            if fault != DROP:
                status, answer, headers = self._ask_service(body)
            if isinstance(fault, Cut):
                self._write(status, answer, headers, until=fault.bytes_)
            if fault is not None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self._write(status, answer, headers)

        def _ask_service(self, body: bytes) -> tuple[int, bytes, list[tuple[str, str]]]:
            service = http.client.HTTPConnection(host, port, timeout=30)
            try:
                service.request(self.command, self.path, body, dict(self.headers))
                answer = service.getresponse()
                return answer.status, answer.read(), answer.getheaders()
            finally:
                service.close()

        def _write(self, status: int, body: bytes, headers: list[tuple[str, str]], *, until: int | None = None) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:until])

        do_GET = do_POST = do_DELETE = _relay  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def relay_to(service_url: str) -> Iterator[Relay]:
    """A relay in front of the service, on a free port."""
    host, port = service_url.removeprefix("http://").split(":")
    relay = Relay("")
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(relay, host, int(port))) as listening:
        listening.daemon_threads = True
        relay.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield relay
        finally:
            listening.shutdown()
            thread.join()
