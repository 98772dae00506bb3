"""A request for a large node whose index is not built yet waits without a thread, and holds up nobody.

The test holds the lock on the node's index file, as another process of the host does that is reading the node.
"""

import fcntl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer, eventually
from memory_app.content import SMALLEST_FILE
from memory_app.index_files import layout
from tests.support.commands import command
from tests.support.sessions import create_session
from tests.support.taught import teach_many

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("same_database")]

NODE = "a large node"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("indexes")


@pytest.fixture(scope="module")
def other(server: WebServer, files: Path) -> Iterator[WebServer]:
    """One process that works on one request at a time, and is not patient."""
    environment = {"KATO_INDEX_DIR": str(files), "KATO_LIMIT_CONCURRENCY": "1", "KATO_PREDICTION_TIMEOUT_SECONDS": "5"}
    with WebServer(workers=1, **environment) as running:
        yield running


@pytest.fixture
def client(other: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=other.url, timeout=60) as connected:
        yield connected


@pytest.fixture
def memory(client: httpx.Client, database: psycopg.Connection) -> int:
    if database.execute("SELECT FROM memory_app_node WHERE node_id = %s", [NODE]).fetchone() is None:
        teach_many(NODE, SMALLEST_FILE + 10)
    # Whatever an earlier test has built is built again.
    database.execute("UPDATE memory_app_node SET rebuilt = rebuilt + 1 WHERE node_id = %s", [NODE])
    [memory] = database.execute("SELECT memory FROM memory_app_node WHERE node_id = %s", [NODE]).fetchone() or ()
    return int(memory)


@pytest.fixture
def patterns(database: psycopg.Connection, memory: int) -> int:
    """How many the node knows: another test may have learned some."""
    [count] = database.execute("SELECT count(*) FROM memory_app_pattern WHERE memory = %s", [memory]).fetchone() or ()
    return int(count)


@contextmanager
def being_read_by_another_process(files: Path, memory: int) -> Iterator[None]:
    with (files / f"{memory}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def predicted(client: httpx.Client) -> httpx.Response:
    session = create_session(client, node_id=NODE)
    client.post(f"/sessions/{session}/observe", json={"strings": ["n7"]}).raise_for_status()
    client.post(f"/sessions/{session}/observe", json={"strings": ["common"]}).raise_for_status()
    return client.get(f"/sessions/{session}/predictions")


def builds(client: httpx.Client) -> int:
    found: int = client.get("/health/ready").json()["indexes"]["being_built"]
    return found


def test_requests_wait_for_the_build_and_hold_up_nobody(
    client: httpx.Client, files: Path, memory: int, patterns: int
) -> None:
    with ThreadPoolExecutor(4) as threads:
        with being_read_by_another_process(files, memory):
            # More than the process has threads for.
            waiting = [threads.submit(predicted, client) for _ in range(4)]
            eventually(lambda: builds(client) == 1, "the build is shown")
            # The process takes one request at a time, and it takes this one.
            small = create_session(client)
            assert client.get(f"/sessions/{small}/predictions").status_code == 200
            assert not any(one.done() for one in waiting)
        answers = [one.result() for one in waiting]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {answer.json()["predictions"][0]["matches"][0] for answer in answers} == {"n7"}
    assert layout.read_facts(files / f"{memory}.index")["numbers"]["pattern_count"] == patterns
    eventually(lambda: builds(client) == 0, "no build is shown")


def test_a_request_that_has_waited_long_enough_is_told_what_it_waits_for(
    client: httpx.Client, files: Path, memory: int
) -> None:
    with being_read_by_another_process(files, memory):
        answer = predicted(client)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["detail"].startswith(f"The index of node '{NODE}' is being built: ")


def test_a_client_that_leaves_is_not_waited_for(client: httpx.Client, files: Path, memory: int) -> None:
    session = create_session(client, node_id=NODE)
    client.post(f"/sessions/{session}/observe", json={"strings": ["n7", "common"]}).raise_for_status()
    with being_read_by_another_process(files, memory):
        with pytest.raises(httpx.ReadTimeout):
            client.get(f"/sessions/{session}/predictions", timeout=1)
        eventually(lambda: builds(client) == 1, "the build goes on")
    assert client.get(f"/sessions/{session}/predictions").status_code == 200


def test_a_request_that_waits_counts_once(client: httpx.Client, files: Path, memory: int) -> None:
    def counted() -> float:
        lines = client.get("/metrics-prom").text.splitlines()
        name = "kato_request_duration_seconds_count{"
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name) and "predictions" in line)

    before = counted()
    with being_read_by_another_process(files, memory):
        waiting: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: waiting.append(predicted(client)))
        thread.start()
        eventually(lambda: builds(client) == 1, "it waits")
    thread.join()
    assert waiting[0].status_code == 200
    assert counted() == before + 1


def test_what_one_host_learns_the_other_predicts_at_once(
    client: httpx.Client, files: Path, memory: int, patterns: int, tmp_path: Path
) -> None:
    """Each has a folder of its own, whose file does not show what is learned."""
    another_host = WebServer(workers=1, KATO_INDEX_DIR=str(tmp_path))
    with another_host, httpx.Client(base_url=another_host.url, timeout=60) as first:
        hosts = [first, client]
        assert [predicted(host).status_code for host in hosts] == [200, 200]
        for turn in range(6):
            learner, other = hosts[turn % 2], hosts[1 - turn % 2]
            events = [{"strings": [f"cause {turn}"]}, {"strings": ["trigger"]}, {"strings": [f"effect {turn}"]}]
            session = create_session(learner, node_id=NODE)
            body = {"observations": events, "learn_at_end": True}
            learner.post(f"/sessions/{session}/observe-sequence", json=body).raise_for_status()
            session = create_session(other, node_id=NODE)
            other.post(f"/sessions/{session}/observe-sequence", json={"observations": events[:2]}).raise_for_status()
            best = other.get(f"/sessions/{session}/predictions").json()["predictions"][0]
            assert best["future"] == [[f"effect {turn}"]]
    assert layout.read_facts(files / f"{memory}.index")["numbers"]["pattern_count"] == patterns


def test_an_index_can_be_built_ahead(memory: int, patterns: int) -> None:
    assert command("node", "index", NODE).out == "No file on this host\n"
    built = command("node", "index", "--build", NODE).out
    assert built == command("node", "index", NODE).out
    assert built.endswith(f"shows {patterns:,} patterns\n")
