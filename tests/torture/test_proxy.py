"""The network between the service and its stores, as the harness spoils it."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.stack import eventually
from benchmarks.stack.proxy import FAIR, Cut, Direction, Proxy, Weather, proxying

CLOSED = b""


class Echo(socketserver.ThreadingUnixStreamServer):
    """Answers each line with its own name and the line, and remembers what it received."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.received: list[bytes] = []
        super().__init__(str(path), _Answering)


class _Answering(socketserver.StreamRequestHandler):
    server: Echo

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.server.received.append(line)
                self.wfile.write(self.server.name.encode() + b" " + line)
        except ConnectionError:
            return


@contextmanager
def echo(path: Path) -> Iterator[Echo]:
    with Echo(path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Echo]:
    with echo(tmp_path / "one") as running:
        yield running


@pytest.fixture
def proxy(tmp_path: Path, server: Echo) -> Iterator[Proxy]:
    with proxying(tmp_path / "one") as running:
        yield running


@contextmanager
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connected:
        yield connected


def ask(connected: socket.socket, line: bytes) -> bytes:
    connected.sendall(line + b"\n")
    return connected.recv(100)


def is_silent(connected: socket.socket) -> bool:
    connected.settimeout(0.2)
    try:
        connected.recv(100)
    except TimeoutError:
        return True
    finally:
        connected.settimeout(10)
    return False


def test_it_leads_to_its_target_and_can_be_led_to_another_one(tmp_path: Path, proxy: Proxy) -> None:
    with echo(tmp_path / "two"), client(proxy) as first:
        assert ask(first, b"a") == b"one a\n"
        proxy.lead_to(tmp_path / "two")
        with client(proxy) as second:
            assert ask(second, b"b") == b"two b\n"
        assert ask(first, b"c") == b"one c\n", "a connection stays where it is"


def test_without_a_server_a_connection_is_closed(tmp_path: Path, proxy: Proxy) -> None:
    proxy.lead_to(tmp_path / "nobody")
    with client(proxy) as connected:
        assert connected.recv(100) == CLOSED


def test_a_cut_after_the_request_lets_the_server_have_it(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as connected:
        ask(connected, b"before")
        proxy.change(Weather(cut=Cut.AFTER_THE_REQUEST))
        assert ask(connected, b"done?") == CLOSED
    eventually(lambda: server.received == [b"before\n", b"done?\n"], "the server gets the request")


def test_a_cut_before_the_answer_comes_after_the_server_has_given_it(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as connected:
        ask(connected, b"before")
        proxy.change(Weather(cut=Cut.BEFORE_THE_ANSWER))
        assert ask(connected, b"done!") == CLOSED
        assert server.received == [b"before\n", b"done!\n"]
    proxy.change(FAIR)
    with client(proxy) as another:
        assert ask(another, b"well") == b"one well\n"


def test_only_a_share_is_cut(proxy: Proxy) -> None:
    proxy.change(Weather(cut=Cut.BEFORE_THE_ANSWER, share=0.0))
    with client(proxy) as connected:
        assert ask(connected, b"a") == b"one a\n"


def test_delayed_bytes_keep_their_order(proxy: Proxy) -> None:
    proxy.change(Weather(delay=0.05))
    with client(proxy) as connected, connected.makefile("rb") as answers:
        for number in range(50):
            connected.sendall(b"%d\n" % number)
        proxy.change(FAIR)
        connected.sendall(b"last\n")
        assert [answers.readline() for _ in range(51)] == [b"one %d\n" % n for n in range(50)] + [b"one last\n"]


@pytest.mark.parametrize("direction", Direction)
def test_what_is_held_in_one_direction_arrives_afterwards(proxy: Proxy, server: Echo, direction: Direction) -> None:
    with client(proxy) as connected:
        ask(connected, b"before")
        proxy.change(Weather(held=frozenset({direction})))
        connected.sendall(b"held\n")
        assert is_silent(connected)
        assert (b"held\n" in server.received) == (direction is Direction.TO_CLIENT)
        proxy.change(FAIR)
        assert connected.recv(100) == b"one held\n"


def test_a_request_whose_sender_has_gone_still_arrives(proxy: Proxy, server: Echo) -> None:
    """As packets that are sent again after a partition: the service must not take an error for a refusal."""
    with client(proxy) as connected:
        ask(connected, b"before")
        proxy.change(Weather(held=frozenset({Direction.TO_SERVER})))
        connected.sendall(b"late\n")
    proxy.change(FAIR)
    eventually(lambda: server.received == [b"before\n", b"late\n"], "the server gets it")


def test_forgotten_connections_stay_open_and_silent_while_new_ones_work(proxy: Proxy, server: Echo) -> None:
    with client(proxy) as old:
        ask(old, b"before")
        proxy.forget()
        old.sendall(b"lost\n")
        assert is_silent(old)
        with client(proxy) as new:
            assert ask(new, b"new") == b"one new\n"
        proxy.close_forgotten()
        with pytest.raises(ConnectionResetError):
            old.recv(100)
    assert server.received == [b"before\n", b"new\n"]
