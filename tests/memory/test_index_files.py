"""A large index has a file that all processes of a host share, and find again after a restart.

Whatever is wrong with a file, it is not believed: predictions are those of an index that was read from the database.
"""

import os
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import eventually
from foundation.postgresql import identity
from memory_app import content, feed
from memory_app.index_files import folder, layout, metrics, witnesses
from memory_app.index_files.folder import IndexFolder
from memory_app.node_index import NodeIndex
from memory_app.operations.acts import forget
from memory_app.operations.nodes import clear, reindex
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire
from tests.support.indexes import read_from_the_table, shown, use_folder
from tests.support.taught import lesson, teach, teach_many

LARGE = 1000
PATTERNS = 1200


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: object) -> Path:
    """A host of its own, on which a thousand patterns are a large node."""
    use_folder(monkeypatch, IndexFolder(tmp_path, budget=10**9))
    monkeypatch.setattr(content, "SMALLEST_FILE", LARGE)
    monkeypatch.setattr(feed, "PATTERNS_AT_ONCE", 500)
    monkeypatch.setattr(content, "_PAUSE", 0.0)
    return tmp_path


@pytest.fixture
def node(same_database: None) -> str:
    node_id = f"node-{uuid.uuid4().hex}"
    teach_many(node_id, PATTERNS)
    return node_id


def the_file(files: Path) -> Path:
    [file] = files.glob("*.index")
    return file


def test_after_a_restart_an_index_is_mapped_and_nothing_is_read_again(node: str, pages: list[int]) -> None:
    first = NodeIndex(node).follow()
    assert sum(pages) == PATTERNS
    pages.clear()
    again = NodeIndex(node)
    assert shown(again.follow().view) == shown(first.view)
    assert pages == []
    assert again.content.witness is not None


def test_what_was_learned_since_is_followed_from_the_snapshot_of_the_file(
    node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    NodeIndex(node).follow()
    teach(node, lesson("n1", "common", "of 1"), lesson("new", "symbols"))
    index = NodeIndex(node)
    assert shown(index.follow().view) == shown(read_from_the_table(node, monkeypatch))
    assert index.content.witness is not None


def test_an_index_is_its_own_where_it_changes(node: str, files: Path) -> None:
    one, other = NodeIndex(node), NodeIndex(node)
    before = one.follow().view
    other.follow()
    whole = the_file(files).read_bytes()
    teach(node, *(lesson(f"new {number}", "common") for number in range(60)))
    assert len(one.follow().view) == PATTERNS + 60
    assert len(other.content.index.view()) == len(before) == PATTERNS
    assert the_file(files).read_bytes() == whole


def test_small_nodes_have_no_file(files: Path, same_database: None) -> None:
    node = f"node-{uuid.uuid4().hex}"
    teach_many(node, LARGE - 10)
    NodeIndex(node).follow()
    assert list(files.glob("*.index")) == []


def test_of_several_that_need_an_index_one_reads_the_table(node: str, pages: list[int]) -> None:
    views: list[int] = []

    def follow() -> None:
        try:
            views.append(len(NodeIndex(node).follow().view))
        finally:
            connection.close()

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert views == [PATTERNS] * 4
    # Each looks whether the node is small before it waits; one alone reads the rest.
    assert sum(pages) <= 4 * LARGE + PATTERNS - LARGE


def wait_for_renewal(index: NodeIndex) -> None:
    eventually(lambda: index.renewal is not None and index.renewal.is_done, "the file is written")


# Damage --------------------------------------------------------------------------------------------------------------


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _empty(file: Path) -> None:
    os.truncate(file, 0)


def _flip(file: Path, place: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        [byte] = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte ^ 1]))


def _flip_in_prefix(file: Path) -> None:
    _flip(file, 3)


def _flip_in_header(file: Path) -> None:
    _flip(file, 40)


def _other_format(file: Path) -> None:
    file.write_bytes(b"KATOidx0" + file.read_bytes()[8:])


def _something_else(file: Path) -> None:
    file.write_bytes(os.urandom(200_000))


@pytest.mark.parametrize("damage", [_cut, _empty, _flip_in_prefix, _flip_in_header, _other_format, _something_else])
def test_a_damaged_file_is_written_again(
    node: str, files: Path, pages: list[int], monkeypatch: pytest.MonkeyPatch, damage: Any
) -> None:
    NodeIndex(node).follow()
    damage(the_file(files))
    pages.clear()
    assert shown(NodeIndex(node).follow().view) == shown(read_from_the_table(node, monkeypatch))
    assert sum(pages) >= PATTERNS
    layout.read(the_file(files))


