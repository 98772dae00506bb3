"""`manage.py node import` checks every line before it imports one, and leaves existing patterns alone."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoDbBlocker

from benchmarks.stack import eventually
from engine.ranges import LARGEST, LARGEST_FREQUENCY
from katoproject.configuration.environment import PROJECT_DIR
from memory_app.files import node_files
from memory_app.operations.patterns import learn
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.reads import nodes
from tests.support.taught import learn_each, lesson
from tests.support.transactions import waits_for_locks

HEAD: dict[str, Any] = {"kato": "node", "version": 1, "node_id": "somewhere else"}
AB: dict[str, Any] = {"events": [["a"], ["b"]], "frequency": 2, "emotives": [{"joy": 1.0}], "metadata": {"by": ["me"]}}
CD: dict[str, Any] = {"events": [["c", "d"]]}
AB_NAME = "76d7efca2e96cb5eeddf4e06ac96a0f424630135"
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
    counts = {"patterns": 2, "affinities": 1, "retirements": 0}
    assert {**report, "seconds": None} == {"node_id": node, **counts, "seconds": None}
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert (pattern.events, pattern.frequency) == (AB["events"], 2)
    assert (pattern.emotives, pattern.metadata) == (AB["emotives"], AB["metadata"])
    assert nodes.affinities(node).affinities == {"a": {"joy": 0.1}}


def test_texts_of_metadata_are_kept_sorted_and_once_however_the_file_has_them(import_lines: Import, node: str) -> None:
    import_lines(HEAD, {**AB, "metadata": {"by": ["me", "her", "me"]}}, CD, FEELING, END)
    pattern = nodes.pattern(node, name_of(AB))
    assert pattern is not None
    assert pattern.metadata == {"by": ["her", "me"]}


def test_a_file_with_a_retired_pattern_is_not_imported(import_lines: Import, node: str) -> None:
    retire(node_id=node, names=[name_of(CD)])
    with pytest.raises(CommandError, match="already knows something"):
        import_lines(HEAD, AB, CD, FEELING, END)
    with pytest.raises(CommandError, match=f"Pattern {name_of(CD)} is retired on node"):
        import_lines(HEAD, AB, CD, FEELING, END, options=["--add"])
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
        ("{", "Invalid JSON: EOF while parsing an object at its end"),
        ("[]", "a line is a JSON object with one of kato, events, symbol, retired, end"),
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
        ({**AB, "felt": {"joy": 0.5}}, "felt.joy: Input should be a number as a text"),
        ({**AB, "felt": {"joy": "1e5"}}, "felt.joy: Input should be a number as a text"),
        ({**AB, "felt": {"joy": "NaN"}}, "felt.joy: Input should be a number as a text"),
        ({**AB, "felt": {"joy": "9" * 330}}, "a number is larger than the largest double"),
        (
            {"retired": AB_NAME[1:]},
            "retired: Input should be a name: 40 digits 0-9 and a-f",
        ),
        ({"retired": AB_NAME, "purged": 1}, "purged: Input should be a valid boolean"),
        ({**END, "patterns": 1, "retirements": 2}, "2 retirements were exported, here are 0"),
        ({**END, "patterns": 7}, "7 patterns and 1 affinities were exported, here are 1 and 0"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(
    import_lines: Import, node: str, line: Any, problem: str
) -> None:
    before = [FEELING] if "retirements" in line else []
    with pytest.raises(CommandError) as wrong:
        import_lines(HEAD, AB, *before, line, END)
    assert str(wrong.value).startswith(f"line {3 + len(before)}: ")
    assert problem in str(wrong.value)
    assert nodes.count_patterns(node) == 0


def test_a_pattern_after_what_is_retired_is_a_wrong_line(import_lines: Import, node: str) -> None:
    with pytest.raises(CommandError, match="line 3: a pattern comes before what is retired"):
        import_lines(HEAD, {"retired": AB_NAME}, AB)
    assert nodes.count_patterns(node) == 0


def test_what_another_node_purged_is_retired_here_if_it_is_known(import_lines: Import, node: str) -> None:
    """Only what is not there counts as purged; and what is retired already stays as it is."""
    other, never = "0" * 40, "f" * 40
    import_lines(HEAD, AB, {**END, "patterns": 1, "affinities": 0})
    purged = [{"retired": name, "purged": True} for name in (AB_NAME, other)]
    end = {**END, "patterns": 0, "affinities": 0, "retirements": 3}
    for _ in range(2):
        import_lines(HEAD, *purged, {"retired": f"PTRN|{never}"}, end, options=["--add"])
    done = purge(node_id=node, names=None, limit=10)
    assert (done.names, done.remaining) == ([AB_NAME, never], 0)
    assert nodes.count_patterns(node) == 0


def test_an_import_stops_before_a_pattern_that_is_retired_here(
    import_lines: Import, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_files, "BATCH", 2)
    retire(node_id=node, names=[AB_NAME])
    lines = [HEAD, CD, AB, {**END, "affinities": 0}]
    with pytest.raises(CommandError, match=r"Stopped after line 2\. .* is retired .* --add --from-line 3$"):
        import_lines(*lines, options=["--add"])
    un_retire(node_id=node, names=[AB_NAME])
    import_lines(*lines, options=["--add", "--from-line=3"])
    assert nodes.count_patterns(node) == 2


def test_an_import_that_retires_waits_for_learns_before_it_learns_itself(
    import_lines: Import, node: str, database: psycopg.Connection
) -> None:
    """Otherwise a learn that it keeps waiting would keep it waiting."""
    learn_each(node, lesson("a", "b"))

    def bring() -> None:
        with closing(connection), transaction.atomic():
            node_files.add_lines(node, [node_files.Pattern(**AB), node_files.Retired(retired="0" * 40)], 5)

    importer = threading.Thread(target=bring)
    with transaction.atomic():
        learn(node_id=node, lessons=[lesson("c", "d")], persistence=5)
        importer.start()
        eventually(lambda: waits_for_locks(database) > 0, "the import waits")
        free = database.execute(
            "SELECT FROM memory_app_pattern WHERE name = decode(%s, 'hex') AND memory = "
            "(SELECT memory FROM memory_app_node WHERE node_id = %s) FOR UPDATE SKIP LOCKED",
            [AB_NAME, node],
        )
        assert free.rowcount == 1
    importer.join()
    known = nodes.pattern(node, AB_NAME)
    assert known is not None
    assert known.frequency == 3


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
