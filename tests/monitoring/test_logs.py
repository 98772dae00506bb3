"""The log has one line for each request and each job, on the configured output."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from benchmarks.stack import WebServer, Worker, eventually
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.locations import data_dir
from tests.support import jobs
from tests.support.jobs import training
from tests.support.sessions import create_session, observations, observe

Line = Callable[..., dict[str, Any]]


def lines_in(path: Path, **fields: Any) -> list[dict[str, Any]]:
    """The lines with these fields; Granian's lines about its start are not JSON."""
    texts = path.read_text().splitlines() if path.exists() else []
    lines = [json.loads(text) for text in texts if text.startswith("{")]
    return [line for line in lines if fields.items() <= line.items()]


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[WebServer]:
    with WebServer(workers=1, output=str(folder / "web"), LOG_FORMAT="json", LOG_OUTPUT="stdout") as running:
        yield running


@pytest.fixture
def client(web: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, timeout=30) as connected:
        yield connected


@pytest.fixture
def line(web: WebServer, folder: Path) -> Line:
    """The one line of the web server with these fields; it may appear a moment after the response."""

    def wait(**fields: Any) -> dict[str, Any]:
        eventually(lambda: bool(lines_in(folder / "web", **fields)), f"a line with {fields}")
        [found] = lines_in(folder / "web", **fields)
        return found

    return wait


@pytest.fixture
def session(client: httpx.Client) -> str:
    session_id = create_session(client, "logged node")
    observe(client, session_id, "a", "b")
    return session_id


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/observe", 200),
        ("POST", "/observe-sequence", 422),
        ("POST", "/config", 200),
        ("POST", "/extend", 200),
        ("POST", "/learn", 200),
        ("POST", "/clear-stm", 200),
        ("GET", "", 200),
        ("GET", "/exists", 200),
        ("GET", "/stm", 200),
        ("GET", "/config", 200),
        ("GET", "/percept-data", 200),
        ("GET", "/predictions", 200),
        ("GET", "/cognition-data", 200),
        ("GET", "/nothing-here", 404),
        ("DELETE", "", 200),
    ],
)
def test_a_request_of_a_session(
    client: httpx.Client, session: str, line: Line, method: str, path: str, status: int
) -> None:
    answer = client.request(method, f"/sessions/{session}{path}", json={} if method == "POST" else None)
    assert answer.status_code == status
    logged = line(trace_id=answer.headers["X-Trace-ID"])
    assert logged["duration_ms"] > 0
    assert {
        "level": "INFO",
        "method": method,
        "path": f"/sessions/{session}{path}",
        "status": status,
        "session_id": session,
        "node_id": "logged node",
        "client": "127.0.0.1",
    }.items() <= logged.items()


def test_the_line_of_a_creation_names_the_new_session(client: httpx.Client, line: Line) -> None:
    answer = client.post("/sessions", json={"node_id": "n"}, headers={"X-Trace-ID": "mine"})
    logged = line(trace_id="mine")
    assert (logged["session_id"], logged["node_id"]) == (answer.json()["session_id"], "n")


def test_a_request_of_a_node(client: httpx.Client, line: Line) -> None:
    answer = client.get("/patterns/count", headers={"X-Node-ID": "n"})
    assert line(trace_id=answer.headers["X-Trace-ID"])["node_id"] == "n"


def test_requests_that_no_view_answers(client: httpx.Client, line: Line) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("OPTIONS", "/sessions", 204), ("GET", "/health", 200)):
        answer = client.request(
            method, path, headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        )
        assert line(trace_id=answer.headers["X-Trace-ID"])["path"] == path
        assert (path, answer.status_code // 100) == (path, status // 100)


def test_a_websocket_connection(web: WebServer, line: Line) -> None:
    with connect(web.url.replace("http", "ws") + "/ws/events", additional_headers={"X-Trace-ID": "events-1"}) as events:
        events.recv()
    logged = line(trace_id="events-1")
    assert (logged["path"], logged["status"], logged["client"]) == ("/ws/events", 101, "127.0.0.1")


def test_a_line_per_job_which_carries_the_trace_of_its_request(client: httpx.Client) -> None:
    body = training("job node", [[["a"], ["b"]]] * 3)
    with Worker(LOG_FORMAT="json", LOG_OUTPUT="file"):
        job = client.post("/jobs", json=body, headers={"X-Trace-ID": "trained-by-me"}).json()
        assert jobs.end_of(client, job)["state"] == "done"
        eventually(lambda: bool(lines_in(data_dir() / "kato.log", job_id=job["job_id"])), "the line is there")
        session_id = create_session(client, "job node")
        batch = {"observations": observations("a")}
        of_it = jobs.start(client, f"/sessions/{session_id}/observe-sequence", batch)
        jobs.end_of(client, of_it)
    [logged] = lines_in(data_dir() / "kato.log", job_id=job["job_id"])
    assert logged["duration_ms"] > 0
    assert {
        "trace_id": "trained-by-me",
        "kind": "train",
        "status": "done",
        "node_id": "job node",
        "session_id": None,
        "done": 3,
        "attempts": 1,
        "error": None,
    }.items() <= logged.items()
    [logged_of_it] = lines_in(data_dir() / "kato.log", job_id=of_it["job_id"])
    assert (logged_of_it["session_id"], logged_of_it["status"]) == (session_id, "done")


_WRITE = """
import django, logging
django.setup()
from foundation import logs
with logs.context(trace_id="t", node_id="a b\\n\\x1b[31m"):
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("sessions_app.anything").exception("It %s", "broke")
"""


def written(folder: Path, **environment: str) -> tuple[str, str, str]:
    """The output of a logging call on stdout, on stderr and in the file."""
    done = subprocess.run(
        [sys.executable, "-c", _WRITE],
        cwd=PROJECT_DIR,
        env={**environment, "KATO_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "katoproject.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    file = folder / "kato.log"
    in_file = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return done.stdout, done.stderr, in_file


@pytest.mark.parametrize("output", ["stdout", "stderr", "file"])
def test_lines_go_to_the_configured_output_and_nowhere_else(folder: Path, output: str) -> None:
    places = dict(zip(("stdout", "stderr", "file"), written(folder, LOG_OUTPUT=output, LOG_FORMAT="json"), strict=True))
    logged = json.loads(places.pop(output))
    assert (logged["message"], logged["level"], logged["trace_id"]) == ("It broke", "ERROR", "t")
    assert "ValueError: why" in logged["exception"]
    assert set(places.values()) == {""}


def test_lines_for_people_cannot_be_forged_by_what_clients_send(folder: Path) -> None:
    first, *_ = written(folder, LOG_FORMAT="human")[0].splitlines()
    assert first.endswith(r"ERROR   sessions_app.anything: It broke trace_id=t node_id='a b\n\x1b[31m'")


def test_a_level_below_the_configured_one_is_not_written(folder: Path) -> None:
    assert written(folder, LOG_LEVEL="CRITICAL") == ("", "", "")
