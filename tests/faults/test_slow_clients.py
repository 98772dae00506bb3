"""Clients that are slow, idle or broken take nothing from the others (docs/security.md, Limits)."""

import itertools
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from benchmarks.stack import WebServer, eventually
from tests.support.listeners import Listener, listening
from tests.support.raw_sockets import OTHERS, connected, everything_from, is_open, many_connected, request
from tests.support.sessions import create_session

pytestmark = pytest.mark.long

BODY_SECONDS, BODY_RATE, IDLE_SECONDS = 2, 100_000, 4
CONNECTIONS, PER_ADDRESS = 60, 20
WEBSOCKETS, WEBSOCKETS_PER_ADDRESS = 7, 3
LARGEST = 1_500_000
OBSERVATION = b'{"strings": ["a"]}'
HEAD = re.compile(rb"HTTP/1.1 (\d+) .*?\r\n(.*?)\r\n\r\n", re.DOTALL)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web") / "output"


@pytest.fixture(scope="module")
def server(log: Path) -> Iterator[WebServer]:
    """One process with tight limits."""
    settings = {
        "KATO_BODY_TIMEOUT_SECONDS": BODY_SECONDS,
        "KATO_BODY_BYTES_PER_SECOND": BODY_RATE,
        "KATO_BODY_MEMORY_MB": 2,
        "KATO_LIMIT_OBSERVATION": LARGEST,
        "KATO_LIMIT_TEXT": LARGEST,
        "KATO_IDLE_TIMEOUT_SECONDS": IDLE_SECONDS,
        "KATO_CONNECTIONS": CONNECTIONS,
        "KATO_CONNECTIONS_PER_ADDRESS": PER_ADDRESS,
        "KATO_WEBSOCKETS": WEBSOCKETS,
        "KATO_WEBSOCKETS_PER_ADDRESS": WEBSOCKETS_PER_ADDRESS,
        "MAX_REQUEST_SIZE": LARGEST,
    }
    environment = {name: str(value) for name, value in settings.items()}
    with WebServer(workers=1, output=str(log), **environment) as running:
        yield running


def answered(received: bytes) -> tuple[int, dict[str, str], object]:
    """Status, headers and body of the one response in `received`."""
    found = HEAD.match(received)
    assert found, received
    headers = dict(line.split(": ", 1) for line in found[2].decode().lower().split("\r\n"))
    return int(found[1]), headers, json.loads(received[found.end() :])


@contextmanager
def dripped(one: socket.socket, byte: bytes) -> Iterator[None]:
    """Inside the block a byte is sent now and then."""
    ended = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            while not ended.wait(0.1):
                one.sendall(byte)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def stm(client: httpx.Client, session_id: str) -> object:
    return client.get(f"/sessions/{session_id}/stm").json()["stm"]


def test_bodies_that_do_not_come_hold_up_nobody_and_end_in_a_408(server: WebServer, client: httpx.Client) -> None:
    """More of them than the process has threads."""
    unfinished = request("POST", "/sessions", announced=200_000, body=b"{")
    with many_connected(15, server, unfinished) as slow:
        session_id = create_session(client)
        assert client.post(f"/sessions/{session_id}/observe", content=OBSERVATION).status_code == 200
        for one in slow:
            status, headers, body = answered(everything_from(one))
            assert (status, headers["connection"]) == (408, "close")
            assert body == {"detail": "The request body did not arrive in time: 1 bytes received"}
            assert {"x-trace-id", "x-kato-instance"} <= headers.keys()


def test_a_body_that_drips_is_a_408(server: WebServer) -> None:
    with connected(server, request("POST", "/sessions", announced=200_000)) as dripping, dripped(dripping, b" "):
        assert answered(everything_from(dripping))[0] == 408


def test_a_large_body_may_take_longer_the_more_of_it_has_come(server: WebServer, client: httpx.Client) -> None:
    session_id = create_session(client)
    body = b'{"strings": ["%s"]}' % (b"x" * 4000) + b" " * 900_000
    with (
        connected(server, request("POST", "/sessions", announced=10)) as nothing_came,
        connected(server, request("POST", f"/sessions/{session_id}/observe", announced=len(body))) as most_came,
    ):
        most_came.sendall(body[:-1])
        assert answered(everything_from(nothing_came))[0] == 408
        most_came.sendall(body[-1:])
        assert most_came.recv(10_000).startswith(b"HTTP/1.1 200")


