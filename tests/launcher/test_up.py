"""`manage.py up` as operators use it: a real start, real signals, kill -9 of any part."""

import http.client
import http.server
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from benchmarks.stack import START_LIMIT, eventually, free_port, manage
from benchmarks.stack.up import STOP_LIMIT, Service
from katoproject.configuration.locations import postgres_url
from tests.support import commands
from tests.support.listeners import listening
from tests.support.transactions import locked, waits_for_locks

pytestmark = pytest.mark.long


class Stranger(http.server.BaseHTTPRequestHandler):
    def version_string(self) -> str:
        return "stranger/1"

    def log_message(self, format: str, *arguments: object) -> None: ...


class IPv6Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture(scope="module")
def own_service() -> Iterator[Service]:
    folder = Path(tempfile.mkdtemp(prefix="kato-up-"))
    folder.chmod(0o755)
    service = Service(folder)
    manage("compile_kernels")  # may take longer than the limit of a start
    yield service
    if service.is_running:
        service.stop()
    shutil.rmtree(folder)


@pytest.fixture
def service(own_service: Service) -> Service:
    """A running service. The tests share it and may leave it stopped or killed."""
    if not own_service.is_running:
        own_service.start()
    return own_service


def test_it_answers_on_both_loopback_families(service: Service) -> None:
    for address in ("127.0.0.1", "[::1]"):
        response = httpx.get(f"{service.url(address)}/health", timeout=10)
        assert response.status_code == 200
        assert "x-kato-instance" in response.headers


def test_events_are_served_on_both_loopback_families(service: Service) -> None:
    with listening(service.url()) as one, listening(service.url("[::1]")) as other:
        session_id = service.create_session()
        for listener in (one, other):
            assert listener.next()["data"]["session_id"] == session_id


def test_requests_are_seen_in_its_output(service: Service) -> None:
    assert httpx.get(f"{service.url()}/health", headers={"X-Trace-ID": "seen-by-me"}).status_code == 200
    eventually(lambda: "trace_id=seen-by-me method=GET path=/health status=200" in service.output, "the line is there")


def test_it_prints_the_addresses_of_all_parts(service: Service) -> None:
    summary = service.output[service.output.index("KATO is up") :]
    for what in (service.url(), f"{service.url()}/docs", str(service.data), "postgres.log", "redis.log", "Ctrl-C"):
        assert what in summary
    assert set(service.pids()) == {"PostgreSQL", "Redis", "web", "worker", "beat"}


@pytest.mark.exhaustive
def test_it_says_whether_keys_are_needed(service: Service) -> None:
    assert "open: no key is needed, and every program that reaches 127.0.0.1 may do everything" in service.output
    service.stop()
    service.start(KATO_ACCESS="keys")
    assert "every request needs a key: manage.py key create NAME" in service.output
    assert httpx.get(f"{service.url()}/sessions/count", timeout=10).status_code == 401
    service.stop()


def test_the_doctor_finds_nothing_wrong(service: Service) -> None:
    def examined() -> commands.CommandResult:
        told.append(commands.process("doctor", "--json", **service.environment()))
        return told[-1]

    told: list[commands.CommandResult] = []
    # The scheduler has something to do after its first five seconds.
    eventually(lambda: examined().status == 0, f"all is well: {told}", seconds=START_LIMIT)
    findings = {one["check"]: one["found"] for one in told[-1].json["findings"] if one["verdict"] == "ok"}
    assert {"database", "durability", "migrations", "redis", "worker", "upkeep", "clock", "port"} <= set(findings)
    assert findings["port"].endswith(f" on 127.0.0.1:{service.port} and [::1]:{service.port}")


def test_a_second_start_on_the_same_folder_is_refused(service: Service) -> None:
    message = service.refused(PORT=str(free_port()))
    assert f"already running on {service.data} (pid {service.process.pid})" in message
    assert service.works()


def test_a_port_that_another_kato_has_is_reported(service: Service) -> None:
    other = service.data.parent / "other"
    message = service.refused(KATO_DATA_DIR=str(other))
    assert f"Port {service.port} is already taken on 127.0.0.1, by another KATO" in message
    assert not (other / "postgres").exists()


