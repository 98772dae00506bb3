"""What breaks when Granian is upgraded: run this first (docs/decisions/0005-threads-beside-granian.md).

`katoproject/server` uses these inner parts of Granian, none of which it documents:

* `granian.server.mp.WorkerProcess.wrap_target`, and the arguments of `MPServer._spawn_asgi_worker`, which `worker.py`
  replaces through the parameter `spawn_target` of `MPServer.serve`;
* `granian.server.common.WORKERS_METHODS`: the method of a worker that serves, by runtime and kind of socket;
* `granian._granian.ASGIWorker`, whose arguments `worker.py` passes by position;
* `granian._granian.CallbackScheduler`, whose `_schedule_fn` it sets, and `WorkerSignal` with `add_cb` and `set`;
* `granian.loops.register`, for the event loop of `loop.py`;
* that workers are forked from a process that has run what `on_startup` was given;
* what it passes to the schedule function, and how it reports a body, a disconnected client and the end of a response.

The first tests compare names and signatures, the others serve a small WSGI application and look at the behaviour.
"""

import inspect
import multiprocessing
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import granian._granian as rust
import httpx
import pytest
from granian import loops
from granian.server.common import WORKERS_METHODS
from granian.server.mp import MPServer, WorkerProcess

from benchmarks.stack import START_LIMIT, eventually, free_port
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.server.bodies import SMALL
from katoproject.server.worker import run_worker

SIZES = [0, 1, SMALL - 1, SMALL, SMALL + 1, 5_000_000]
SERVE = (
    "from katoproject.server.__main__ import serve; "
    "serve('tests.support.mirror:application', host='127.0.0.1', port={port}, workers=1)"
)

SERVE_PRELOADED = SERVE.replace("mirror", "preloaded").replace(
    "workers=1", "workers=2, preload='tests.support.preloaded'"
)


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_a_worker_is_given_what_ours_takes() -> None:
    """By position, except for what follows: Granian spells four names in its own way."""
    theirs = parameters(MPServer._spawn_asgi_worker)
    renamed = {
        "callback": "application",
        "log_access_fmt": "log_access_format",
        "ssl_ctx": "ssl_context",
        "scope_opts": "scope_options",
    }
    assert parameters(inspect.unwrap(run_worker)) == [renamed.get(name, name) for name in theirs]
    assert parameters(WorkerProcess.wrap_target) == ["target"]
    assert "spawn_target" in parameters(MPServer.serve)


def test_the_rust_worker_takes_what_ours_passes_by_position() -> None:
    assert parameters(rust.ASGIWorker) == [
        *("worker_id", "sock", "ipc", "threads", "blocking_threads", "py_threads", "py_threads_idle_timeout"),
        *("backpressure", "http_mode", "http1_opts", "http2_opts", "websockets_enabled", "static_files"),
        *("ssl_enabled", "ssl_cert", "ssl_key", "ssl_key_password", "ssl_protocol_min", "ssl_ca", "ssl_crl"),
        *("ssl_client_verify", "metrics"),
    ]
    methods = {name for by_socket in WORKERS_METHODS.values() for name in by_socket.values()}
    assert methods
    assert all(hasattr(rust.ASGIWorker, name) for name in methods)


def test_the_scheduler_and_the_signal_have_the_parts_that_ours_uses() -> None:
    assert parameters(rust.CallbackScheduler) == ["event_loop", "cb", "aio_task", "aio_tenter", "aio_texit"]
    assert hasattr(rust.CallbackScheduler, "_schedule_fn")
    assert {"add_cb", "set"} <= set(dir(rust.WorkerSignal))
    assert next(iter(parameters(loops.register))) == "key"


