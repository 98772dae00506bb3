"""`manage.py node …` lists, shows and clears nodes, and rebuilds their indexes."""

import json
import os
import pty
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest

from katoproject.configuration.environment import PROJECT_DIR
from memory_app import vector_indexes
from memory_app.operations.nodes import delete_cleared
from memory_app.reads import nodes
from tests.support.commands import command, process
from tests.support.sessions import LiveSession, OpenSession

pytestmark = pytest.mark.usefixtures("same_database")


def test_nodes_are_listed_page_after_page(open_session: OpenSession) -> None:
    prefix = f"list-{uuid4().hex}-"
    for number in range(3):
        teacher = open_session()
        teacher.node = f"{prefix}{number}"
        LiveSession.create(teacher.client, teacher.node).teach("a", "b", str(number))
    first = command("node", "list", "--after", prefix, "--limit", "2", "--counts", "--json")
    assert [(one["node_id"], one["patterns"], one["vectors"]) for one in first.lines] == [
        (f"{prefix}0", 1, 0),
        (f"{prefix}1", 1, 0),
    ]
    assert first.err == f"There are more: --after {prefix}1\n"
    second = command("node", "list", "--after", f"{prefix}1", "--limit", "1").out.splitlines()
    assert second[0].split() == ["node", "finalized", "dimension"]
    assert second[2].split() == [f"{prefix}2", "no", "–"]


def test_listing_nodes_loads_no_compiler() -> None:
    listed = process("node", "list", "--limit", "1", "--counts", PYTHONPROFILEIMPORTTIME="1")
    assert listed.status == 0
    modules = {line.rpartition("|")[2].strip() for line in listed.err.splitlines()}
    assert "memory_app.reads.nodes" in modules
    assert modules.isdisjoint({"numba", "engine.kernels", "memory_app.index"})