def test_a_stranger_on_the_other_loopback_family_is_reported(service: Service) -> None:
    other = service.data.parent / "other"
    with IPv6Server(("::1", 0), Stranger) as stranger:
        port = stranger.server_address[1]
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        message = service.refused(KATO_DATA_DIR=str(other), PORT=str(port))
        stranger.shutdown()
        thread.join()
    assert f"Port {port} is already taken on ::1, by something that is not KATO" in message
    assert "'stranger/1'" in message
    assert not (other / "postgres").exists()


@pytest.mark.parametrize("name", ["PostgreSQL", "Redis", "web", "worker", "beat"])
def test_a_killed_program_comes_back(service: Service, name: str) -> None:
    session_id = service.create_session()
    os.kill(service.pids()[name], signal.SIGKILL)
    eventually(lambda: f"{name} is back" in service.output, f"{name} comes back")
    eventually(service.works, f"the service works again after {name} was killed")
    assert service.has_session(session_id)


def test_a_stopped_relay_connection_does_not_leak(service: Service) -> None:
    supervisor = psutil.Process(service.process.pid)
    for _ in range(20):
        connection = http.client.HTTPConnection("::1", service.port, timeout=5)
        connection.request("GET", "/health")
        connection.close()  # without reading the response
    eventually(lambda: all(c.status == "LISTEN" for c in supervisor.net_connections("tcp")), "the relay lets go")


@pytest.mark.exhaustive
def test_sigterm_stops_everything_and_the_next_start_finds_the_data(service: Service) -> None:
    session_id = service.create_session()
    with listening(service.url()) as listener:
        service.process.terminate()
        assert listener.close_code() == 1001
    assert service.process.wait(STOP_LIMIT) == 0
    assert service.everyone() == []

    service.start()
    assert service.has_session(session_id)


@pytest.mark.exhaustive
def test_a_request_in_progress_is_answered_before_the_server_stops(service: Service) -> None:
    """The request waits for a session that another transaction has locked."""
    session_id = service.create_session()
    url = f"{service.url()}/sessions/{session_id}/observe"
    with psycopg.connect(postgres_url(service.data)) as holder, ThreadPoolExecutor(1) as pool:
        with locked(holder, session_id):
            answer = pool.submit(httpx.post, url, json={"strings": ["a"]}, timeout=20)
            eventually(lambda: waits_for_locks(holder) > 0, "the request waits")
            service.process.terminate()
            eventually(lambda: "Stopping" in service.output, "the end begins")
        assert answer.result().status_code == 200
    assert service.process.wait(STOP_LIMIT) == 0
    service.start()
    assert httpx.get(f"{service.url()}/sessions/{session_id}/stm").json()["stm"] == [["a"]]


@pytest.mark.exhaustive
@pytest.mark.parametrize("survivors", ["nobody", "the children of the programs"])
def test_kill_9_of_everything_is_recovered_from(service: Service, survivors: str) -> None:
    session_id = service.create_session()
    programs = [psutil.Process(pid) for pid in service.pids().values()]
    victims = programs if survivors == "the children of the programs" else service.everyone()
    # While they are stopped, no process can react to the death of another.
    for process in (psutil.Process(service.process.pid), *victims):
        process.suspend()
    for process in (psutil.Process(service.process.pid), *victims):
        process.kill()
    service.process.wait()

    service.start()
    assert service.has_session(session_id)


def test_kill_9_of_the_supervisor_takes_the_rest_with_it(service: Service) -> None:
    service.process.kill()
    service.process.wait()
    eventually(lambda: service.everyone() == [], "everything ends")


@pytest.mark.exhaustive
def test_a_program_that_cannot_run_ends_the_start_with_its_reason() -> None:
    folder = Path(tempfile.mkdtemp(prefix="kato-up-"))
    folder.chmod(0o755)
    broken = Service(folder)
    (broken.data / "postgres").mkdir(parents=True)
    broken.launch()
    assert broken.process.wait(START_LIMIT) == 1
    assert "PostgreSQL failed 5 times in a row" in broken.output
    assert "The last lines of" in broken.output
    shutil.rmtree(folder)
