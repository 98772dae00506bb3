"""`manage.py stress` and `manage.py latency`, run as an operator runs them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import Any

import psutil
import pytest
from django.conf import settings

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.stack import WebServer, eventually, free_port
from tests.support.commands import command, process, start_process
from tests.support.loopback import needs_ipv6


class _Stranger(BaseHTTPRequestHandler):
    """Another program: it has none of our routes and answers 404 as FastAPI does."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "stranger/1", ""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"detail":"Not Found"}'
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _OnIPv6(ThreadingHTTPServer):
    address_family = AF_INET6


@contextmanager
def stranger(port: int) -> Iterator[None]:
    with _OnIPv6(("::1", port), _Stranger) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            listening.shutdown()
            thread.join()


def test_stress_reports_that_every_cycle_succeeds_and_which_instances_answered(server: WebServer) -> None:
    done = process("stress", server.url, "--cycles", "100", "--json")
    assert done.status == 0, done.err
    report = done.json
    assert (report["succeeded"], report["success_ratio"], report["failures"]) == (100, 1.0, [])
    [one] = report["servers"]
    assert one["address"] == "127.0.0.1"
    assert one["program"].startswith("kato-django/")
    assert one["processes"] > 1
    assert one["statuses"] == {"200": 400} == {"200": one["requests"]}
    assert report["warnings"] == []


def test_stress_prints_a_report_for_people(server: WebServer) -> None:
    done = process("stress", server.url)
    assert "50 of 50 cycles succeeded (100%), 10 at a time" in done.out
    assert "200 × 200" in done.out
    assert (done.status, done.err) == (0, "")


@pytest.mark.exhaustive
@needs_ipv6
def test_stress_finds_the_second_server_behind_localhost(server: WebServer) -> None:
    """The incident: half of the connections reach an unrelated program."""
    with stranger(server.port):
        done = process("stress", f"http://localhost:{server.port}", "--json")
        assert done.status == 1
        report = done.json
        ours, other = sorted(report["servers"], key=lambda one: one["address"])
        assert (ours["address"], other["address"]) == ("127.0.0.1", "::1")
        assert ours["program"].startswith("kato-django/")
        assert other["program"] == "stranger/1 (without KATO's identity)"
        assert set(other["statuses"]) == {"404"}
        assert report["succeeded"] < 50
        assert all(one["address"] == "::1" for one in report["failures"])
        [warning] = report["warnings"]
        assert warning.startswith("stranger/1 (without KATO's identity) at ::1 does not know the routes of KATO")

        done = process("stress", f"http://localhost:{server.port}")
        assert "Warning: stranger/1" in done.err
        assert "create" in done.out


@needs_ipv6
def test_stress_tries_both_addresses_of_localhost_and_reports_one_without_a_listener(server: WebServer) -> None:
    done = process("stress", f"http://localhost:{server.port}", "--json")
    assert (done.status, done.json["silent_addresses"]) == (0, ["::1"])


def test_latency_measures_what_one_process_writes_and_another_reads(server: WebServer) -> None:
    done = process("latency", server.url, "--samples", "5", "--json")
    assert done.status == 0, done.err
    report = done.json
    assert report["two_processes"] is True
    assert [row["name"] for row in report["rows"]] == [
        "observe → read of an STM of 10",
        "observe → read of an STM of 520",
        "read again, STM of 520",
        "learn → predict",
    ]
    for row in report["rows"]:
        assert (row["writes"], row["too_early"]) == (5, 0)
        assert 0 < row["p50"] <= row["p90"] <= row["p99"] <= row["max"]

    done = process("latency", server.url, "--samples", "1")
    assert "too early" in done.out
    assert (done.status, done.err) == (0, "")


@pytest.mark.exhaustive
def test_latency_detects_a_service_that_acknowledges_before_it_stores() -> None:
    late = BaselineProcess(settings.REDIS_URL, app="benchmarks.baseline.faults:late")
    with running(late):
        done = process("latency", f"http://127.0.0.1:{late.port}", "--samples", "1", "--json")
    assert done.status == 1
    report = done.json
    assert [row["too_early"] > 0 for row in report["rows"]] == [False, False, False, True]
    assert report["two_processes"] is False
    assert "processes that do not identify themselves" in done.err


@needs_ipv6
def test_latency_shows_the_response_of_a_server_that_is_not_kato() -> None:
    port = free_port()
    with stranger(port):
        done = process("latency", f"http://[::1]:{port}")
    assert done.status == 1
    assert "stranger/1 (without KATO's identity) at ::1 answers POST /sessions with 404" in done.err


@pytest.mark.parametrize("command", ["stress", "latency"])
def test_a_missing_service_is_reported_in_one_line(command: str) -> None:
    done = process(command, f"http://127.0.0.1:{free_port()}")
    assert (done.status, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert "Is the service running?" in done.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["stress", "somewhere"], "The URL must be like http://127.0.0.1:8000"),
        (["stress", "http://127.0.0.1:port"], "The URL must be like http://127.0.0.1:8000"),
        (["stress", "http://me:password@127.0.0.1:8000"], "The URL has a user or a password"),
        (["stress", "--at-once", "0"], "0 is less than 1"),
        (["stress", "--cycles", "many"], "--cycles"),
        (["latency", "ftp://127.0.0.1"], "The URL must be like http://127.0.0.1:8000"),
        (["latency", "--samples", "0"], "0 is less than 1"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    done = command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


@pytest.mark.exhaustive
@pytest.mark.parametrize("arguments", [("stress", "--cycles", "1000000"), ("latency", "--samples", "1000000")])
def test_ctrl_c_ends_it_without_a_traceback(server: WebServer, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    running = start_process(name, server.url, *options)
    asking = psutil.Process(running.pid)
    eventually(lambda: any(one.raddr.port == server.port for one in asking.net_connections() if one.raddr), "it asks")
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate(timeout=20)
    assert (running.returncode, output) == (130, "")
    assert "Traceback" not in errors
