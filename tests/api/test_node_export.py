"""`GET /nodes/{id}/export`: the file of a node, from one moment, in parts that can be put together."""

import json
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import WebServer, eventually
from foundation.http import streaming
from foundation.http.streaming import Deadline
from foundation.json_lines import WrongLine
from memory_app.api import exporting as api
from memory_app.files import exporting, node_files
from memory_app.operations.nodes import clear
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from tests.support.nodes import node_path
from tests.support.taught import lesson, teach, teach_many

pytestmark = [pytest.mark.usefixtures("same_database"), pytest.mark.long]

LARGE = 20_000


@pytest.fixture(scope="module")
def small(server: WebServer) -> Iterator[WebServer]:
    """One process."""
    with WebServer(workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(server: WebServer) -> Iterator[WebServer]:
    """Exports may take a second."""
    with WebServer(workers=1, KATO_EXPORT_SECONDS="1") as running:
        yield running


@pytest.fixture(scope="module")
def large(server: WebServer, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """Large enough that no buffer on the way holds all of it: each pattern has two kilobytes."""
    with django_db_blocker.unblock():
        for start in range(0, LARGE, 500):
            lessons = (lesson(f"n{number}", "x" * 2000) for number in range(start, start + 500))
            teach("exported", *lessons)
        yield "exported"
        connection.close()


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def path_of(node_id: str) -> str:
    return node_path(node_id, "export")


def export(client: httpx.Client, node_id: str, **query: str) -> list[dict[str, Any]]:
    response = client.get(path_of(node_id), params=query)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def teach_some(node_id: str) -> None:
    teach(node_id, lesson(["a", "b"], "c", emotives=[{"joy": 0.1}], metadata=[{"by": "me"}]), times=3)
    for number in range(5):
        teach(node_id, lesson("a", f"n{number}", emotives=[{"joy": 0.1, "é": 1e-20}]))


def test_a_file_has_all_of_a_node_and_says_so(client: httpx.Client, node: str) -> None:
    teach_some(node)
    head, *lines, end = export(client, node)
    assert (head["kato"], head["version"], head["node_id"]) == ("node", 1, node)
    patterns = [line for line in lines if "events" in line]
    [known] = [line for line in patterns if line["frequency"] == 3]
    assert known == {
        "name": lesson(["a", "b"], "c").name,
        "events": [["a", "b"], ["c"]],
        "frequency": 3,
        "emotives": [{"joy": 0.1}],
        "metadata": {"by": ["me"]},
    }
    assert [line["symbol"] for line in lines if "symbol" in line].count("a") == 1
    assert end == {"end": True, "patterns": 6, "affinities": len(lines) - 6, "retirements": 0}


def test_a_file_is_one_that_can_be_imported(client: httpx.Client, node: str) -> None:
    teach_some(node)
    content = node_files.check(client.get(path_of(node)).content.splitlines(keepends=True))
    assert (content.complete, content.patterns, content.node_id) == (True, 6, node)


def test_it_can_go_on_after_any_line(client: httpx.Client, node: str) -> None:
    teach_some(node)
    retire(node_id=node, names=["0" * 40, "f" * 40, lesson("a", "n1").name])
    whole = export(client, node)
    assert whole[-1]["retirements"] == 3
    parameters = {"name": "after", "symbol": "after_symbol", "retired": "after_retired"}
    for position, line in enumerate(whole[1:-1], start=1):
        [after] = [{parameter: line[key]} for key, parameter in parameters.items() if key in line]
        head, *rest = export(client, node, moment=whole[0]["moment"], **after)
        assert head == whole[0]
        assert rest == whole[position + 1 :]


def test_a_part_of_a_node_that_has_changed_since_is_refused(client: httpx.Client, node: str) -> None:
    teach_some(node)
    [head, first, *_] = export(client, node)
    query = {"after": first["name"], "moment": head["moment"]}
    teach(f"not {node}", lesson("a", "b"))
    assert export(client, node, **query)[0] == head
    teach(node, lesson("d", "e"))
    response = client.get(path_of(node), params=query)
    assert response.status_code == 409
    assert "changed" in response.json()["detail"]


def test_a_part_of_a_node_that_only_felt_something_since_is_refused(client: httpx.Client, node: str) -> None:
    teach_some(node)
    [head, *_] = export(client, node)
    for _ in node_files.add(node_id=node, lines=[b'{"symbol":"a","affinity":{"joy":1}}'], window=5):
        pass
    assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 409


@pytest.mark.parametrize("act", [retire, un_retire, purge])
def test_a_part_of_a_node_of_which_something_was_retired_or_purged_since_is_refused(
    client: httpx.Client, node: str, act: Callable[..., Any]
) -> None:
    """Also where the pattern was never learned."""
    teach_some(node)
    retired = {retire: [], un_retire: ["0" * 40], purge: ["0" * 40]}[act]
    retire(node_id=node, names=retired)
    [head, *_] = export(client, node)
    assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 200
    act(node_id=node, names=["0" * 40], **({"limit": 1} if act is purge else {}))
    assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 409


def test_a_part_of_a_node_that_was_cleared_since_is_refused(client: httpx.Client, node: str) -> None:
    teach_some(node)
    [head, *_] = export(client, node)
    clear(node_id=node)
    teach_some(node)
    assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 409


def test_a_transaction_that_was_under_way_at_the_moment_is_a_change(
    client: httpx.Client, node: str, database: psycopg.Connection
) -> None:
    teach_some(node)
    with database.transaction():
        database.execute(
            "UPDATE memory_app_pattern SET changed = pg_current_xact_id()"
            " WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %s)",
            [node],
        )
        # A later one that has ended: ids from its own on are not the only ones that the moment does not show.
        teach(f"{node}, too", lesson("a", "b"))
        [head, *_] = export(client, node)
        assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 200
    assert client.get(path_of(node), params={"moment": head["moment"]}).status_code == 409


def test_parts_of_different_moments_are_not_taken_for_one_file(client: httpx.Client, node: str) -> None:
    teach_some(node)
    first = client.get(path_of(node)).content.splitlines(keepends=True)[:3]
    name = json.loads(first[-1])["name"]
    teach(node, lesson("d", "e"))
    second = client.get(path_of(node), params={"after": name}).content.splitlines(keepends=True)
    with pytest.raises(WrongLine, match="another moment"):
        node_files.check(first + second)


def test_all_lines_are_of_one_moment(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PATTERNS", exporting._PATTERNS.replace("LIMIT 500", "LIMIT 5"))
    teach_many(node, 40)
    parts = exporting.parts(node)
    before = [next(parts), next(parts)]
    learner = threading.Thread(target=_teach_elsewhere, args=(node,))
    learner.start()
    learner.join()
    lines = [json.loads(line) for line in b"".join([*before, *parts]).splitlines()]
    assert lines[-1]["patterns"] == 40
    assert {line["frequency"] for line in lines[1:-1]} == {1}


def _teach_elsewhere(node_id: str) -> None:
    teach_many(node_id, 80)
    connection.close()


def test_a_large_node_takes_little_memory(small: WebServer, large: str) -> None:
    [pid] = small.worker_pids
    process = psutil.Process(pid)
    with httpx.Client(base_url=small.url, timeout=60) as client:
        client.get(path_of(large), params={"after": "f" * 40})
        before = process.memory_info().rss
        size = 0
        most = before
        with client.stream("GET", path_of(large)) as response:
            for chunk in response.iter_raw():
                size += len(chunk)
                most = max(most, process.memory_info().rss)
    assert size > 2000 * LARGE
    assert most - before < 24 * 2**20


def test_an_export_ends_when_it_has_taken_too_long_and_its_file_shows_that(
    hasty: WebServer, large: str, database: psycopg.Connection
) -> None:
    with httpx.Client(base_url=hasty.url, timeout=60) as client, client.stream("GET", path_of(large)) as response:
        chunks = response.iter_raw()
        first = next(chunks)
        # The service waits for this client, which reads on when its time is over.
        eventually(lambda: _open_exports(database, for_seconds=1.5) == 1, "it has taken too long")
        text = first + b"".join(chunks)
    assert not node_files.check(text.splitlines(keepends=True)).complete


def test_a_client_that_leaves_or_does_not_read_holds_no_transaction(
    small: WebServer, large: str, database: psycopg.Connection
) -> None:
    with ExitStack() as opened:
        for _ in range(streaming.AT_ONCE):
            reader = opened.enter_context(socket.create_connection(("127.0.0.1", small.port)))
            reader.sendall(f"GET {path_of(large)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert reader.recv(1000).startswith(b"HTTP/1.1 200")
        eventually(lambda: _open_exports(database) == streaming.AT_ONCE, "both wait for their clients")
        with httpx.Client(base_url=small.url) as client:
            response = client.get(path_of(large))
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
            assert client.get("/sessions/count").status_code == 200
        eventually(lambda: _open_exports(database) == 0, "they were given up", seconds=40)
    with httpx.Client(base_url=small.url, timeout=60) as client:
        for _ in range(streaming.AT_ONCE + 1):
            with client.stream("GET", path_of(large)) as response:
                assert response.status_code == 200
            eventually(lambda: _open_exports(database) == 0, "the client has left")


def _open_exports(database: psycopg.Connection, *, for_seconds: float = 0) -> int:
    query = """
        SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%%used <=%%'
            AND now() - xact_start > make_interval(secs => %s)
    """
    [[number]] = database.execute(query, [for_seconds]).fetchall()
    return int(number)


@pytest.mark.parametrize(("too_late_after", "is_whole"), [(b"last", True), (b"first", False)])
def test_only_an_export_that_was_cut_short_says_so(
    caplog: pytest.LogCaptureFixture, too_late_after: bytes, is_whole: bool
) -> None:
    def parts() -> Generator[bytes]:
        yield from (b"first", b"last")

    deadline, sent = Deadline(60), []
    for part in api._bounded(parts(), deadline):
        sent.append(part)
        if part == too_late_after:
            deadline._end = 0
    assert sent == [b"first", b"last"][: None if is_whole else 1]
    assert ("cut short" in caplog.text) is not is_whole


def test_head_reads_nothing(client: httpx.Client, node: str) -> None:
    teach_some(node)
    for _ in range(streaming.AT_ONCE * 4 + 1):
        response = client.head(path_of(node))
        assert (response.status_code, response.content) == (200, b"")


def test_a_node_that_never_learned_is_a_404(client: httpx.Client, node: str) -> None:
    assert client.get(path_of(node)).status_code == 404


@pytest.mark.parametrize("odd", ["a/b", "/", "x/export", "x/patterns", "\n", "é", " "])
def test_any_node_can_be_exported(client: httpx.Client, odd: str) -> None:
    teach(odd, lesson("a", "b"))
    try:
        assert export(client, odd)[0]["node_id"] == odd
    finally:
        clear(node_id=odd)


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": "0" * 39},
        {"after_symbol": "a\0"},
        {"after": "0" * 40, "after_symbol": "a"},
        {"after_retired": "x"},
        {"after": "0" * 40, "after_retired": "0" * 40},
        {"moment": ""},
        {"moment": "1"},
        {"moment": "1-0:0:"},
        {"moment": "1-5:4:"},
        {"moment": "1-5:9:7,6"},
        {"moment": "1-5:9:9"},
        {"moment": "1-5:9:6,6"},
        {"moment": f"1-5:{'9' * 30}:"},
        {"moment": "1-\u0665:\u0665:"},  # five, as PostgreSQL does not read it
    ],
    ids=str,
)
def test_a_wrong_parameter_is_a_422_that_names_it(client: httpx.Client, node: str, query: dict[str, str]) -> None:
    teach_some(node)
    response = client.get(path_of(node), params=query)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][1] in query
