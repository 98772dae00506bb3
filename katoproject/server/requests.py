"""HTTP requests: from Granian to the WSGI application, in threads, and the responses back."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings

from foundation.errors import Overloaded, Refusal
from foundation.http import departure, parking, streaming
from foundation.http.slots import PATIENCE
from katoproject.configuration.environment import MEBIBYTE
from katoproject.console import share as console
from katoproject.server.bodies import SMALL, Bodies, Body
from katoproject.server.browser_headers import Headers, browser_headers
from katoproject.server.holders import is_of_unknown_key
from katoproject.server.loop import InPlace
from katoproject.server.parked import Parked
from katoproject.server.proxies import proxies
from katoproject.server.transfer import length_of_body
from katoproject.server.turns import Turns

log = logging.getLogger(__name__)

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

# More threads than requests may run at once, so that /health still responds when all of those wait for the database.
SPARE_THREADS = 2
# In the environ: the refusal of a request whose body did not arrive as announced. The middleware returns it.
REFUSAL = "kato.refusal"
# In the environ of a request with a token that this process does not know: to be called with the id of its key. Returns
# whether the key may have this request under way, too.
COUNT_FOR = "kato.count_for"

_EVERY_REQUEST: Environ = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "Granian",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class Requests:
    """`application` may have a function `body_limit`: the largest body, in bytes, that it takes at a path."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._turns: Turns[Body] = Turns(max(1, settings.ENV.limit_concurrency // 2))
        memory = settings.ENV.body_memory_mb * MEBIBYTE
        self.bodies = Bodies(
            self._turns.join,
            limit_of=getattr(application, "body_limit", lambda path: settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
            always_taken=min(SMALL, settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
            discarded=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            seconds=settings.ENV.body_timeout,
            rate=settings.ENV.body_rate,
            memory=memory,
            share=max(memory // 2, settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
        )
        self._parked = Parked(self._turns.join, seconds=settings.ENV.prediction_timeout)
        self._running: set[Any] = set()  # Granian's watchers
        for number in range(settings.ENV.limit_concurrency + SPARE_THREADS + console.THREADS + streaming.AT_ONCE):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    def running(self) -> list[Any]:
        return list(self._running)

    def accept(self, watcher: Any) -> None:
        """Take a request and return at once. `watcher` is Granian's, with the `scope` and `proto` of the request."""
        self._running.add(watcher)
        try:
            length = length_of_body(watcher.scope["headers"])
        except Refusal as refusal:
            body = Body(watcher, None)
            body.refusal = refusal
            self._turns.join(body)
            return
        if length == 0:
            self._turns.join(Body(watcher, 0))
        else:
            self.bodies.receive(watcher, length)

    def _work(self) -> None:
        while True:
            body, waited = self._turns.next()
            if waited > PATIENCE and body.refusal is None:
                body.refusal = Overloaded()  # its client has probably given up
            self._begin(body)
            del body  # the next request may be long in coming

    def _begin(self, body: Body) -> None:
        """Respond to a request, or park it."""
        watcher = body.watcher
        client_has_gone = body.departure or Departure(watcher.proto)
        departure.begin_request(client_has_gone)
        parking.begin_request(is_possible=self._parked.is_possible(body), was_parked=body.departure is not None)
        error: BaseException | None = None
        try:
            self._respond(watcher.scope, watcher.proto, body, client_has_gone)
        except BaseException as raised:  # noqa: BLE001  Granian logs it, and the thread takes the next request
            error = raised
        departure.end_request()
        until = parking.end_request()
        if until is not None and error is None:
            body.departure = client_has_gone
            body.content.seek(0)
            self._turns.done(body)
            self._parked.park(body, until)
            return
        if error is None:
            watcher.done()
        else:
            watcher.err(error)
        self.bodies.release(body)
        self._turns.done(body)
        self._running.discard(watcher)

    def _respond(self, scope: Any, proto: Any, body: Body, client_has_gone: Callable[[], bool]) -> None:
        environ = environ_of(scope, body)
        if is_of_unknown_key(body.holders):
            environ[COUNT_FOR] = partial(self._turns.count_for, body)
        content = self._application(environ, Beginning(proto, browser_headers(environ)))
        if parking.is_parked():
            return
        if isinstance(content, list):
            proto.send({"type": "http.response.body", "body": b"".join(content)})
            return
        try:
            for chunk in content:
                try:
                    _wait_for(proto.send({"type": "http.response.body", "body": chunk, "more_body": True}))
                except Empty:
                    log.warning("The rest of a response was not sent: its client did not read it")
                    return
                if client_has_gone():
                    return
            proto.send({"type": "http.response.body", "body": b""})
        finally:
            getattr(content, "close", lambda: None)()


class Beginning:
    """WSGI's `start_response`."""

    __slots__ = ("_constant_headers", "_proto")

    def __init__(self, proto: Any, constant_headers: Headers) -> None:
        self._proto = proto
        self._constant_headers = constant_headers

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        if parking.is_parked():
            return
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        encoded += self._constant_headers
        self._proto.send({"type": "http.response.start", "status": int(status[:3]), "headers": encoded})


class Departure:
    """Whether the client has disconnected before the end of its response. Watches from the first question on."""

    __slots__ = ("_noticed", "_proto", "_watching")

    def __init__(self, proto: Any) -> None:
        self._proto = proto
        self._watching = self._noticed = False

    def __call__(self) -> bool:
        if not self._watching:
            self._watching = True
            self._watch()
        return self._noticed

    def _watch(self) -> None:
        self._proto.receive().add_done_callback(InPlace(self._received))

    def _received(self, message: Any) -> None:
        if message.result()["type"] == "http.disconnect":
            self._noticed = True
        else:
            self._watch()


def _wait_for(awaitable: Any) -> Any:
    """Block this thread until Granian has done something; return the result. Raises Empty if that takes too long."""
    if not hasattr(awaitable, "add_done_callback"):
        return None  # done already
    done: SimpleQueue[Any] = SimpleQueue()
    awaitable.add_done_callback(InPlace(done.put))
    return done.get(timeout=streaming.PATIENCE).result()


# Name of a header as sent → its key in the environ; empty for a header that is dropped. Limited, because clients choose
# the names.
_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_MOST_KEYS, _LONGEST_NAME = 1000, 64


def _key(name: bytes) -> str:
    key = _KEYS.get(name)
    if key is None:
        # X_Trace_ID would have the key of X-Trace-ID: a client could speak in the name of a proxy that sets the other.
        key = "" if b"_" in name else "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        if len(_KEYS) < _MOST_KEYS and len(name) <= _LONGEST_NAME:
            _KEYS[name] = key
    return key


def environ_of(scope: Any, body: Body) -> Environ:
    environ = _EVERY_REQUEST.copy()
    environ["REQUEST_METHOD"] = scope["method"]
    environ["PATH_INFO"] = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
    environ["QUERY_STRING"] = scope["query_string"].decode("latin-1")
    environ["SERVER_PROTOCOL"] = f"HTTP/{scope['http_version']}"
    environ["SERVER_NAME"], environ["SERVER_PORT"] = scope["server"]
    environ["wsgi.input"] = body.content
    add_headers(environ, scope)
    if body.length is None:
        environ["CONTENT_LENGTH"] = str(body.received)  # a WSGI application takes a body of unknown length for empty
    if body.refusal is not None:
        environ[REFUSAL] = body.refusal
    return environ


def add_headers(environ: Environ, scope: Any) -> None:
    """The headers, and the address and scheme that the client has used, seen through trusted proxies."""
    environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = scope["client"]
    environ["wsgi.url_scheme"] = scope["scheme"]
    for name, value in scope["headers"]:
        key = _key(name)
        if key:
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    if proxies and proxies.trusts(environ["REMOTE_ADDR"]):
        if forwarded_for := environ.get("HTTP_X_FORWARDED_FOR"):
            environ["REMOTE_ADDR"] = proxies.client(environ["REMOTE_ADDR"], forwarded_for)
        if forwarded_proto := environ.get("HTTP_X_FORWARDED_PROTO"):
            environ["wsgi.url_scheme"] = proxies.scheme(forwarded_proto)
