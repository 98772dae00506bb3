"""Nodes by the client: browsing what they know, moving it in files, and deleting a pattern."""

import json
from pathlib import Path
from typing import Any, assert_type

import pytest

from benchmarks.stack import WebServer
from kato_client import ApiError, AsyncKato, ConnectionFailed, Kato, PatternNotFound, RetiredPattern, UnfitFile, types
from tests.client.conftest import Connect
from tests.client.relay import DROP, LOSE_ANSWER, Cut, Relay
from tests.client.shapes import problems


def teach(kato: Any, node: str, *symbols: str, emotives: dict[str, float] | None = None) -> str:
    """Learn one event per symbol, and return the name of the pattern."""
    with kato.session(node) as session:
        session.observe_sequence([{"strings": [symbol], "emotives": emotives or {}} for symbol in symbols])
        return str(session.learn()["pattern_name"])


@pytest.fixture
def five(kato: Any, node: str) -> list[str]:
    """The names of five patterns of the node, in the order of learning."""
    return [teach(kato, node, "tea", f"leaf {number}", emotives={"joy": number}) for number in range(5)]


def names(rows: Any) -> list[str]:
    return [row["name"] for row in rows]


def test_patterns_come_page_by_page(kato: Any, node: str, five: list[str]) -> None:
    rows = list(kato.patterns(node, limit=2))
    assert names(rows) == five[::-1]
    assert problems(rows, list[types.ListedPattern]) == []
    first_page = kato.list_patterns(node, limit=2)
    assert names(kato.patterns(node, after=first_page["next"], limit=2)) == five[2::-1]


def test_patterns_can_be_searched(kato: Any, node: str, five: list[str]) -> None:
    teach(kato, node, "tea", "leaf 1")
    assert names(kato.patterns(node, symbol="leaf 3")) == [five[3]]
    assert names(kato.patterns(node, prefix=five[2][:20])) == [five[2]]
    assert names(kato.patterns(node, min_frequency=2)) == [five[1]]
    assert names(kato.patterns(node, order="frequency"))[0] == five[1]
    assert list(kato.patterns(node, symbol="coffee")) == []


def test_retired_patterns_are_named(kato: Any, node: str, five: list[str]) -> None:
    with kato.session(node) as session:
        session.retire_patterns(five[:2])
    assert {row["name"]: row["retired"] for row in kato.patterns(node)} == {name: name in five[:2] for name in five}
    assert names(kato.patterns(node, retired=True)) == five[1::-1]
    assert names(kato.patterns(node, retired=False)) == five[:1:-1]


def test_a_pattern_is_deleted(connect: Connect, relay: Relay, node: str) -> None:
    kato = connect(relay.url)
    name, other = teach(kato, node, "a", "b"), teach(kato, node, "a", "c")
    relay.faults.append(LOSE_ANSWER)
    assert kato.delete_pattern(node, name, why="a test") == {"status": "deleted", "pattern_name": name, "node_id": node}
    assert names(kato.patterns(node)) == [other]
    with pytest.raises(PatternNotFound):
        kato.delete_pattern(node, name)
    with pytest.raises(RetiredPattern):
        teach(kato, node, "a", "b")


def test_nodes_come_page_by_page(kato: Any, node: str) -> None:
    ids = [f"{node}/{number}" for number in range(5)]
    for node_id in ids:
        teach(kato, node_id, "a", "b")
    rows = list(kato.nodes(prefix=f"{node}/", limit=2))
    assert [row["node_id"] for row in rows] == ids
    assert problems(rows, list[types.ListedNode]) == []


def test_the_type_checker_knows_the_rows(server: WebServer, node: str) -> None:
    with Kato(server.url) as kato:
        teach(kato, node, "a", "b")
        for pattern in kato.patterns(node):
            assert_type(pattern, types.ListedPattern)


async def _typed(kato: AsyncKato) -> None:
    async for node in kato.nodes(prefix="k"):
        assert_type(node["node_id"], str)


# Files ---------------------------------------------------------------------------------------------------------------


def whole(text: str) -> str:
    """A file without its moment, which is that of the export."""
    head, *rest = text.splitlines(keepends=True)
    return "".join([json.loads(head)["node_id"], *rest])


