"""`manage.py doctor` finds a second program on the port of the service."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings

from benchmarks.stack import free_port
from katoproject.diagnosis.doctor import address
from katoproject.diagnosis.doctor.findings import Finding, Verdict, ok
from tests.support.sessions import NewSession

pytestmark = pytest.mark.usefixtures("same_database")

ONE, OTHER = (f"kato-django/0.1.0 (instance {name}; host h; pid 1)" for name in ("abc", "def"))


@contextmanager
def listening(
    address: str, port: int, *, identity: str | None = None, shared: bool = False, exists: bool = True
) -> Iterator[None]:
    """A program that answers HTTP requests; with an identity, it answers as this service does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if identity:
                self.send_header("X-Kato-Instance", identity)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"exists": exists}).encode())

        def version_string(self) -> str:
            return "stranger/1"

        def log_message(self, format: str, *arguments: object) -> None: ...

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        allow_reuse_port = shared

    with Server((address, port), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """The port at which the doctor expects the service."""
    number = free_port()
    monkeypatch.setattr(settings.ENV, "port", number)
    return number


def found(check: str) -> list[Finding]:
    return [finding for finding in address.address() if finding.check == check]


def test_one_service_on_both_addresses_is_fine(port: int) -> None:
    with listening("127.0.0.1", port, identity=ONE), listening("::1", port, identity=ONE):
        [finding] = found("port")
    assert finding == ok("port", f"kato-django/0.1.0 (host h) on 127.0.0.1:{port} and [::1]:{port}")


@pytest.mark.parametrize(("ours", "theirs"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_a_stranger_on_the_other_address_is_found(port: int, ours: str, theirs: str) -> None:
    with listening(ours, port, identity=ONE), listening(theirs, port):
        [finding] = found("port")
    assert finding.verdict == Verdict.PROBLEM
    where = f"[::1]:{port}" if theirs == "::1" else f"127.0.0.1:{port}"
    assert finding.found.startswith(
        f"stranger/1 (without KATO's identity) answers on {where}: clients that connect to localhost"
    )
    assert finding.fix is not None
    assert "listening there: pid " in finding.fix


def test_a_second_service_on_the_other_address_is_found(port: int) -> None:
    with listening("127.0.0.1", port, identity=ONE), listening("::1", port, identity=OTHER):
        [finding] = found("port")
    assert finding.verdict == Verdict.PROBLEM
    assert f"2 services share this port (127.0.0.1:{port}: abc; [::1]:{port}: def)" in finding.found


def test_a_second_service_on_the_very_same_address_is_found(port: int) -> None:
    with (
        listening("127.0.0.1", port, identity=ONE, shared=True),
        listening("127.0.0.1", port, identity=OTHER, shared=True),
    ):
        # The kernel distributes connections at random: once in a hundred times, all eight reach the same one.
        findings = [finding for _ in range(4) for finding in found("port")]
    assert any(f"2 services share this port (127.0.0.1:{port}: abc, def)" in finding.found for finding in findings)


def test_a_listener_that_does_not_speak_http_is_found(port: int) -> None:
    with (
        listening("127.0.0.1", port, identity=ONE),
        socket.create_server(("::1", port), family=socket.AF_INET6) as mute,
    ):

        def talk() -> None:
            with mute.accept()[0] as caller:
                caller.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        [finding] = found("port")
        thread.join()
    assert finding.verdict == Verdict.PROBLEM
    assert f"a program accepts connections on [::1]:{port}" in finding.found


def test_a_silent_listener_costs_a_bounded_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "PATIENCE", 0.1)
    with listening("127.0.0.1", port, identity=ONE), socket.create_server(("::1", port), family=socket.AF_INET6):
        [finding] = found("port")
    assert f"a program accepts connections on [::1]:{port}" in finding.found


def test_an_address_without_a_listener_is_a_warning(port: int) -> None:
    with listening("127.0.0.1", port, identity=ONE):
        [finding] = found("port")
    assert finding.verdict == Verdict.WARNING
    assert (
        "none on ::1: a program that takes that address gets requests that clients send to localhost" in finding.found
    )


def test_no_listener_at_all_is_a_problem(port: int) -> None:
    [finding] = found("port")
    assert finding.verdict == Verdict.PROBLEM
    assert finding.found == f"no program answers on 127.0.0.1:{port} and [::1]:{port}"


@pytest.mark.parametrize(("knows_it", "verdict"), [(True, Verdict.OK), (False, Verdict.PROBLEM)])
def test_a_service_on_another_database_is_found(
    new_session: NewSession, port: int, knows_it: bool, verdict: Verdict
) -> None:
    new_session()
    with listening("127.0.0.1", port, identity=ONE, exists=knows_it), listening("::1", port, identity=ONE):
        [finding] = found("same database")
    assert finding.verdict == verdict