def test_a_node_is_shown_with_its_numbers(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.observe("a", emotives={"joy": 1}, vectors=[[1, 2]])
    teacher.observe("b")
    teacher.learn()
    teacher.teach("a", "b")
    teacher.teach("a", "b")
    shown = command("node", "show", teacher.node, "--json").json
    expected = {
        "node_id": teacher.node,
        "patterns": 2,
        "affinities": 3,
        "vectors": 1,
        "vector_dimension": 2,
        "vectors_indexed": False,
        "finalized": False,
        "symbols": 3,
        "learned": 7,
    }
    assert shown == {**shown, **expected}
    assert shown["index_bytes"] > 0
    for_people = command("node", "show", teacher.node).out
    assert "symbols learned in all" in for_people


@pytest.mark.parametrize("subcommand", [("show",), ("clear", "--yes"), ("reindex",)])
def test_a_missing_node_is_named(subcommand: tuple[str, ...]) -> None:
    told = command("node", *subcommand, "no such node")
    assert (told.status, told.out) == (1, "")
    assert told.err == "Error: Node 'no such node' has learned nothing here; ids are exact\n"


def test_a_cleared_node_knows_nothing_and_its_rows_wait_to_be_deleted(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    teacher.observe("a")
    assert teacher.get("predictions")["count"] == 1
    told = command("node", "clear", teacher.node, "--yes", "--json").json
    assert told == {"node_id": teacher.node, "patterns_forgotten": 1}
    assert teacher.get("predictions")["count"] == 0
    assert teacher.stm() == [["a"]]
    assert nodes.rows_to_delete() >= 1
    while delete_cleared():
        pass
    assert nodes.rows_to_delete() == 0


def test_clearing_a_node_needs_a_confirmation(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    told = command("node", "clear", teacher.node)
    assert (told.status, told.out) == (2, "")
    assert "standard input is not a terminal; pass --yes" in told.err
    assert teacher.patterns() == 1


@pytest.mark.parametrize(("answer", "left"), [("yes", 1), ("", 0)])
def test_it_asks_for_confirmation_on_a_terminal(open_session: OpenSession, answer: str, left: int) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    person, terminal = pty.openpty()
    os.write(person, f"{answer or teacher.node}\n".encode())
    done = subprocess.run(
        [sys.executable, "manage.py", "node", "clear", teacher.node],
        cwd=PROJECT_DIR,
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(person)
    os.close(terminal)
    assert done.stderr.startswith(
        f"Permanently forget 1 pattern of node {teacher.node}? Type the node's id to continue: "
    )
    assert (done.returncode, teacher.patterns()) == (1 if left else 0, left)


def test_what_was_changed_past_the_service_is_predicted_after_reindex(
    open_session: OpenSession, database: psycopg.Connection
) -> None:
    teacher = open_session()
    often, seldom = teacher.teach("a", "b"), teacher.teach("a", "c")
    teacher.teach("a", "b")
    teacher.observe("a")

    def frequencies() -> list[dict[str, int]]:
        """The frequencies of several processes: each request is on a new connection."""
        answers = [teacher.get("predictions")["predictions"] for _ in range(12)]
        return [{one["name"]: one["frequency"] for one in predictions} for predictions in answers]

    names = [name.removeprefix("PTRN|") for name in (often, seldom)]
    before, after = (dict(zip(names, counts, strict=True)) for counts in ((2, 1), (1, 2)))
    assert frequencies() == [before] * 12
    # The number of learned symbols stays the same, so that only the version can invalidate a cached prediction.
    database.execute(
        "UPDATE memory_app_pattern SET frequency = 3 - frequency "
        "WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %s)",
        [teacher.node],
    )
    assert frequencies() == [before] * 12
    told = command("node", "reindex", teacher.node, "--json").json
    assert (told["patterns"], told["symbols"], told["vectors_indexed"]) == (2, 3, False)
    assert frequencies() == [after] * 12


def test_learning_continues_after_reindex(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    teacher.post("finalize-training")
    for number in range(3):
        assert command("node", "reindex", teacher.node).status == 0
        teacher.teach("a", str(number))
        asker = LiveSession.create(teacher.client, teacher.node)
        asker.observe("a")
        assert asker.get("predictions")["count"] == number + 2


def test_a_vector_index_is_rebuilt(open_session: OpenSession, database: psycopg.Connection) -> None:
    teacher = open_session()
    for number in range(5):
        teacher.observe(str(number), vectors=[[number, 1.5]])
    teacher.learn()
    while not nodes.find(teacher.node).vectors_indexed:
        # One memory a time, and other tests leave some that are large enough.
        assert vector_indexes.maintain(index_from=5) >= 1
    memory = nodes.find(teacher.node).memory
    find = "SELECT oid FROM pg_class WHERE relname = %s"
    name = [f"memory_app_vector_of_{memory}"]
    [before] = database.execute(find, name).fetchall()
    assert command("node", "reindex", teacher.node, "--json").json["vectors_indexed"] is True
    [after] = database.execute(find, name).fetchall()
    assert after != before
    assert nodes.find(teacher.node).vectors_indexed


def test_two_processes_do_not_index_vectors_at_once(open_session: OpenSession, database: psycopg.Connection) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    lock = ["upkeep:index-vectors"]
    database.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", lock)
    told = command("node", "reindex", teacher.node)
    database.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", lock)
    assert told.status == 1
    assert "another process is indexing vectors now" in told.err


@pytest.mark.parametrize("arguments", [("list", "--limit", "0"), ("show",), ("show", "\udce4"), ("forget", "n"), ()])
def test_wrong_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    told = command("node", *arguments)
    assert (told.status, told.out) == (2, "")
    assert "manage.py node" in told.err


def test_json_is_nothing_but_json(open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    for arguments in (("show", teacher.node), ("list", "--limit", "3"), ("reindex", teacher.node)):
        for line in command("node", *arguments, "--json").out.splitlines():
            json.loads(line)