CHUNKED = "Transfer-Encoding: chunked"
BROKEN = {
    "a small body that ends early": (["Content-Length: 100"], OBSERVATION),
    "a larger body that ends early": (["Content-Length: 65000"], OBSERVATION + b" " * 60_000),
    "a body that does not begin": (["Content-Length: 18"], b""),
    "no chunk": ([CHUNKED], b""),
    "a chunk that ends early": ([CHUNKED], b"40\r\n" + OBSERVATION),
    "chunks without a last one": ([CHUNKED], b"12\r\n" + OBSERVATION + b"\r\n"),
    "a chunk without a size": ([CHUNKED], b"size\r\n" + OBSERVATION + b"\r\n0\r\n\r\n"),
    "a later chunk without a size": ([CHUNKED], b"12\r\n" + OBSERVATION + b"\r\nsize\r\n\r\n"),
    "a chunk of impossible size": ([CHUNKED], b"FFFFFFFFFFFFFFFFF\r\n" + OBSERVATION),
    "a chunk that is longer than its size": ([CHUNKED], b"12\r\n" + OBSERVATION + b"more\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_body_that_breaks_is_a_400_and_changes_nothing(
    server: WebServer, client: httpx.Client, log: Path, fault: str
) -> None:
    session_id = create_session(client)
    headers, body = BROKEN[fault]
    for path in (f"/sessions/{session_id}/observe", f"/sessions/{session_id}/clear-stm"):
        with connected(server, request("POST", path, *headers, body=body)) as broken:
            broken.shutdown(socket.SHUT_WR)
            status, told, problem = answered(everything_from(broken))
        assert (status, told["connection"]) == (400, "close")
        assert re.fullmatch(r"{'detail': 'The request body ended early: \d+ bytes received'}", str(problem))
        assert f"path={path} status=400" in log.read_text()
    assert stm(client, session_id) == []


def test_deletions_too_need_the_whole_body(server: WebServer, client: httpx.Client) -> None:
    session_id = create_session(client)
    with connected(server, request("DELETE", f"/sessions/{session_id}", announced=100, body=b"{")) as broken:
        broken.shutdown(socket.SHUT_WR)
        assert answered(everything_from(broken))[0] == 400
    assert stm(client, session_id) == []


def test_a_client_that_vanishes_within_its_body_changes_nothing_and_is_logged(
    server: WebServer, client: httpx.Client, log: Path
) -> None:
    session_id = create_session(client)
    path = f"/sessions/{session_id}/observe"
    with connected(server, request("POST", path, announced=300_000, body=OBSERVATION)):
        pass
    eventually(lambda: f"path={path} status=400" in log.read_text(), "the request is logged")
    assert stm(client, session_id) == []


def test_a_chunked_body_is_applied_once_it_is_whole(server: WebServer, client: httpx.Client) -> None:
    """Also in pieces as small as can be, with extensions and trailers."""
    session_id = create_session(client)
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in OBSERVATION + b" " * 5000)
    body = b"2;name=value\r\n  \r\n" + pieces + b"0\r\nX-Trailer: y\r\n\r\n"
    whole = request("POST", f"/sessions/{session_id}/observe", CHUNKED, body=body)
    with connected(server, whole) as one:
        assert one.recv(10_000).startswith(b"HTTP/1.1 200")
    assert stm(client, session_id) == [["a"]]


