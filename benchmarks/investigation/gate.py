"""A proxy between a process and its store that can hold one command, hold all commands, or cut the connection.

So an interleaving is chosen, not waited for. Responses of the store pass unchanged.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

CHUNK = 64 * 1024
# Commands that set a Redis connection up.
_ABOUT_THE_CONNECTION = {"HELLO", "CLIENT", "AUTH", "SELECT", "PING"}
_START_OF_SESSION = 196608  # PostgreSQL's protocol 3.0

# Splits what a client sends into frames that must arrive together, each with the name of its command, or None.
Frames = Callable[[BinaryIO], Iterator[tuple[str | None, bytes]]]


def redis_commands(stream: BinaryIO) -> Iterator[tuple[str | None, bytes]]:
    while head := stream.readline():
        frame, words = [head], []
        for _ in range(int(head[1:])):
            size = stream.readline()
            word = stream.read(int(size[1:]) + 2)
            frame += [size, word]
            words.append(word[:-2].decode(errors="replace"))
        name = words[0].upper()
        yield None if name in _ABOUT_THE_CONNECTION else name, b"".join(frame)


def postgres_statements(stream: BinaryIO) -> Iterator[tuple[str | None, bytes]]:
    """One frame per round trip: everything until the client waits for a response."""
    code = 0
    while code != _START_OF_SESSION:  # before that a client may ask for encryption
        size = stream.read(4)
        if not size:
            return
        rest = stream.read(struct.unpack("!I", size)[0] - 4)
        code = struct.unpack("!I", rest[:4])[0]
        yield None, size + rest
    prepared: dict[bytes, str] = {}
    frame, name = b"", None  # no name: the frame only prepares a statement
    while kind := stream.read(1):
        size = stream.read(4)
        content = stream.read(struct.unpack("!I", size)[0] - 4)
        frame += kind + size + content
        match kind:
            case b"P":  # Parse: statement's name, text
                statement, text = content.split(b"\0")[:2]
                prepared[statement] = _first_word(text)
            case b"B":  # Bind: portal, statement's name
                name = prepared[content.split(b"\0")[1]]
            case b"Q":
                name = _first_word(content)
        if kind in b"SQ":  # Sync, Query
            yield name, frame
            frame, name = b"", None
    yield None, frame  # Terminate


def _first_word(sql: bytes) -> str:
    return sql.split(maxsplit=1)[0].strip(b"\0;").decode().upper()


class Gate:
    def __init__(self, store: Path, frames: Frames) -> None:
        """`store`: its Unix socket."""
        self._store = store
        self._frames = frames
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._passed = 0
        self._stop_at: int | None = None
        self._is_cut = False
        self._connections: set[socket.socket] = set()
        self._may_go = threading.Event()
        self._may_go.set()
        self._all_may_go = threading.Event()
        self._all_may_go.set()
        self.stopped = threading.Event()
        self.stopped_command = ""

    def stop_at(self, number: int) -> None:
        """Hold the command with this number, counted from now and from 1, and its connection."""
        with self._lock:
            self._passed, self._stop_at = 0, number
            self.stopped.clear()
            self._may_go.clear()

    def let_go(self) -> None:
        """Release all held commands, and hold none from now on."""
        with self._lock:
            self._stop_at = None
        self._may_go.set()
        self._all_may_go.set()

    def hold_all(self) -> None:
        self._all_may_go.clear()

    def cut(self) -> None:
        """Make the store unreachable: end all connections, and every new one."""
        with self._lock:
            self._is_cut = True
            for connection in self._connections:
                with suppress(OSError):  # it has just ended
                    connection.shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        with self._lock:
            self._is_cut = False

    def _pass(self, command: str) -> None:
        with self._lock:
            self._passed += 1
            stops = self._passed == self._stop_at
            if stops:
                self.stopped_command = command
                self.stopped.set()
        if stops:
            self._may_go.wait()
        self._all_may_go.wait()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self._is_cut:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            store = socket.socket(socket.AF_UNIX)
            store.connect(str(self._store))
            with self._lock:
                self._connections |= {client, store}
            for work in (self._there, self._back):
                threading.Thread(target=work, args=(client, store), daemon=True).start()

    def _there(self, client: socket.socket, store: socket.socket) -> None:
        with client.makefile("rb") as stream, suppress(OSError, struct.error, ValueError):  # the end of a connection
            for command, frame in self._frames(stream):
                if command:
                    self._pass(command)
                store.sendall(frame)
        self._end(client, store)

    def _back(self, client: socket.socket, store: socket.socket) -> None:
        with suppress(OSError):  # the end of a connection
            while answer := store.recv(CHUNK):
                client.sendall(answer)
        self._end(client, store)

    def _end(self, *sockets: socket.socket) -> None:
        with self._lock:
            for one in sockets:
                if one in self._connections:
                    self._connections.remove(one)
                    with suppress(OSError):  # the other side was first
                        one.shutdown(socket.SHUT_RDWR)
                    one.close()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.let_go()
        self.cut()
