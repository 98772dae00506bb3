"""`POST /nodes/{id}/import`: a job that adds what a file holds, exactly and once."""

import json
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from benchmarks.stack import Worker
from memory_app.files import exporting
from memory_app.operations.deleting import delete
from memory_app.operations.nodes import clear
from memory_app.operations.retiring import retire
from memory_app.reads import nodes
from tests.support.jobs import end_of
from tests.support.nodes import node_path
from tests.support.taught import learn_each, lesson, teach

pytestmark = pytest.mark.usefixtures("same_database", "worker")

AB: dict[str, Any] = {"events": [["a"], ["b"]], "frequency": 2, "emotives": [{"joy": 1.0}], "metadata": {"by": ["me"]}}
CD: dict[str, Any] = {"events": [["c", "d"]]}
FEELING: dict[str, Any] = {"symbol": "a", "affinity": {"joy": 2.5}}


def file_of(*lines: Any) -> bytes:
    """With the first and the last line."""
    kinds = {"patterns": "events", "affinities": "symbol", "retirements": "retired"}
    counts = {name: sum(key in one for one in lines) for name, key in kinds.items()}
    whole = [{"kato": "node", "version": 1, "node_id": "elsewhere"}, *lines, {"end": True, **counts}]
    return "".join(f"{json.dumps(line)}\n" for line in whole).encode()


def send(client: httpx.Client, node_id: str, content: bytes, **query: Any) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson", **query.pop("headers", {})}
    return client.post(node_path(node_id, "import"), params=query, content=content, headers=headers)


def import_file(client: httpx.Client, node_id: str, content: bytes, **query: Any) -> dict[str, Any]:
    response = send(client, node_id, content, **query)
    assert response.status_code == 202, response.text
    assert response.headers["Location"] == f"/jobs/{response.json()['job_id']}"
    return end_of(client, response.json())


def exported(node_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in b"".join(exporting.parts(node_id)).splitlines()]
    return lines[1:]


def test_a_file_is_added_in_the_background(client: httpx.Client, node: str) -> None:
    job = import_file(client, node, file_of(AB, CD, FEELING))
    assert (job["kind"], job["state"], job["node_id"], job["session_id"]) == ("import", "done", node, None)
    assert (job["done"], job["total"]) == (5, 5)
    assert job["result"] == {"patterns": 2, "affinities": 1, "retirements": 0}
    known = nodes.pattern(node, lesson("a", "b").name)
    assert known is not None
    assert (known.frequency, known.emotives, known.metadata) == (2, AB["emotives"], AB["metadata"])
    assert nodes.affinities(node).affinities == {"a": {"joy": 2.5}}


def test_what_was_exported_comes_back_exactly(client: httpx.Client, node: str) -> None:
    for number in range(7):
        emotives = [{"joy": 0.1 * number, "awe": 1e-300, "fear": 2.0**53}, {"fear": 1.0}]
        teach(node, lesson("a", f"n{number}", emotives=emotives, metadata=[{"n": number}]))
        learn_each(node, lesson("b", f"n{number}", emotives=emotives))
    retire(node_id=node, names=["0" * 40, lesson("b", "n1").name])
    delete(node_id=node, name=lesson("b", "n2").name)
    content = client.get(f"/nodes/{node}/export").content
    job = import_file(client, f"copy of {node}", content)
    assert (job["state"], job["result"]["retirements"]) == ("done", 3)
    assert exported(f"copy of {node}") == exported(node)
    assert _affinities(f"copy of {node}") == _affinities(node)


def _affinities(node_id: str) -> list[tuple[str, str, str]]:
    query = (
        "SELECT symbol, emotive, value::text FROM memory_app_symbolaffinity JOIN memory_app_node USING (memory)"
        " WHERE node_id = %s ORDER BY symbol, emotive"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [node_id])
        return list(cursor.fetchall())


def test_a_node_that_knows_something_is_left_alone_unless_the_request_says_so(client: httpx.Client, node: str) -> None:
    teach(node, lesson("a", "b"))
    job = import_file(client, node, file_of(AB))
    assert (job["state"], nodes.count_patterns(node)) == ("failed", 1)
    assert "add=true" in job["error"]
    job = import_file(client, node, file_of(AB, CD), add="true")
    assert job["state"] == "done"
    known = nodes.pattern(node, lesson("a", "b").name)
    assert known is not None
    assert known.frequency == 3


@pytest.mark.parametrize("known", [FEELING, {"retired": "0" * 40}], ids=["an affinity", "a retired name"])
def test_a_node_without_patterns_may_know_something_too(client: httpx.Client, node: str, known: dict[str, Any]) -> None:
    import_file(client, node, file_of(known))
    before = exported(node)
    job = import_file(client, node, file_of(AB))
    assert (job["state"], exported(node)) == ("failed", before)
    assert "already knows something" in job["error"]
    assert import_file(client, node, file_of(AB), add="true")["state"] == "done"


def test_a_job_that_would_learn_what_is_retired_adds_nothing(client: httpx.Client, node: str) -> None:
    retire(node_id=node, names=[lesson("a", "b").name])
    job = import_file(client, node, file_of(CD, AB), add="true")
    assert (job["state"], nodes.count_patterns(node)) == ("failed", 0)
    assert "Un-retire it" in job["error"]


def test_of_two_files_for_an_empty_node_the_second_fails(client: httpx.Client, node: str) -> None:
    sent = [send(client, node, file_of(AB)).json() for _ in range(2)]
    assert [end_of(client, job)["state"] for job in sent] == ["done", "failed"]
    known = nodes.pattern(node, lesson("a", "b").name)
    assert known is not None
    assert known.frequency == 2