def test_a_byte_that_is_wrong_in_any_array_is_noticed(node: str, files: Path) -> None:
    NodeIndex(node).follow()
    file = the_file(files)
    whole = file.read_bytes()
    header = layout._header(whole[: layout._PREFIX.size + layout._MOST_HEADER])
    for array in header["arrays"]:
        if 0 in array["shape"]:
            continue
        _flip(file, array["offset"])
        with pytest.raises(layout.Unusable, match=rf"its array {array['name']} is damaged"):
            layout.read(file)
        file.write_bytes(whole)
    layout.read(file)


@pytest.mark.parametrize("name", ["engine", "byte_order", "database"])
def test_a_file_of_another_engine_machine_or_database_is_not_believed(
    node: str, files: Path, pages: list[int], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patched:
        facts = folder._facts() | {name: "another"}
        patched.setattr(folder, "_facts", lambda: facts)
        NodeIndex(node).follow()
        assert layout.read_facts(the_file(files))[name] == "another"
    pages.clear()
    assert shown(NodeIndex(node).follow().view) == shown(read_from_the_table(node, monkeypatch))
    assert sum(pages) >= PATTERNS
    assert layout.read_facts(the_file(files))[name] == folder._facts()[name]


# Stale files ---------------------------------------------------------------------------------------------------------


def test_a_file_from_before_the_database_was_restored_is_not_believed(
    node: str, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The restored database knows neither the last patterns that the file shows, nor who wrote it."""
    known = {name for (name,) in database.execute("SELECT witness FROM memory_app_indexwitness")}
    NodeIndex(node).follow()
    database.execute("DELETE FROM memory_app_indexwitness WHERE NOT witness = ANY(%s)", [list(known)])
    lost = "memory = (SELECT memory FROM memory_app_node WHERE node_id = %s) AND frequency = 2"
    database.execute(f"DELETE FROM memory_app_pattern WHERE {lost}", [node])
    assert shown(NodeIndex(node).follow().view) == shown(read_from_the_table(node, monkeypatch))


def test_the_database_vouches_for_a_file_before_the_file_has_its_name(
    node: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Path]] = []
    add = witnesses.add

    def noticed(witness: str, memory: int) -> bool:
        seen.append(list(files.glob("*.index")))
        return add(witness, memory)

    monkeypatch.setattr(witnesses, "add", noticed)
    NodeIndex(node).follow()
    assert seen == [[]]


def test_reindex_makes_every_process_read_the_table(node: str, pages: list[int]) -> None:
    index = NodeIndex(node)
    index.follow()
    reindex(node_id=node)
    for one in (index, NodeIndex(node)):
        pages.clear()
        assert len(one.follow().view) == PATTERNS
    assert pages == []  # the second one maps the file that the first one wrote
    assert index.content.rebuilt == 1


def test_what_was_cleared_is_not_found_again_in_a_file(node: str) -> None:
    index = NodeIndex(node)
    index.follow()
    clear(node_id=node)
    teach(node, lesson("after", "it"))
    assert [len(one.follow().view) for one in (index, NodeIndex(node))] == [1, 1]


def test_acts_on_patterns_since_the_file_are_followed(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(shown(NodeIndex(node).follow().view)["patterns"])
    retire(node_id=node, names=names[:3])
    purge(node_id=node, names=names[:1], limit=1)
    index = NodeIndex(node)
    assert shown(index.follow().view)["retired"] == sorted(names[1:3])
    assert len(index.follow().view) == PATTERNS - 1
    assert index.content.witness is not None


def test_a_file_that_is_behind_acts_that_were_forgotten_is_written_again(node: str, files: Path) -> None:
    names = list(shown(NodeIndex(node).follow().view)["patterns"])
    before = layout.read_facts(the_file(files))["witness"]
    retire(node_id=node, names=names[:2])
    while forget(kept=0, seconds=0):
        pass
    assert shown(NodeIndex(node).follow().view)["retired"] == sorted(names[:2])
    assert layout.read_facts(the_file(files))["witness"] != before


# Writing -------------------------------------------------------------------------------------------------------------


def test_a_file_is_written_again_when_much_was_learned_and_others_take_it(node: str, files: Path) -> None:
    one, other = NodeIndex(node), NodeIndex(node)
    for index in (one, other):
        index.follow()
    before = layout.read_facts(the_file(files))["witness"]
    teach(node, *(lesson(f"new {number}", "common") for number in range(LARGE)))
    for index in (one, other):
        index.follow()
        wait_for_renewal(index)
        assert len(index.follow().view) == PATTERNS + LARGE
        assert index.content.tail < LARGE // 2
    assert one.content.witness == other.content.witness != before


def test_a_node_that_has_become_large_gets_a_file(files: Path, same_database: None) -> None:
    node = f"node-{uuid.uuid4().hex}"
    teach_many(node, LARGE - 100)
    index = NodeIndex(node)
    index.follow()
    teach(node, *(lesson(f"new {number}", "common") for number in range(200)))
    index.follow()
    wait_for_renewal(index)
    assert layout.read_facts(the_file(files))["numbers"]["pattern_count"] == LARGE + 100


def test_where_nothing_can_be_written_the_index_is_in_memory(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no folder").write_text("")
    use_folder(monkeypatch, IndexFolder(tmp_path / "no folder", budget=10**9))
    index = NodeIndex(node)
    assert shown(index.follow().view) == shown(read_from_the_table(node, monkeypatch))
    assert index.content.witness is None
    assert index.memory_bytes() > 20 * PATTERNS


@pytest.mark.parametrize("step", ["half of it is written", "it has no witness", "it has no name", "it is whole"])
def test_a_writer_that_is_killed_leaves_nothing_that_is_believed_wrongly(
    node: str, files: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """In every step of writing; a process that waited for it goes on."""
    child = os.fork()
    if child == 0:
        connection.connect()
        _die_when(step)
        NodeIndex(node).follow()
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    connection.close()
    assert shown(NodeIndex(node).follow().view) == shown(read_from_the_table(node, monkeypatch))
    assert [file.suffix for file in sorted(files.iterdir())] == [".index", ".lock"]


def _die_when(step: str) -> None:
    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    match step:
        case "half of it is written":
            layout.np.ascontiguousarray = lambda array: die() if array.dtype == np.uint32 else array  # type: ignore[attr-defined]
        case "it has no witness":
            witnesses.add = die  # type: ignore[assignment]
        case "it has no name":
            Path.replace = die  # type: ignore[assignment,method-assign]
        case "it is whole":
            metrics.written.inc = die  # type: ignore[method-assign]


def test_the_files_used_longest_ago_make_room(
    files: Path, monkeypatch: pytest.MonkeyPatch, same_database: None
) -> None:
    nodes = [f"node-{uuid.uuid4().hex}" for _ in range(3)]
    for number, node in enumerate(nodes[:2]):
        teach_many(node, PATTERNS)
        NodeIndex(node).follow()
        for file in files.glob("*.index"):
            if file.stat().st_mtime > 1000:
                os.utime(file, (number, number))
                size = file.stat().st_blocks * 512
    NodeIndex(nodes[0]).follow()  # used now
    use_folder(monkeypatch, IndexFolder(files, budget=int(2.5 * size)))
    teach_many(nodes[2], PATTERNS)
    held = [NodeIndex(node) for node in (nodes[2], nodes[0])]
    for index in held:
        index.follow()
    assert {int(file.stem) for file in files.iterdir()} == {index.content.memory for index in held}


def test_files_of_memories_that_are_gone_are_removed(node: str, files: Path, same_database: None) -> None:
    NodeIndex(node).follow()
    gone = the_file(files)
    clear(node_id=node)
    other = f"node-{uuid.uuid4().hex}"
    teach_many(other, PATTERNS)
    NodeIndex(other).follow()
    assert not gone.exists()


def test_what_else_is_in_the_folder_stays_there(node: str, files: Path) -> None:
    """A disk of its own has a `lost+found`."""
    (files / "lost+found").mkdir(mode=0)
    for name in ("notes.index", "7.txt", "٣.index", f"{10**30}.index"):
        (files / name).write_text("")
    index = NodeIndex(node)
    index.follow()
    assert index.content.witness is not None
    assert {"lost+found", "notes.index", "7.txt", "٣.index", f"{10**30}.index"} < {
        path.name for path in files.iterdir()
    }


def test_indexes_that_are_dropped_leave_no_mapping_and_no_descriptor(node: str) -> None:
    def held() -> tuple[int, int]:
        mappings = Path("/proc/self/maps").read_text().count(".index")
        return len(list(Path("/proc/self/fd").iterdir())), mappings

    NodeIndex(node).follow()
    before = held()
    for _ in range(50):
        NodeIndex(node).follow()
    assert held() == before


def test_a_file_is_of_the_database_that_this_process_uses(node: str, files: Path) -> None:
    NodeIndex(node).follow()
    assert layout.read_facts(the_file(files))["database"] == identity.of_database()


@pytest.fixture(autouse=True)
def no_connection_stays(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        connection.close()
