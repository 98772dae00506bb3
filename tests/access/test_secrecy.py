"""Where a token appears: in the response to its creation, and nowhere else."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from django.contrib.auth.models import User
from django.test import Client
from websockets.sync.client import connect

from access_app import operations
from benchmarks.stack import WebServer, Worker, eventually
from foundation.callers import Scope
from tests.access.conftest import NewKey
from tests.access.keys import bearer
from tests.console.pages import JOBS, SESSIONS, change, page
from tests.support.commands import command
from tests.support.jobs import end_of, train
from tests.support.listeners import events_url
from tests.support.sessions import create_session, observe

# No digits: a port, a time or an address of another line could hold them.
WRONG = "kato_000000000000_" + 43 * "Q"


def secret_of(token: str) -> str:
    return token.rpartition("_")[2]


@pytest.fixture(params=[pytest.param("json", marks=pytest.mark.exhaustive), "human"])
def logged(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[WebServer, Path]]:
    """A server, and the file of everything that it prints."""
    if request.param == "human":
        yield request.getfixturevalue("server"), request.getfixturevalue("output")
        return
    file = folder / "json"
    environment = {"KATO_ACCESS": "keys", "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json", "LOG_OUTPUT": "stdout"}
    with WebServer(workers=1, output=str(file), **environment) as running:
        yield running, file


def test_no_log_line_and_no_response_contains_a_token(
    logged: tuple[WebServer, Path], new_key: NewKey, capfd: pytest.CaptureFixture[str]
) -> None:
    server, output = logged
    key = new_key(*Scope)
    seen: list[str] = []
    with httpx.Client(base_url=server.url, headers=bearer(key.token)) as client:
        session_id = create_session(client, "secret")
        observe(client, session_id, "a")
        job = train(client, "secret", [[["a"]]])
        for method, path in (
            *(("GET", path) for path in ("/status", "/stats", "/metrics", "/metrics-prom", "/cache/stats", "/jobs")),
            *(("GET", path) for path in ("/sessions", "/concurrency", "/connection-pools", "/", f"/{key.token}")),
            ("GET", f"/sessions/{key.token}/stm"),
            # Beyond what the log shows of a path: cut in the middle of the token.
            ("GET", "/" + (1000 - 40) * "x" + key.token),
            ("GET", "/" + key.token.replace("_", "%255f")),
            ("GET", f"/sessions/{key.id}"),
            ("POST", "/sessions"),
            ("PUT", "/sessions"),
            ("GET", f"/jobs/{job['job_id']}"),
            ("GET", "/openapi.json"),
        ):
            for headers in (
                {},
                bearer(WRONG),
                bearer("x" + key.token),
                {"Authorization": f"Token {key.token}"},
                {"X-Trace-ID": f"trace-{key.token}"},
                {"X-Node-ID": key.token},
                {"X-Session-ID": key.token},
            ):
                response = client.request(method, path, headers=headers)
                if secret_of(key.token) not in path:
                    seen.append(f"{response.text}\n{response.headers}")
        with connect(events_url(server.url), subprotocols=["kato", key.token], proxy=None) as connection:  # type: ignore[list-item]
            seen.append(str(connection.recv(timeout=20)))
        operations.revoke(key=key.id)
        seen.append(client.get("/sessions/count").text)
        last = client.get("/sessions/count", headers={"X-Trace-ID": "the-last-request"})
    assert last.status_code in (401, 429)  # other tests have sent wrong tokens, too
    eventually(lambda: "the-last-request" in output.read_text(), "the last line is written")
    for text in seen:
        assert secret_of(key.token) not in text
        assert secret_of(WRONG) not in text
    lines = output.read_text().splitlines()
    assert any(key.name in line for line in lines)
    # Which key it is may be said: the operator has to know which one to rotate.
    assert any(f"path=/kato_{key.id}_…" in line or f'"path":"/kato_{key.id}_…"' in line for line in lines)
    for secret in (secret_of(key.token), secret_of(WRONG)):
        assert not [line for line in lines if secret[:8] in line]
    assert secret_of(key.token) not in "".join(capfd.readouterr())


def test_the_database_holds_its_sha_256(new_key: NewKey, database: psycopg.Connection) -> None:
    key = new_key()
    rotated = operations.rotate(key=key.id, overlap=timedelta(minutes=1))
    query = "SELECT digest, previous_digest, to_jsonb(key)::text FROM access_app_accesskey AS key WHERE id = %s"
    [(digest, previous, row)] = database.execute(query, [key.id]).fetchall()
    assert digest == hashlib.sha256(rotated.token.encode()).digest()
    assert previous == hashlib.sha256(key.token.encode()).digest()
    assert secret_of(key.token) not in row
    assert secret_of(rotated.token) not in row


def test_no_table_holds_a_token(new_key: NewKey, worker: Worker, database: psycopg.Connection) -> None:
    key = new_key(Scope.READ, Scope.WRITE)
    session_id = create_session(key.client, "secret")
    headers = {"Idempotency-Key": "secret"}
    assert observe(key.client, session_id, "a", headers=headers).status_code == 200
    assert end_of(key.client, train(key.client, "secret", [[["a"]]]))["state"] == "done"
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    for (table,) in database.execute(tables).fetchall():
        query = f"SELECT count(*) FROM {table} AS one WHERE one::text LIKE %s"
        assert database.execute(query, [f"%{secret_of(key.token)}%"]).fetchone() == (0,), table


def test_the_commands_show_no_token(new_key: NewKey) -> None:
    key = new_key()
    for arguments in (
        ("list",),
        ("list", "--json"),
        ("show", key.id),
        ("show", key.name, "--json"),
        ("revoke", key.id),
    ):
        shown = command("key", *arguments)
        assert shown.status == 0
        assert key.id in shown.out + shown.err
        assert secret_of(key.token) not in shown.out + shown.err
        assert hashlib.sha256(key.token.encode()).hexdigest() not in shown.out


def test_the_console_shows_no_token(new_key: NewKey) -> None:
    key = new_key(*Scope)
    session_id, job = create_session(key.client, "secret"), train(key.client, "secret", [[["a"]]])
    browser = Client()
    browser.force_login(User.objects.create_superuser(f"root-{key.id}"))
    for path in ("", change(SESSIONS, session_id), JOBS, change(JOBS, job["job_id"])):
        assert secret_of(key.token) not in page(browser, path or "/admin/")


def test_a_key_opens_no_page_of_the_console(new_key: NewKey) -> None:
    answer = new_key(*Scope).client.get("/admin/")
    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]