def test_a_request_that_is_repeated_with_its_key_adds_once(client: httpx.Client, node: str) -> None:
    sent = [send(client, node, file_of(AB), add="true", headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert len({response.json()["job_id"] for response in sent}) == 1
    assert [response.headers.get("Idempotency-Replayed") for response in sent] == [None, "true", "true"]
    assert end_of(client, sent[0].json())["state"] == "done"
    known = nodes.pattern(node, lesson("a", "b").name)
    assert known is not None
    assert known.frequency == 2


def test_a_large_file_is_added_in_parts_and_can_be_cancelled_between_them(
    client: httpx.Client, node: str, worker: Worker, database: psycopg.Connection
) -> None:
    lines = [{"events": [[f"n{number}"], ["x"]]} for number in range(3500)]
    job = import_file(client, node, file_of(*lines))
    assert (job["state"], job["total"], nodes.count_patterns(node)) == ("done", 3502, 3500)
    [[left]] = database.execute("SELECT count(*) FROM sessions_app_jobpart WHERE job_id = %s", [job["job_id"]])
    assert left == 0


def test_a_file_in_parts_is_added_part_by_part(client: httpx.Client, node: str) -> None:
    for start in (0, 10):
        lines = [json.dumps({"events": [[f"n{number}"], ["x"]]}) for number in range(start, start + 10)]
        job = import_file(client, node, "\n".join(lines).encode(), partial="true", add="true")
        assert job["state"] == "done"
    assert nodes.count_patterns(node) == 20


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 0, "no lines"),
        (b"nonsense\n", 1, "Invalid JSON: expected ident at character 2"),
        (file_of(AB)[:-20], 3, "Invalid JSON: EOF while parsing an object at character "),
        (b"\xff\xfe\n", 1, ""),
        (file_of(AB, {"events": []}), 3, "events"),
        (file_of({**AB, "name": "0" * 40}), 2, "the name of these events"),
        (file_of({"events": [["only one"]]}), 2, "two symbols"),
        (file_of({**AB, "frequency": 2**32}), 2, "frequency"),
        (file_of(AB, CD).replace(b'"patterns": 2', b'"patterns": 3'), 4, "3 patterns"),
        (file_of(AB).rsplit(b"\n", 2)[0] + b"\n", 2, "partial"),
        (file_of({"events": [["x" * 5000, "y"]]}), 2, "KATO_LIMIT_TEXT"),
        (file_of({"events": [["a"] * 10_001]}), 2, "KATO_LIMIT_SYMBOLS"),
        (file_of({**AB, "emotives": [{str(n): 1.0 for n in range(201)}]}), 2, "KATO_LIMIT_EMOTIVES"),
        (file_of({**AB, "metadata": {"k": ["x" * (settings.ENV.limit_pattern + 1)]}}), 2, "KATO_LIMIT_PATTERN"),
        (file_of({**AB, "felt": {"x" * 5000: "1"}}), 2, "KATO_LIMIT_TEXT"),
        (file_of({**AB, "felt": {f"{n:04000}": "1" for n in range(1100)}}), 2, "KATO_LIMIT_PATTERN"),
        (file_of({**AB, "felt": {"joy": 1.0}}), 2, "felt.joy"),
        (file_of({"retired": "x"}), 2, "Input should be a name: 40 digits"),
        (file_of({"retired": "0" * 40}, AB), 3, "a pattern comes before what is retired"),
        (file_of({"symbol": "a", "affinity": {"joy": "1"}}), 2, "affinity"),
        (b'{"symbol":"a","affinity":{"joy":1e400}}\n', 1, "largest double"),
        (b'{"symbol":"a","affinity":{"joy":NaN}}\n', 1, ""),
        (b'{"symbol":"a","affinity":{"joy":1e999999999}}\n', 1, "largest double"),
        (b'{"symbol":"a","affinity":{"joy":1e%s}}\n' % (b"9" * 30), 1, "largest double"),
        (b'{"symbol":"a\\u0000","affinity":{"joy":1}}\n', 1, "U+0000"),
    ],
)
def test_a_wrong_file_is_a_422_that_names_the_line_and_adds_nothing(
    client: httpx.Client, node: str, content: bytes, line: int, reason: str
) -> None:
    response = send(client, node, content)
    assert response.status_code == 422, response.text
    [problem] = response.json()["detail"]
    assert (problem["type"], problem["loc"]) == ("wrong_line", ["body", line])
    assert reason in problem["msg"]
    assert nodes.count_patterns(node) == 0


def test_a_body_with_too_many_values_or_too_large_is_refused(client: httpx.Client, node: str) -> None:
    response = send(client, node, file_of({"events": [["a"]] * (settings.ENV.limit_values + 1)}))
    assert (response.status_code, response.json()["detail"][0]["type"]) == (422, "too_many_values")
    many_lines = b'{"retired":"%040d"}\n' % 0 * (settings.ENV.limit_values // 2 + 1)
    response = send(client, node, many_lines)
    assert (response.status_code, response.json()["detail"][0]["type"]) == (422, "too_many_values")
    assert send(client, node, b" " * (settings.ENV.max_request_size + 1)).status_code == 413


@pytest.mark.parametrize("query", [{"add": "perhaps"}, {"partial": "2"}])
def test_a_wrong_parameter_is_a_422_that_names_it(client: httpx.Client, node: str, query: dict[str, str]) -> None:
    response = send(client, node, file_of(AB), **query)
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query", *query])


@pytest.mark.parametrize("odd", ["a/b", "/", "x/import", "x/patterns", "\n"])
def test_any_node_can_be_imported_into(client: httpx.Client, odd: str) -> None:
    try:
        assert import_file(client, odd, file_of(AB), add="true")["state"] == "done"
        assert nodes.count_patterns(odd) == 1
    finally:
        clear(node_id=odd)
