"""`manage.py stress`, `latency` and `doctor` beside a service that asks for access keys."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings

from benchmarks.stack import WebServer
from katoproject.diagnosis.doctor import access
from katoproject.diagnosis.doctor.findings import Finding
from tests.support.commands import CommandResult, process
from tests.support.keys import keyed_server, new_token, revoke

asks_the_service = pytest.mark.parametrize(
    ("command", "scope"),
    [
        (("stress", "--cycles", "30"), "write"),
        pytest.param(("latency", "--samples", "1"), "admin", marks=pytest.mark.exhaustive),
    ],
)


@pytest.fixture(scope="module")
def keyed() -> Iterator[WebServer]:
    with keyed_server(KATO_INSTANCE_ID="keyed") as running:
        yield running


@pytest.fixture(scope="module")
def admin(keyed: WebServer) -> str:
    return new_token("--scope", "admin")


# stress and latency ---------------------------------------------------------------------------------------------------


@asks_the_service
def test_with_a_key_they_work(keyed: WebServer, admin: str, command: tuple[str, ...], scope: str) -> None:
    done = process(*command, keyed.url, "--json", KATO_API_KEY=admin)
    assert (done.status, done.err) == (0, "")
    if command[0] == "stress":
        assert done.json["servers"][0]["requests"] == 120, "the question who answers is not counted"
    else:
        assert done.json["two_processes"] is True


@asks_the_service
def test_without_a_key_they_say_what_to_do(keyed: WebServer, command: tuple[str, ...], scope: str) -> None:
    done = process(*command, keyed.url)
    assert (done.status, done.out) == (1, "")
    [line] = done.err.splitlines()
    # Not what the service says to the author of a client.
    assert "The service asks for an access key, and KATO_API_KEY is not set" in line
    assert "Authorization" not in line
    assert "Set KATO_API_KEY to the token of a key with the scope" in line


@asks_the_service
def test_a_key_that_is_not_valid_is_not_tried_on_and_on(keyed: WebServer, command: tuple[str, ...], scope: str) -> None:
    """An address that has sent twenty is refused whatever it sends."""
    token = new_token()
    revoke(token)
    done = process(*command, keyed.url, KATO_API_KEY=token)
    assert done.status == 1
    assert "This access key is not valid here: unknown, expired or revoked. Set KATO_API_KEY" in done.err
    assert token not in done.err


@asks_the_service
def test_a_key_that_is_not_enough_is_named(keyed: WebServer, command: tuple[str, ...], scope: str) -> None:
    done = process(*command, keyed.url, KATO_API_KEY=new_token("--scope", "read", "--scope", "monitor"))
    assert done.status == 1
    assert "This key may not do this: it needs the scope write" in done.err
    done = process(*command, keyed.url, KATO_API_KEY=new_token("--scope", "admin", "--node", "shop-"))
    assert done.status == 1
    assert f"This key may not use node '{command[0]}-" in done.err
    assert f"for nodes that begin with {command[0]}-" in done.err


def test_latency_leaves_no_pattern_behind_when_it_may_not_delete_it(
    keyed: WebServer, admin: str, database: psycopg.Connection
) -> None:
    def patterns() -> Any:
        return database.execute("SELECT count(*) FROM memory_app_pattern").fetchone()

    before = patterns()
    done = process("latency", keyed.url, "--samples", "1", KATO_API_KEY=new_token())
    assert done.status == 1
    assert "it needs the scope admin" in done.err
    assert patterns() == before


@pytest.mark.parametrize("command", ["stress", "latency"])
def test_what_is_no_key_is_refused_and_not_shown(command: str) -> None:
    done = process(command, "http://127.0.0.1:1", KATO_API_KEY="kato_a secret")
    assert done.status == 2
    assert "KATO_API_KEY holds no access key" in done.err
    assert "secret" not in done.err


@contextmanager
def stranger() -> Iterator[tuple[str, list[str | None]]]:
    """Another program: its URL, and the Authorization headers that it got."""
    got: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", got
        finally:
            listening.shutdown()
            thread.join()


@asks_the_service
def test_another_program_never_gets_the_key(admin: str, command: tuple[str, ...], scope: str) -> None:
    with stranger() as (url, got):
        done = process(*command, url, KATO_API_KEY=admin)
    assert done.status == 1
    assert set(got) == {None}


# doctor ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def some_session(keyed: WebServer, admin: str) -> str:
    headers = {"Authorization": f"Bearer {admin}"}
    answer = httpx.post(f"{keyed.url}/sessions", json={"node_id": "doctor's"}, headers=headers, timeout=30)
    return str(answer.json()["session_id"])


def findings(told: CommandResult) -> dict[str, dict[str, str]]:
    return {one["check"]: one for one in told.json["findings"]}


def doctor(keyed: WebServer, **environment: str) -> dict[str, dict[str, str]]:
    return findings(process("doctor", "--json", KATO_ACCESS="keys", PORT=str(keyed.port), **environment))


def test_doctor_recognises_the_service_by_its_key(keyed: WebServer, admin: str, some_session: str) -> None:
    found = doctor(keyed, KATO_API_KEY=admin)
    assert found["same database"]["verdict"] == "ok"
    assert found["port"]["found"].startswith("kato-django/")


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (None, "The service asks for an access key, and KATO_API_KEY is not set"),
        pytest.param(("--scope", "monitor"), "it needs the scope read", marks=pytest.mark.exhaustive),
        (("--node", "shop-"), "the newest session is of a node that the key in KATO_API_KEY is not for"),
    ],
)
def test_doctor_says_when_it_may_not_look(
    keyed: WebServer, some_session: str, options: tuple[str, ...] | None, because: str
) -> None:
    found = doctor(keyed, **({} if options is None else {"KATO_API_KEY": new_token(*options)}))
    assert found["same database"]["verdict"] == "warning"
    assert because in found["same database"]["found"]
    assert "KATO_API_KEY" in found["same database"]["fix"]


def test_doctor_says_when_the_key_is_none(keyed: WebServer, some_session: str) -> None:
    found = doctor(keyed, KATO_API_KEY="a secret")["same database"]
    assert (found["verdict"], "secret" in str(found)) == ("warning", False)
    assert found["found"].startswith("KATO_API_KEY holds no access key")


@pytest.mark.parametrize(
    ("environment", "verdict", "text"),
    [
        pytest.param({}, "ok", "only this machine reaches 127.0.0.1", marks=pytest.mark.exhaustive),
        ({"HOST": "0.0.0.0"}, "problem", "the service refuses to start"),
        (
            {"HOST": "0.0.0.0", "KATO_ACCESS": "open", "KATO_OPEN_TO_THE_NETWORK": "yes"},
            "warning",
            "everybody who reaches 0.0.0.0 may read and change every session",
        ),
        (
            {"KATO_TRUSTED_PROXIES": "127.0.0.1"},
            "warning",
            "everybody who comes through a trusted proxy may read and change every session",
        ),
    ],
)
def test_doctor_says_who_may_come_in_without_a_key(environment: dict[str, str], verdict: str, text: str) -> None:
    found = findings(process("doctor", "--json", **environment))["access"]
    assert (found["verdict"], text in found["found"]) == (verdict, True), found


@pytest.fixture
def asked(same_database: None, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Finding]:
    """What doctor says about the keys, of which there are none but those of the test."""
    database.execute("UPDATE access_app_accesskey SET revoked_at = now() WHERE revoked_at IS NULL")
    monkeypatch.setattr(settings.ENV, "access", "keys")

    def ask() -> Finding:
        [finding] = access.access()
        return finding

    return ask


@pytest.mark.exhaustive
def test_doctor_says_when_nobody_can_come_in_and_when_keys_expire(asked: Callable[[], Finding]) -> None:
    nothing = asked()
    assert (nothing.verdict, nothing.fix) == ("problem", "create one: `manage.py key create NAME`")
    new_token("--expires", "15d")
    new_token()
    fine = asked()
    assert (fine.verdict, fine.found) == ("ok", "every request needs a key; 2 valid keys")
    new_token("--expires", "13d")
    soon = asked()
    assert soon.verdict == "warning"
    assert soon.found.startswith("1 of 3 valid keys expire within 14 days: key ")