def test_a_chunked_body_beyond_the_limit_is_a_413(server: WebServer, client: httpx.Client) -> None:
    session_id = create_session(client)
    chunk = b"%x\r\n%s\r\n" % (100_000, b" " * 100_000)
    with connected(server, request("POST", f"/sessions/{session_id}/observe", CHUNKED)) as one:
        for _ in range(LARGEST // 100_000 + 1):
            one.sendall(chunk)
        assert answered(everything_from(one))[0] == 413


def test_when_bodies_take_too_much_memory_the_largest_unfinished_one_is_a_503(
    server: WebServer, client: httpx.Client
) -> None:
    session_id = create_session(client)
    path = f"/sessions/{session_id}/observe"
    large, smaller = OBSERVATION + b" " * 1_400_000, OBSERVATION + b" " * 900_000
    with (
        connected(server, request("POST", path, announced=len(large), body=large[:-1])) as larger_one,
        connected(server, request("POST", path, announced=len(smaller), body=smaller[:-1])) as smaller_one,
    ):
        status, headers, body = answered(everything_from(larger_one))
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert body == {"detail": "The service is receiving too many large request bodies at the moment"}
        assert client.post(path, content=OBSERVATION).status_code == 200
        smaller_one.sendall(smaller[-1:])
        assert smaller_one.recv(10_000).startswith(b"HTTP/1.1 200")
    assert client.post(path, content=large).status_code == 200, "the memory is free again"


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nHost: lo", request("GET", "/health")])
def test_a_connection_without_a_whole_head_is_closed(server: WebServer, begun: bytes) -> None:
    """Nothing, half a head, or a request that no other follows; also while single bytes keep coming."""
    with connected(server, begun) as silent, connected(server, begun) as dripping, dripped(dripping, b"x"):
        everything_from(silent)
        everything_from(dripping)


def test_of_one_address_the_longest_idle_connections_are_closed_first(server: WebServer, client: httpx.Client) -> None:
    unfinished = request("POST", "/sessions", announced=200_000, body=b"{")
    with (
        connected(server, unfinished, source=OTHERS[0]) as in_use,
        connected(server, source=OTHERS[1]) as other,
        many_connected(PER_ADDRESS, server, source=OTHERS[0]) as idle,
        many_connected(5, server, source=OTHERS[0]) as newer,
    ):
        eventually(lambda: sum(map(is_open, idle + newer)) == PER_ADDRESS - 1, "those beyond are closed")
        assert [one for one in idle + newer if is_open(one)] == [*idle[6:], *newer]
        assert is_open(in_use)
        assert is_open(other)
        assert client.get("/health").status_code == 200


def test_of_all_connections_those_of_the_largest_crowd_are_closed_first(
    server: WebServer, client: httpx.Client
) -> None:
    with (
        connected(server, source=OTHERS[0]) as lonely,
        many_connected(PER_ADDRESS - 1, server, source=OTHERS[1]) as first,
        many_connected(PER_ADDRESS - 1, server, source=OTHERS[2]) as second,
        many_connected(PER_ADDRESS, server, source=OTHERS[3]) as crowd,
        many_connected(PER_ADDRESS - 2, server, source=OTHERS[4]) as last,
    ):
        eventually(lambda: not all(map(is_open, crowd)), "some are closed")
        assert all(map(is_open, [lonely, *first, *second, *last]))
        assert client.get("/health").status_code == 200


@pytest.mark.exhaustive
def test_a_client_that_does_not_read_its_responses_is_disconnected(
    server: WebServer, client: httpx.Client, log: Path
) -> None:
    session_id = create_session(client)
    client.post(f"/sessions/{session_id}/observe", json={"strings": ["x" * 1_000_000]})
    with connected(server, request("GET", f"/sessions/{session_id}/stm") * 50, source=OTHERS[0]):
        expected = f"Closed 1 connections of {OTHERS[0]}: responses were not read"
        eventually(lambda: expected in log.read_text(), "the connection is closed")


def listener_from(address: str, server: WebServer) -> AbstractContextManager[Listener]:
    return listening(server, source_address=(address, 0))


def listens(listener: Listener) -> bool:
    listener.connection.send("ping")
    return listener.connection.recv() == "pong"


def test_of_one_address_the_websocket_that_is_silent_for_longest_makes_room(server: WebServer) -> None:
    with (
        listener_from(OTHERS[0], server) as other,
        listener_from(OTHERS[1], server) as oldest,
        listener_from(OTHERS[1], server) as silent,
        listener_from(OTHERS[1], server) as youngest,
    ):
        assert listens(oldest)
        with listener_from(OTHERS[1], server) as newcomer:
            assert silent.close_code() == 1013
            assert all(map(listens, [other, oldest, youngest, newcomer]))


def test_of_all_websockets_one_of_the_largest_crowd_makes_room(server: WebServer) -> None:
    with ExitStack() as stack:
        lonely, *others = (stack.enter_context(listener_from(OTHERS[n], server)) for n in (0, 1, 1, 2, 2, 3, 3))
        assert all(map(listens, others[1:]))
        newcomer = stack.enter_context(listener_from(OTHERS[4], server))
        assert others[0].close_code() == 1013
        assert all(map(listens, [lonely, *others[1:], newcomer]))


def test_an_idle_websocket_outlives_idle_connections(server: WebServer) -> None:
    with listener_from(OTHERS[0], server) as listener, connected(server) as idle:
        everything_from(idle)
        assert listens(listener)


@pytest.mark.parametrize("message", ["x" * 5000, b"x" * 5000], ids=["text", "binary"])
def test_a_long_message_ends_the_websocket(server: WebServer, message: str | bytes) -> None:
    with listener_from(OTHERS[0], server) as listener:
        listener.connection.send(message)
        assert listener.close_code() == 1009


def test_a_websocket_with_a_message_without_end_is_closed(server: WebServer, log: Path) -> None:
    """Before the whole of it is in memory."""
    with listener_from(OTHERS[1], server) as endless, listener_from(OTHERS[0], server) as other:
        # While another client is served after each piece.
        with pytest.raises(ConnectionClosed):
            endless.connection.send(piece for piece in itertools.repeat("x" * 10_000) if listens(other))
        assert listens(other)
    reason = f"of {OTHERS[1]}: too much was sent to a WebSocket"
    eventually(lambda: reason in log.read_text(), "the reason is logged")


def test_a_flood_of_pings_is_answered_in_order_and_delays_nobody(server: WebServer, client: httpx.Client) -> None:
    with listener_from(OTHERS[0], server) as flooding, listener_from(OTHERS[1], server) as other:
        for _ in range(30):
            flooding.connection.send("ping")
        assert listens(other)
        assert client.get("/health").status_code == 200
        assert [flooding.connection.recv() for _ in range(30)] == ["pong"] * 30
