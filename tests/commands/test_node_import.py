"""`manage.py node import` checks every line before it imports one, and leaves existing patterns alone."""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from pytest_django import DjangoDbBlocker

from engine.ranges import LARGEST, LARGEST_FREQUENCY
from katoproject.configuration.environment import PROJECT_DIR
from memory_app.files import node_files
from memory_app.operations.patterns import learn
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import nodes

HEAD: dict[str, Any] = {"kato": "node", "version": 1, "node_id": "somewhere else"}
AB: dict[str, Any] = {"events": [["a"], ["b"]], "frequency": 2, "emotives": [{"joy": 1.0}], "metadata": {"by": ["me"]}}
CD: dict[str, Any] = {"events": [["c", "d"]]}
FEELING = {"symbol": "a", "affinity": {"joy": 0.1}}
END: dict[str, Any] = {"end": True, "patterns": 2, "affinities": 1}


def name_of(line: dict[str, Any]) -> str:
    return node_files.Pattern(**line).lesson.name


Import = Callable[..., dict[str, Any]]


@pytest.fixture
def import_lines(
    django_db_blocker: DjangoDbBlocker, server: object, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Import]:
    """Import lines, objects or text, into a node of this test's own in the database of the running service."""

    def run(*lines: Any, options: Sequence[str] = ()) -> dict[str, Any]:
        file = tmp_path / "lines"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", errors="surrogatepass")
        out = io.StringIO()
        call_command("node", "import", str(file), "--node", request.node.name, "--json", *options, stdout=out)
        report: dict[str, Any] = json.loads(out.getvalue())
        return report

    with django_db_blocker.unblock():
        yield run
        connection.close()


def test_the_documented_file_can_be_imported(import_lines: Import, node: str) -> None:
    text = (PROJECT_DIR / "docs" / "migrating.md").read_text().partition("## A node's file")[2]
    block = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert block is not None
    import_lines(*block[1].splitlines())
    assert nodes.count_patterns(node) == 1


def test_what_a_file_holds_is_known_afterwards(import_lines: Import, node: str) -> None:
    report = import_lines(HEAD, AB, CD, FEELING, END)
    assert {**report, "seconds": None} == {"node_id": node, "patterns": 2, "affinities": 1, "seconds": None}
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert (pattern.events, pattern.frequency) == (AB["events"], 2)
    assert (pattern.emotives, pattern.metadata) == (AB["emotives"], AB["metadata"])
    assert nodes.affinities(node).affinities == {"a": {"joy": 0.1}}


def test_a_file_with_a_retired_pattern_is_not_imported(import_lines: Import, node: str) -> None:
    retire(node_id=node, names=[name_of(CD)])
    with pytest.raises(CommandError, match=f"Pattern {name_of(CD)} is retired on node"):
        import_lines(HEAD, AB, CD, FEELING, END)
    assert nodes.count_patterns(node) == 0
    un_retire(node_id=node, names=[name_of(CD)])
    assert import_lines(HEAD, AB, CD, FEELING, END)["patterns"] == 2


def test_sums_of_affinities_are_exact_and_show_the_end_of_the_range(import_lines: Import, node: str) -> None:
    parts = [{"symbol": "a", "affinity": {"joy": joy}} for joy in (1.7e308, 0.25, 1.7e308)]
    import_lines(HEAD, AB, *parts, {"end": True, "patterns": 1, "affinities": 3})
    assert nodes.affinity(node, "a") == {"joy": LARGEST}
    opposite = [{"symbol": "a", "affinity": {"joy": -1.7e308}}] * 2
    import_lines(HEAD, AB, *opposite, {"end": True, "patterns": 1, "affinities": 2}, options=["--add"])
    assert nodes.affinity(node, "a") == {"joy": 0.25}


def test_a_byte_order_mark_is_no_part_of_the_file(import_lines: Import, node: str) -> None:
    import_lines(f"\ufeff{json.dumps(HEAD)}", AB, {**END, "patterns": 1, "affinities": 0})
    assert nodes.count_patterns(node) == 1