@contextmanager
def served(program: str) -> Iterator[tuple[int, int]]:
    """The pid of the server, and its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", program.format(port=port)], cwd=PROJECT_DIR)

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/").is_success
        except httpx.TransportError:
            return False

    try:
        eventually(answers, "the server comes up", seconds=START_LIMIT)
        yield process.pid, port
    finally:
        process.terminate()
        status = process.wait(15)
    assert status == 0


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with served(SERVE) as (_, port):
        yield "127.0.0.1", port


@pytest.fixture
def mirrored(address: tuple[str, int]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
        yield client


def test_the_application_gets_the_request_as_wsgi_says(mirrored: httpx.Client) -> None:
    headers = [(b"X-Two", b"a"), (b"X-Two", b"b"), (b"X-Latin", b"gr\xfc\xdf"), (b"Content-Type", b"text/x")]
    response = mirrored.put("/a%20b%2Fc%FF/ü?q=%C3%BC&r", headers=headers, content=b"body")
    assert (response.status_code, response.headers.get_list("X-One")) == (201, ["1", "2"])
    told = response.json()
    assert told["REQUEST_METHOD"] == "PUT"
    assert told["PATH_INFO"] == b"/a b/c\xff/\xc3\xbc".decode("latin-1")
    assert told["QUERY_STRING"] == "q=%C3%BC&r"
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("text/x", "4")
    assert (told["HTTP_X_TWO"], told["HTTP_X_LATIN"]) == ("a,b", "gr\xfc\xdf")
    assert (told["SERVER_PROTOCOL"], told["REMOTE_ADDR"]) == ("HTTP/1.1", "127.0.0.1")
    assert told["HTTP_HOST"] == f"127.0.0.1:{told['SERVER_PORT']}"
    assert told["length"] == 4


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_of_any_size_arrives_whole(mirrored: httpx.Client, announced: bool) -> None:
    for size in SIZES:
        content = b"x" * size
        response = mirrored.post("/", content=content if announced else iter([content[:1], content[1:]]))
        assert (response.json()["length"], response.json()["same"]) == (size, True)


def test_a_body_may_come_in_pieces(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
        for piece in (b"x", b"xx", b"xxx"):
            # Another request is answered in between, so the pieces do arrive one by one.
            httpx.get(f"http://{address[0]}:{address[1]}/")
            connection.sendall(piece)
        assert b'"length": 6' in connection.recv(10_000)


@pytest.mark.parametrize("announced", [100, SMALL + 100])
def test_a_client_that_disconnects_within_its_body_affects_no_other(
    mirrored: httpx.Client, address: tuple[str, int], announced: int
) -> None:
    for _ in range(30):
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nbegun" % announced)
    assert mirrored.get("/").status_code == 201


@pytest.mark.parametrize("number", [0, 1, 500])
def test_an_answer_may_come_in_pieces(mirrored: httpx.Client, number: int) -> None:
    response = mirrored.get(f"/stream?{number}")
    assert response.content == b"".join(b"%d" % one * 1000 for one in range(number))
    assert mirrored.get("/").status_code == 201, "on the same connection"


def test_a_response_without_a_reader_is_not_sent_to_the_end(mirrored: httpx.Client, address: tuple[str, int]) -> None:
    before = mirrored.get("/").json()["streaming"]["sent"]
    for _ in range(20):
        with socket.create_connection(address) as connection:
            connection.sendall(b"GET /stream?1000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(10)
    eventually(lambda: mirrored.get("/").json()["streaming"]["now"] == 0, "all streams end")
    assert mirrored.get("/").json()["streaming"]["sent"] - before < 20 * 1_000_000


@pytest.mark.parametrize("body", [b"", b"x" * 10, b"x" * (SMALL + 10)])
def test_long_work_can_notice_that_its_client_has_gone(
    mirrored: httpx.Client, address: tuple[str, int], body: bytes
) -> None:
    before = mirrored.get("/").json()["working"]["left"]
    with socket.create_connection(address) as connection:
        connection.sendall(b"POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: mirrored.get("/").json()["working"]["now"] == 1, "the work begins")
    eventually(lambda: mirrored.get("/").json()["working"] == {"now": 0, "left": before + 1}, "the work ends early")


def test_long_work_goes_on_for_a_client_that_stays(mirrored: httpx.Client) -> None:
    before = mirrored.get("/").json()["working"]["left"]
    for body in (b"", b"x" * 10, b"x" * (SMALL + 10)):
        assert mirrored.post("/long?0.3", content=body).text == "done"
    assert mirrored.get("/").json()["working"]["left"] == before


def test_an_application_that_fails_is_a_500_and_the_next_request_is_served(mirrored: httpx.Client) -> None:
    assert mirrored.get("/broken").status_code == 500
    assert mirrored.get("/").status_code == 201


def test_requests_on_one_connection_are_answered_in_order(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(20)))
        received = b""
        while received.count(b'"PATH_INFO"') < 20:
            received += connection.recv(100_000)
        assert re.findall(rb'"PATH_INFO": "/(\d+)"', received) == [b"%d" % number for number in range(20)]


forked = pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="This system does not fork processes")


@forked
def test_what_is_preloaded_is_loaded_once_by_the_parent_of_the_workers() -> None:
    with served(SERVE_PRELOADED) as (pid, port):
        answers = {tuple(map(int, httpx.get(f"http://127.0.0.1:{port}/").text.split())) for _ in range(20)}
    assert {loaded_by for loaded_by, _ in answers} == {pid}
    assert pid not in {answered_by for _, answered_by in answers}


@forked
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_loads_ends_the_server_before_it_has_workers(tmp_path: Path, number: int) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", SERVE_PRELOADED.format(port=free_port())]
        process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=output, stderr=output)
        eventually(lambda: "Listening at" in log.read_text(), "it handles signals", seconds=START_LIMIT)
        process.send_signal(number)
        assert process.wait(START_LIMIT) == 0
    assert "Shutting down" in log.read_text()
    assert "Spawning worker" not in log.read_text()