@pytest.mark.usefixtures("five")
def test_a_node_is_exported_to_a_new_file(kato: Any, node: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    done = kato.export_node(node, file)
    assert done == {"patterns": 5, "affinities": 6, "retirements": 0}
    assert whole(file.read_text()) == whole(kato.node_export(node))
    with pytest.raises(FileExistsError):
        kato.export_node(node, file)
    assert kato.export_node(node, file, resume=True) == done, "there is nothing left to do"


@pytest.mark.usefixtures("five")
def test_an_export_goes_on_after_lost_connections(connect: Connect, relay: Relay, node: str, tmp_path: Path) -> None:
    kato = connect(relay.url)
    text = kato.node_export(node)
    for position in (0, 10, len(text) // 3, len(text) // 2, len(text) - 80, len(text) - 1):
        file = tmp_path / f"{position}.ndjson"
        relay.faults.extend([Cut(position), DROP, Cut(90), Cut(position)])
        kato.export_node(node, file)
        assert whole(file.read_text()) == whole(text)


@pytest.mark.usefixtures("five")
def test_an_export_that_ended_early_can_be_continued(connect: Connect, relay: Relay, node: str, tmp_path: Path) -> None:
    kato = connect(relay.url, delays=())
    file = tmp_path / "node.ndjson"
    relay.faults.extend([Cut(500), Cut(0)])
    with pytest.raises(ConnectionFailed, match="resume=True continues it"):
        kato.export_node(node, file)
    begun = file.read_text()
    assert begun.endswith("\n")
    with file.open("a") as out:
        out.write('{"name":"0123')  # as a program leaves it that is killed
    kato.export_node(node, file, resume=True)
    assert file.read_text().startswith(begun)
    assert whole(file.read_text()) == whole(kato.node_export(node))


def test_a_node_that_learned_meanwhile_needs_a_new_export(
    connect: Connect, relay: Relay, node: str, five: list[str], tmp_path: Path
) -> None:
    kato = connect(relay.url, delays=())
    file = tmp_path / "node.ndjson"
    relay.faults.extend([Cut(500), Cut(0)])
    with pytest.raises(ConnectionFailed):
        kato.export_node(node, file)
    teach(kato, node, "tea", "leaf 1")
    with pytest.raises(ApiError, match="has changed since the moment of this export") as changed:
        kato.export_node(node, file, resume=True)
    assert changed.value.status == 409


def test_an_export_that_cannot_begin_leaves_no_file(kato: Any, node: str, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="has learned nothing here"):
        kato.export_node(node, tmp_path / "node.ndjson")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_node_is_not_continued(kato: Any, node: str, five: list[str], tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    kato.export_node(node, file)
    with pytest.raises(UnfitFile, match="is a file of node"):
        kato.export_node("another", file, resume=True)


@pytest.mark.parametrize(
    "content",
    [
        b"milk, bread",
        b"milk\nbread\n",
        b'{"kato":"sessions","version":1}\n',
        b"[]\n",
        b'{"kato":"node","node_id":"x","moment":"1-2:3:"}\nbread\n',
        b'{"kato":"node","node_id":"x","moment":"1-2:3:"}\n["bread"]\n',
        b"\xff\xfe\xfd\n",
    ],
)
def test_a_file_that_is_no_export_is_refused_and_stays_as_it_is(
    kato: Any, node: str, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "shopping.txt"
    file.write_bytes(content)
    with pytest.raises(UnfitFile, match=r"shopping\.txt is no export of a node, so it cannot be continued"):
        kato.export_node(node, file, resume=True)
    assert file.read_bytes() == content


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize("begun", [b"", b'{"ka', b'{"kato":"node","version":1,"nod'])
def test_a_file_that_ends_in_its_first_line_is_begun_again(kato: Any, node: str, tmp_path: Path, begun: bytes) -> None:
    file = tmp_path / "node.ndjson"
    file.write_bytes(begun)
    kato.export_node(node, file, resume=True)
    assert whole(file.read_text()) == whole(kato.node_export(node))


@pytest.mark.usefixtures("worker", "five")
def test_a_file_is_imported_once(connect: Connect, relay: Relay, node: str, tmp_path: Path) -> None:
    kato = connect(relay.url)
    file = tmp_path / "node.ndjson"
    kato.export_node(node, file)
    relay.faults.append(LOSE_ANSWER)
    job = kato.import_node(f"{node} again", file)
    done = kato.wait_for_job(job["job_id"], poll=0.05)
    assert (done["state"], done["result"]["patterns"], done["result"]["affinities"]) == ("done", 5, 6)
    text = kato.node_export(f"{node} again")
    assert whole(text).removeprefix(f"{node} again") == whole(file.read_text()).removeprefix(node)


@pytest.mark.usefixtures("worker", "five")
def test_parts_of_a_file_add_up(kato: Any, node: str) -> None:
    lines = kato.node_export(node).encode().splitlines(keepends=True)
    for part in (lines[:3], lines[3:-1]):
        job = kato.import_node(f"{node} again", b"".join(part), add=True, partial=True)
        assert kato.wait_for_job(job["job_id"], poll=0.05)["state"] == "done"
    assert len(list(kato.patterns(f"{node} again"))) == 5
