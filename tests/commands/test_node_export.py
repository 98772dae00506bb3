"""`manage.py node export` writes a file that `node import` takes, with everything that the node knows."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from memory_app.files import exporting
from tests.support.taught import lesson, teach

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