def test_a_frequency_grows_to_its_limit(import_lines: Import, node: str) -> None:
    most = {**AB, "frequency": LARGEST_FREQUENCY}
    import_lines(HEAD, AB, most, most, {**END, "patterns": 3, "affinities": 0})
    import_lines(HEAD, most, {**END, "patterns": 1, "affinities": 0}, options=["--add"])
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert pattern.frequency == LARGEST_FREQUENCY


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "EOF while parsing"),
        ("[]", "a line is a JSON object with one of kato, events, symbol, end"),
        ({}, "a line is a JSON object with one of"),
        ({"kato": "node", "version": 2, "node_id": "n"}, "version: Input should be 1"),
        ({**AB, "name": "0" * 40}, "the name of these events is 76d7efca2e96cb5eeddf4e06ac96a0f424630135, not 00"),
        ({**AB, "frequency": 0}, "frequency: Input should be greater than or equal to 1"),
        ({**AB, "frequency": 2**32}, "frequency: Input should be less than or equal to 4294967295"),
        ({**AB, "frequency": "2"}, "frequency: Input should be a valid integer"),
        ({**AB, "frequency": True}, "frequency: Input should be a valid integer"),
        ({"events": [["a"]]}, "a pattern has at least two symbols"),
        ({"events": [["a", "b"], []]}, "events.1: List should have at least 1 item"),
        ({"events": [["a", 1]]}, "events.0.1: Input should be a valid string"),
        ({"events": [["a", "\0"]]}, "events.0.1: U+0000 cannot be stored"),
        ('{"events": [["a", "\\ud800"]]}', "hex escape"),
        ({**AB, "emotives": [{"joy": float("nan")}]}, "emotives.0.joy: Input should be a finite number"),
        ({**AB, "metadata": {"by": "me"}}, "metadata.by: Input should be a valid list"),
        ({"symbol": "a", "affinity": {"joy": None}}, "affinity.joy: Input should be a valid number"),
        ({**END, "patterns": 7}, "7 patterns and 1 affinities were exported, here are 1 and 0"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(
    import_lines: Import, node: str, line: Any, problem: str
) -> None:
    with pytest.raises(CommandError) as wrong:
        import_lines(HEAD, AB, line, END)
    assert str(wrong.value).startswith("line 3: ")
    assert problem in str(wrong.value)
    assert nodes.count_patterns(node) == 0


def test_a_truncated_file_is_imported_only_on_demand(import_lines: Import, node: str) -> None:
    with pytest.raises(CommandError, match="no last line"):
        import_lines(HEAD, AB)
    assert nodes.count_patterns(node) == 0
    import_lines(HEAD, AB, options=["--partial"])
    assert nodes.count_patterns(node) == 1


def test_a_node_with_patterns_is_extended_only_on_demand(import_lines: Import, node: str) -> None:
    import_lines(HEAD, AB, CD, FEELING, END)
    with pytest.raises(CommandError, match="already knows something"):
        import_lines(HEAD, AB, CD, FEELING, END)
    import_lines(HEAD, AB, CD, FEELING, END, options=["--add"])
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert pattern.frequency == 4
    assert pattern.emotives == [{"joy": 1.0}, {"joy": 1.0}]
    assert pattern.metadata == {"by": ["me"]}
    assert nodes.affinities(node).affinities == {"a": {"joy": 0.2}}


def test_windows_longer_than_the_services_own_are_kept(import_lines: Import, node: str) -> None:
    emotives = [{"joy": float(number)} for number in range(12)]
    import_lines({**AB, "emotives": emotives}, options=["--partial"])
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert pattern.emotives == emotives


@pytest.mark.parametrize(
    ("end", "told", "status"),
    [
        (OperationalError("the connection is lost"), r" \(OperationalError: the connection is lost\)", 1),
        (KeyboardInterrupt(), "", 130),
    ],
    ids=["fault", "Ctrl-C"],
)
def test_an_interrupted_import_continues_where_it_stopped(
    import_lines: Import, node: str, monkeypatch: pytest.MonkeyPatch, end: BaseException, told: str, status: int
) -> None:
    monkeypatch.setattr(node_files, "BATCH", 2)
    patterns: list[dict[str, Any]] = [{"events": [[str(number)], ["x"]], "frequency": 3} for number in range(5)]
    lines = [HEAD, *patterns, {**END, "patterns": 5, "affinities": 0}]
    batches = iter([True, True, False])

    def learn_until_the_end(**arguments: Any) -> None:
        learn(**arguments)
        if not next(batches):
            raise end

    with monkeypatch.context() as trouble:
        trouble.setattr(node_files, "learn", learn_until_the_end)
        advice = r"\. What was imported stays; continue with --add --from-line 5$"
        with pytest.raises(CommandError, match=f"^Stopped after line 4{told}{advice}") as stopped:
            import_lines(*lines)
    assert stopped.value.returncode == status
    assert nodes.count_patterns(node) == 3
    import_lines(*lines, options=["--add", "--from-line=5"])
    assert nodes.count_patterns(node) == 5
    for one in patterns:
        pattern = nodes.pattern(node, name_of(one))
        assert pattern is not None
        assert pattern.frequency == 3
