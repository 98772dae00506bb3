"""`manage.py node export` writes a file that `node import` takes, with everything that the node knows."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from engine.lesson import Lesson
from memory_app.errors import RetiredPattern
from memory_app.files import exporting
from memory_app.operations.deleting import delete
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import acts, nodes
from tests.support.commands import command
from tests.support.sessions import OpenSession
from tests.support.taught import learn_each, lesson, teach

pytestmark = pytest.mark.usefixtures("same_database")


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    name = str(request.node.name)
    teach(name, *(lesson("a", f"n{n}", emotives=[{"joy": 0.1 * n}], metadata=[{"n": n}]) for n in range(5)), times=3)
    return name


def lines(node_id: str) -> list[bytes]:
    """Without the first one, which names the node and the moment."""
    return b"".join(exporting.parts(node_id)).splitlines()[1:]


def test_a_file_makes_a_copy_of_the_node(node: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    call_command("node", "export", node, "--output", str(file))
    call_command("node", "import", str(file), "--node", f"copy of {node}", "--json")
    assert lines(f"copy of {node}") == lines(node)


def test_it_says_how_many_vectors_are_not_in_the_file(open_session: OpenSession, tmp_path: Path) -> None:
    session = open_session()
    session.observe("a", vectors=[[1, 2]])
    session.observe("b", vectors=[[3, 4]])
    session.post("learn")
    file = tmp_path / "node.ndjson"
    told = command("node", "export", session.node, "--output", str(file)).err
    assert "2 vectors of the node are not in the file\n" in told
    assert command("node", "import", str(file), "--node", f"copy of {session.node}").status == 0
    told = command("node", "export", f"copy of {session.node}", "--output", str(tmp_path / "copy.ndjson")).err
    assert told == f"Node copy of {session.node} exported\n"


def copied(node_id: str, folder: Path) -> str:
    file, copy = folder / "node.ndjson", f"copy of {node_id}"
    call_command("node", "export", node_id, "--output", str(file))
    call_command("node", "import", str(file), "--node", copy, "--json")
    return copy


def felt(*events: str, joy: float) -> Lesson:
    return lesson(*events, emotives=[{"joy": joy}])


def test_a_copy_takes_back_exactly_what_its_patterns_felt(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The window has only the last of the emotives, and the mean of those would be wrong."""
    node_id = str(request.node.name)
    learned = [felt("a", "b", joy=joy) for joy in (0.1, 0.2, 1e15, 0.7, -0.3)]
    learn_each(node_id, *learned, felt("b", "c", joy=0.1), persistence=2)
    copy = copied(node_id, tmp_path)
    assert lines(copy) == lines(node_id)
    for one in (node_id, copy):
        delete(node_id=one, name=learned[0].name)
        assert nodes.affinities(one).affinities == {"b": {"joy": 0.1}, "c": {"joy": 0.1}}
        [act] = [act for act in acts.latest(node_id=one, limit=10) if act.act == "purged"]
        assert (act.frequency, act.exact) == (5, True)
    assert lines(copy) == lines(node_id)


def test_of_a_pattern_from_before_there_were_journals_a_copy_knows_no_more(node: str, tmp_path: Path) -> None:
    """The fixture teaches as files of other programs do."""
    assert b"felt" not in b"".join(lines(node))
    copy = copied(node, tmp_path)
    name = lesson("a", "n1").name
    delete(node_id=copy, name=name)
    [act, _] = acts.latest(node_id=copy, limit=10)
    assert (act.act, act.exact) == ("purged", False)


def test_what_is_retired_or_purged_stays_so_in_a_copy(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_RETIREMENTS", exporting._RETIREMENTS.replace("LIMIT 5000", "LIMIT 2"))
    retired, purged, never = lesson("a", "n0").name, lesson("a", "n1").name, ["0" * 40, "5" * 40, "f" * 40]
    retire(node_id=node, names=[retired, *never])
    retire(node_id=node, names=[purged, never[0]])
    purge(node_id=node, names=[purged, never[0]], limit=2)
    copy = copied(node, tmp_path)
    assert lines(copy) == lines(node)
    assert sum(b'"retired"' in line for line in lines(copy)) == 5
    for name in ("n0", "n1"):
        with pytest.raises(RetiredPattern):
            learn_each(copy, lesson("a", name))
    un_retire(node_id=copy, names=[retired, purged])
    learn_each(copy, lesson("a", "n0"), lesson("a", "n1"))
    frequencies = [known.frequency for known in (nodes.pattern(copy, retired), nodes.pattern(copy, purged)) if known]
    assert frequencies == [4, 1]


def test_a_file_that_exists_is_left_alone(node: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    file.write_text("mine")
    with pytest.raises(CommandError, match="already exists"):
        call_command("node", "export", node, "--output", str(file))
    assert file.read_text() == "mine"


def test_a_node_that_never_learned_has_no_file(node: str, tmp_path: Path) -> None:
    file = tmp_path / "node.ndjson"
    with pytest.raises(CommandError, match="has learned nothing"):
        call_command("node", "export", f"not {node}", "--output", str(file))
    assert not file.exists()
